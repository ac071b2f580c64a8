"""The comparison of an export with its model detects differences."""

import keras
import numpy as np
import pytest

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data import load_image
from keras_efficient.export import ExportMismatchError
from keras_efficient.export.specs import describe
from keras_efficient.export.verification.comparison import coarse_difference
from keras_efficient.export.verification.comparison import difference
from keras_efficient.export.verification.comparison import verify
from keras_efficient.export.verification.expected_outputs import ExpectedOutputs
from keras_efficient.export.verification.expected_outputs import (
    compute_expected_outputs,
)
from keras_efficient.export.verification.samples import Samples
from keras_efficient.export.verification.samples import make_samples
from tests.models.detectors import tiny

PROBABILITIES = np.array([[0.2, 0.8], [0.7, 0.3]], "float32")
SAMPLES = Samples(
    files=[b"first", b"second"],
    images=np.zeros((2, 5, 7, 3), "uint8"),
    raw=np.zeros((2, 4, 6, 3), "float32"),
)
EXPECTED = ExpectedOutputs(
    samples=SAMPLES,
    outputs={
        "serving_default": {"probabilities": PROBABILITIES},
        "images": {"probabilities": PROBABILITIES},
    },
    class_names=("cat", "Hündin"),
    tolerance=1e-5,
)
NAMES = ["Hündin".encode(), b"cat"]


def constant_signatures(probabilities, labels, names):
    """Signatures that return the same for every input."""
    outputs = {
        "probabilities": np.array(probabilities),
        "label": np.array(labels),
        "class_name": np.array(names, object),
    }
    return {"serving_default": lambda _: outputs, "images": lambda _: outputs}


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
            "'serving_default' of the .* by 2e-05; at most 1e-05",
        ),
        (changed(0, 1, np.nan), [1, 0], NAMES, "by nan"),
        (PROBABILITIES[:1], [1], NAMES[:1], "by inf"),
        (PROBABILITIES, [1, 1], NAMES, "do not belong to its labels"),
        (
            PROBABILITIES,
            [1, 0],
            [NAMES[0], b"dog"],
            "do not belong to its labels",
        ),
    ],
)
def test_signatures_are_compared(probabilities, labels, names, message):
    signatures = constant_signatures(probabilities, labels, names)
    if message is None:
        largest = np.abs(probabilities - PROBABILITIES).max()
        assert verify(signatures, EXPECTED) == pytest.approx(largest, abs=1e-9)
    else:
        with pytest.raises(ExportMismatchError, match=message):
            verify(signatures, EXPECTED)


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
        # Equal scores may be in any order.
        ((SECOND, FIRST, LAST), 0.0),
        # Detections near the lowest score may be missing or new.
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


def test_expected_outputs_are_those_of_the_model():
    model = linear_model()
    model.layers[-1].set_weights([np.eye(3, 2) / 50, np.zeros(2)])
    preprocessing = ClassificationPreprocessing((30, 22), None, "bilinear")
    spec = describe(model, preprocessing=preprocessing)
    expected = compute_expected_outputs(model, spec)

    def probabilities(pixels):
        exp = np.exp(np.stack(pixels).mean(axis=(1, 2))[:, :2] / 50)
        return exp / exp.sum(axis=-1, keepdims=True)

    samples = expected.samples
    inputs = {
        "serving_default": [
            preprocessing(load_image(file)) for file in samples.files
        ],
        "images": [preprocessing(image) for image in samples.images],
        "raw": samples.raw.astype("float64"),
    }
    for name, pixels in inputs.items():
        np.testing.assert_allclose(
            expected.outputs[name]["probabilities"],
            probabilities(pixels),
            atol=1e-5,
        )


def test_drawn_files_exercise_every_step():
    transparent, rotated = make_samples((30, 22)).files
    assert transparent.startswith(b"\x89PNG") and b"Exif" in rotated
    # One is enlarged; the other is shrunk and rotated.
    assert load_image(transparent).shape == (20, 11, 3)
    assert load_image(rotated).shape == (22 * 2 + 5, 30 * 3 // 2 + 7, 3)


def test_photos_replace_drawn_files(tmp_path):
    drawn = make_samples((30, 22)).files
    path = tmp_path / "photo.jpg"
    path.write_bytes(drawn[1])
    assert make_samples((8, 8), [path, drawn[0]]).files == [drawn[1], drawn[0]]


def test_tolerance_of_half_precision_is_coarse():
    model = linear_model()
    expected = compute_expected_outputs(model, describe(model))
    assert expected.tolerance == 1e-5 and not expected.is_coarse
    model = linear_model(dtype="mixed_bfloat16")
    expected = compute_expected_outputs(model, describe(model))
    largest = expected.outputs["raw"]["probabilities"].max()
    assert expected.tolerance == pytest.approx(0.05 * largest)
    assert expected.is_coarse


@pytest.mark.parametrize(
    "options, tolerance",
    [
        ({"has_float64": False}, 5e-3),
        ({"has_float64": False, "image_size": (40, 30)}, 1e-5),
        ({"precision": "int8"}, 0.5),
    ],
)
def test_tolerance_of_other_exports(options, tolerance):
    model = linear_model()
    expected = compute_expected_outputs(model, describe(model), **options)
    assert expected.tolerance == tolerance


def test_network_is_compared_if_nothing_is_detected():
    model = tiny()
    expected = compute_expected_outputs(model, describe(model))
    assert not expected.outputs["images"]["num_detections"].any()
    network = expected.outputs["network"]
    assert verify({"network": lambda _: network}, expected) == 0
    logits = network["class_logits"]
    wrong = {**network, "class_logits": logits + 0.1 * np.abs(logits).max()}
    with pytest.raises(ExportMismatchError, match="'network'.*by 0.1"):
        verify({"network": lambda _: wrong}, expected)


def test_coarse_difference_is_the_share_without_a_counterpart():
    expected = rows(FIRST, SECOND, LAST)
    moved = (12, 12, 112, 62, 0.7, 0)
    assert coarse_difference(expected, rows(moved, SECOND, LAST)) == 0
    found = rows(moved, LAST)
    share = 0.6 / (0.9 + 0.6 + 0.31 + 0.7 + 0.31)
    assert coarse_difference(expected, found) == pytest.approx(share)
    other_class = rows((*FIRST[:5], 1), SECOND, LAST)
    assert coarse_difference(expected, other_class) > 0.4
    assert np.isnan(
        coarse_difference(expected, rows((0, 0, np.nan, 9, 0.9, 0)))
    )
