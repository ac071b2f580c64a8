import numpy as np
import pytest
from PIL import Image

from keras_efficient.data import classification_from_arrays
from keras_efficient.data import find_duplicates
from keras_efficient.data import load_classification
from tests.marks import on_one_backend

pytestmark = on_one_backend


def scenes(count, seed=0):
    """Smooth random images, as photos are."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (count, 8, 10, 3), "uint8")
    return np.stack(
        [
            np.asarray(Image.fromarray(x).resize((100, 80), Image.BICUBIC))
            for x in coarse
        ]
    )


def test_copies_are_found_and_others_are_not():
    train, other = scenes(20), scenes(5, seed=1)
    validation = np.concatenate([other[:2], train[7:8], other[2:]])
    pairs = find_duplicates(
        classification_from_arrays(validation, np.zeros(6, int)),
        classification_from_arrays(train, np.zeros(20, int)),
    )
    assert [(x.first, x.second, x.distance) for x in pairs] == [(2, 7, 0)]


def test_compressed_and_resized_copies_are_found(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "class").mkdir(parents=True)
    for i, pixels in enumerate(scenes(6)):
        image = Image.fromarray(pixels).resize((400, 320))
        image.save(tmp_path / "a" / "class" / f"{i}.png")
        smaller = image.resize((200, 160))
        smaller.save(tmp_path / "b" / "class" / f"{i}.jpg", quality=60)
    first, second = (load_classification(tmp_path / x) for x in ("a", "b"))
    pairs = find_duplicates(first, second)
    assert [(x.first, x.second) for x in pairs] == [(i, i) for i in range(6)]


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "imagehash", None)
    dataset = classification_from_arrays(scenes(1), np.zeros(1, int))
    with pytest.raises(ImportError, match=r"keras-efficient\[check\]"):
        find_duplicates(dataset, dataset)
