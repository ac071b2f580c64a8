"""The comparison of an export with its model fails where it should."""

import keras
import numpy as np
import pytest

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data import load_image
from keras_efficient.export import ExportMismatchError
from keras_efficient.export.classification_spec import describe_classification
from keras_efficient.export.verification.check import Check
from keras_efficient.export.verification.check import make_check
from keras_efficient.export.verification.comparison import difference
from keras_efficient.export.verification.samples import Samples
from keras_efficient.export.verification.samples import make_samples

PROBABILITIES = np.array([[0.2, 0.8], [0.7, 0.3]], "float32")
SAMPLES = Samples(
    files=[b"first", b"second"],
    images=np.zeros((2, 5, 7, 3), "uint8"),
    raw=np.zeros((2, 4, 6, 3), "float32"),
)
CHECK = Check(
    samples=SAMPLES,
    answers={
        "serving_default": {"probabilities": PROBABILITIES},
        "images": {"probabilities": PROBABILITIES},
    },
    class_names=("cat", "Hündin"),
    tolerance=1e-5,
)
NAMES = ["Hündin".encode(), b"cat"]


def answering(probabilities, labels, names):
    """Signatures that say the same of everything."""
    answer = {
        "probabilities": np.array(probabilities),
        "label": np.array(labels),
        "class_name": np.array(names, object),
    }
    return {"serving_default": lambda _: answer, "images": lambda _: answer}


def changed(row, column, value):
    probabilities = PROBABILITIES.copy()
    probabilities[row, column] = value
    return probabilities


@pytest.mark.parametrize(
    "probabilities, labels, names, message",
    [
        (PROBABILITIES, [1, 0], NAMES, None),
        (changed(0, 0, 0.200008), [1, 0], NAMES, None),
        (
            changed(1, 1, 0.30002),
            [1, 0],
            NAMES,
            "'serving_default' of the .* by 2e-05; allowed are 1e-05",
        ),
        (changed(0, 1, np.nan), [1, 0], NAMES, "by nan"),
        (PROBABILITIES[:1], [1], NAMES[:1], "by inf"),
        (PROBABILITIES, [1, 1], NAMES, "names other classes"),
        (PROBABILITIES, [1, 0], [NAMES[0], b"dog"], "names other classes"),
    ],
)
def test_compares_signatures(probabilities, labels, names, message):
    signatures = answering(probabilities, labels, names)
    if message is None:
        largest = np.abs(probabilities - PROBABILITIES).max()
        assert CHECK.run(signatures) == pytest.approx(largest, abs=1e-9)
    else:
        with pytest.raises(ExportMismatchError, match=message):
            CHECK.run(signatures)


def test_check_survives_its_file(tmp_path):
    CHECK.save(tmp_path / "check.npz")
    loaded = Check.load(tmp_path / "check.npz")
    assert loaded.samples.files == SAMPLES.files
    np.testing.assert_array_equal(loaded.samples.raw, SAMPLES.raw)
    np.testing.assert_array_equal(loaded.samples.images, SAMPLES.images)
    assert loaded.class_names == CHECK.class_names
    assert loaded.tolerance == CHECK.tolerance
    assert set(loaded.answers) == set(CHECK.answers)
    np.testing.assert_array_equal(
        loaded.answers["images"]["probabilities"], PROBABILITIES
    )


def rows(*detections):
    """Detections of one image: left, top, right, bottom, score, label."""
    table = np.array(detections, "float32").reshape(-1, 6)
    return {
        "boxes": table[None, :, :4],
        "scores": table[None, :, 4],
        "labels": table[None, :, 5].astype("int32"),
        "num_detections": np.array([len(table)]),
    }


FIRST = (10, 10, 110, 60, 0.9, 0)
SECOND = (50, 20, 90, 70, 0.6, 1)
LAST = (0, 0, 20, 20, 0.31, 1)


@pytest.mark.parametrize(
    "found, expected",
    [
        ((FIRST, SECOND, LAST), 0.0),
        # Equal scores may stand in either order.
        ((SECOND, FIRST, LAST), 0.0),
        # What is barely there may be missing, or come new.
        ((FIRST, SECOND), 0.0),
        ((FIRST, SECOND, LAST, (5, 5, 9, 9, 0.305, 0)), 0.0),
        ((FIRST, LAST), np.inf),
        (((10, 10, 110, 60, 0.9, 1), SECOND, LAST), np.inf),
        ((FIRST, SECOND, LAST, (5, 5, 9, 9, 0.7, 0)), np.inf),
        (((10, 11, 110, 60, 0.9, 0), SECOND, LAST), 0.01),
        (((10, 10, 110, 60, 0.89, 0), SECOND, LAST), 0.01),
        (((10, np.nan, 110, 60, 0.9, 0), SECOND, LAST), np.nan),
        ((), np.inf),
    ],
)
def test_difference_of_detections(found, expected):
    value = difference(rows(FIRST, SECOND, LAST), rows(*found))
    if np.isfinite(expected):
        assert value == pytest.approx(expected, abs=1e-6)
    elif np.isnan(expected):
        assert np.isnan(value)
    else:
        assert value > 0.02


def test_difference_of_raw_outputs_is_a_share_of_the_largest():
    raw = {
        "class_logits": np.array([[-8.0, 2.0]]),
        "box_deltas": np.array([[0.1, 0.5]]),
    }
    found = {**raw, "box_deltas": np.array([[0.1, 0.4]])}
    assert difference(raw, raw) == 0
    assert difference(raw, found) == pytest.approx(0.2)
    assert np.isnan(
        difference(raw, {**raw, "box_deltas": raw["box_deltas"] * np.nan})
    )


def linear_model(dtype=None):
    images = keras.Input((30, 22, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)
    outputs = keras.layers.Dense(2, dtype=dtype)(x)
    return keras.Model(images, outputs)


def test_asks_the_model_itself():
    model = linear_model()
    model.layers[-1].set_weights([np.eye(3, 2) / 50, np.zeros(2)])
    preprocessing = ClassificationPreprocessing((30, 22), None, "bilinear")
    spec = describe_classification(model, None, preprocessing)
    check = make_check(model, spec)

    def expected(pixels):
        exp = np.exp(np.stack(pixels).mean(axis=(1, 2))[:, :2] / 50)
        return exp / exp.sum(axis=-1, keepdims=True)

    questions = {
        "serving_default": [
            preprocessing(load_image(file)) for file in check.samples.files
        ],
        "images": [preprocessing(image) for image in check.samples.images],
        "raw": check.samples.raw.astype("float64"),
    }
    for name, pixels in questions.items():
        np.testing.assert_allclose(
            check.answers[name]["probabilities"], expected(pixels), atol=1e-5
        )


def test_drawn_files_need_every_step():
    transparent, rotated = make_samples((30, 22)).files
    assert transparent.startswith(b"\x89PNG") and b"Exif" in rotated
    # The one to be enlarged, the other to be shrunk and turned.
    assert load_image(transparent).shape == (20, 11, 3)
    assert load_image(rotated).shape == (22 * 2 + 5, 30 * 3 // 2 + 7, 3)


def test_photos_take_the_place_of_drawn_files(tmp_path):
    drawn = make_samples((30, 22)).files
    path = tmp_path / "photo.jpg"
    path.write_bytes(drawn[1])
    assert make_samples((8, 8), [path, drawn[0]]).files == [drawn[1], drawn[0]]


def test_half_precision_is_compared_coarsely():
    model = linear_model()
    check = make_check(model, describe_classification(model))
    assert check.tolerance == 1e-5
    model = linear_model(dtype="mixed_bfloat16")
    check = make_check(model, describe_classification(model))
    largest = check.answers["raw"]["probabilities"].max()
    assert check.tolerance == pytest.approx(0.05 * largest)
