"""Classification of images of any size."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.inference import classify
from keras_efficient.inference import classify_each
from tests.models.builders import tiny
from tests.support.random_weights import randomize

NAMES = ("a", "b", "c", "d", "e")


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(1)
    sizes = [(50, 120), (200, 90), (64, 96)]
    return [rng.integers(0, 256, (*size, 3), "uint8") for size in sizes]


@pytest.fixture(scope="module")
def model():
    return randomize(tiny())


@pytest.mark.parametrize("activation", ["softmax", None])
def test_equals_the_separate_steps(activation, images):
    model = randomize(tiny(classifier_activation=activation))
    found = classify(model, images, class_names=NAMES, batch_size=2, top=3)
    resize = ClassificationPreprocessing((40, 40))
    pixels = np.stack([resize(image) for image in images])
    expected = model.predict(pixels.astype("float32"), verbose=0)
    if activation is None:
        expected = keras.ops.convert_to_numpy(keras.ops.softmax(expected))
    for image, row, result in zip(images, expected, found, strict=True):
        best = np.argsort(-row)[:3]
        assert result.labels.tolist() == best.tolist()
        assert result.names == [NAMES[i] for i in best]
        np.testing.assert_allclose(result.probabilities, row[best], atol=1e-5)
        assert result.image is image and len(result) == 3
        json.dumps(result.to_dict())


def test_one_file(model, images, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(images[0]).save(path)
    (found,) = classify(model, path)
    (expected,) = classify(model, images[0])
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert found.names == [str(label) for label in found.labels]
    assert classify(model, []) == []


def test_class_names_of_the_model(model, images, monkeypatch):
    monkeypatch.setattr(model, "class_names", NAMES, raising=False)
    (found,) = classify(model, images[0], top=5)
    assert sorted(found.names) == sorted(NAMES)
    (found,) = classify(model, images[0], top=5, class_names="vwxyz")
    assert sorted(found.names) == list("vwxyz")


def test_progress(model, images):
    seen = []

    def progress(results, total):
        for one in results:
            seen.append((one.image.shape[:2], total))
            yield one

    assert len(classify(model, images, batch_size=2, progress=progress)) == 3
    assert seen == [(image.shape[:2], 3) for image in images]


def test_any_size_needs_preprocessing(images):
    model = tiny(input_shape=(None, None, 3))
    with pytest.raises(ValueError, match="pass `preprocessing`"):
        classify(model, images)
    sizes = ClassificationPreprocessing((48, 40))
    assert len(classify(model, images, preprocessing=sizes)) == 3


def test_bad_arguments(model, images):
    with pytest.raises(ValueError, match="must have 5 names.*2 names"):
        classify(model, images, class_names=("a", "b"))
    with pytest.raises(ValueError, match="`top` must be at least 1"):
        classify(model, images, top=0)
    with pytest.raises(ValueError, match="batch_size"):
        classify(model, images, batch_size=0)
    with pytest.raises(ValueError, match="Image 1 must be.*int"):
        classify(model, [images[0], 3])
    with pytest.raises(ValueError, match="one output for each class"):
        classify(tiny(include_top=False), images)


def test_images_that_cannot_be_read_are_skipped(model, images, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_text("no image")
    errors = []
    found = classify_each(
        model,
        iter([images[0], broken, images[1], images[2]]),
        batch_size=2,
        on_error=lambda image, error: errors.append(image),
    )
    expected = classify(model, images, batch_size=2)
    for result, other in zip(found, expected, strict=True):
        assert result.image is other.image
        assert result.labels.tolist() == other.labels.tolist()
    assert errors == [broken]
