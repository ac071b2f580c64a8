"""Tests for `ClassificationPreprocessing`."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_efficient.data import ClassificationPreprocessing
from tests.marks import on_one_backend

pytestmark = on_one_backend


def noise(height, width):
    return np.random.default_rng(1).integers(
        0, 256, (height, width, 3), "uint8"
    )


@pytest.mark.parametrize(
    "size, crop_fraction, image_size, expected",
    [
        # The papers' rule: 224 of 256 pixels, 16 left at each side.
        ((224, 224), "published", (256, 256), (16, 16, 224, 224)),
        # 224 / 256 of the shorter side: 0.875 * 300 = 262.5, halves up;
        # (300 - 263) // 2 = 18, (400 - 263) // 2 = 68.
        ((224, 224), "published", (300, 400), (18, 68, 263, 263)),
        # 380 / 412 of 412 pixels.
        ((380, 380), "published", (412, 500), (16, 60, 380, 380)),
        # Below 224 it stays at 7 / 8: 78.75 of 90 high, 157.5 of 180 wide.
        ((64, 128), "published", (90, 300), (5, 71, 79, 158)),
        # The width is short: 100 * 0.9 = 90; 90 * 3 / 2 = 135 high.
        ((30, 20), 0.9, (400, 100), (132, 5, 135, 90)),
        ((224, 224), 1, (300, 400), (0, 50, 300, 300)),
        ((224, 160), None, (300, 400), (0, 0, 300, 400)),
        # One pixel is the least.
        ((100, 10), 0.5, (7, 300), (1, 149, 4, 1)),
    ],
)
def test_crop_box(size, crop_fraction, image_size, expected):
    preprocessing = ClassificationPreprocessing(size, crop_fraction)
    assert preprocessing.crop_box(*image_size) == expected


@pytest.mark.parametrize("crop_fraction", ["published", 1.0, 0.001, 1 / 3])
def test_crop_box_stays_inside(crop_fraction):
    rng = np.random.default_rng(0)
    for _ in range(300):
        height, width, *size = (int(x) for x in rng.integers(1, 700, 4))
        preprocessing = ClassificationPreprocessing(size, crop_fraction)
        top, left, rows, columns = preprocessing.crop_box(height, width)
        assert min(top, left) >= 0 and min(rows, columns) >= 1
        assert top + rows <= height and left + columns <= width


@pytest.mark.parametrize("crop_fraction", [0.8, None])
@pytest.mark.parametrize("method", ["bicubic", "bilinear"])
def test_resizes_as_pil_rows_first(method, crop_fraction):
    # A tall image, which PIL from 13.0 on would resize columns first.
    image = noise(143, 51)
    preprocessing = ClassificationPreprocessing((24, 40), crop_fraction, method)
    top, left, height, width = preprocessing.crop_box(143, 51)
    resampling = Image.Resampling[method.upper()]
    rows = Image.fromarray(image[top : top + height, left : left + width])
    rows = rows.resize((40, height), resampling)
    expected = np.asarray(rows.resize((40, 24), resampling))
    np.testing.assert_array_equal(preprocessing(image), expected)


def test_reduction_averages_pixels():
    # Black and white columns by turns: gray, not the black of every second.
    image = np.zeros((6, 40, 3), "uint8")
    image[:, 1::2] = 255
    small = ClassificationPreprocessing((3, 5), None, "bilinear")(image)
    assert np.abs(small[:, 1:-1].astype(int) - 127).max() <= 1


def test_stretches_without_a_crop():
    image = np.zeros((10, 20, 3), "uint8")
    image[:, 10:] = 200
    stretched = ClassificationPreprocessing((20, 10), None, "bilinear")(image)
    assert stretched[:, :4].max() == 0 and stretched[:, 6:].min() == 200


def test_an_image_of_the_right_size_stays_and_is_copied():
    image = noise(9, 7)
    result = ClassificationPreprocessing((9, 7), None)(image)
    np.testing.assert_array_equal(result, image)
    result[:] = 0
    assert image.any()


def test_one_number_is_a_square():
    assert ClassificationPreprocessing(np.int64(7)).size == (7, 7)


@pytest.mark.parametrize("crop_fraction", [None, "published", 0.875, 1])
def test_config_survives_json(crop_fraction):
    preprocessing = ClassificationPreprocessing(
        [224, 160], crop_fraction, "bilinear"
    )
    config = json.loads(json.dumps(preprocessing.to_config()))
    assert ClassificationPreprocessing.from_config(config) == preprocessing


def test_fractions_are_exact():
    # As binary floats 0.7 * 90 is a little less than 63.
    assert ClassificationPreprocessing((1, 1), 0.7).crop_box(90, 90)[2:] == (
        63,
        63,
    )
    assert ClassificationPreprocessing((1, 1), 0.35).crop_box(90, 90)[2:] == (
        32,
        32,
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"size": (0, 3)}, r"`size` must be .*Received: size=\(0, 3\)"),
        ({"size": (2, 3, 3)}, "`size` must be"),
        ({"size": (2.5, 3)}, "`size` must be"),
        ({"size": 3, "method": "nearest"}, "`method` must be.*'nearest'"),
        ({"size": 3, "crop_fraction": 0}, r"in \[0.001, 1\].*Received.*=0$"),
        ({"size": 3, "crop_fraction": 1.1}, "`crop_fraction` must be"),
        ({"size": 3, "crop_fraction": "full"}, "`crop_fraction` must be"),
        ({"size": 3, "crop_fraction": True}, "`crop_fraction` must be"),
        ({"size": 3, "crop_fraction": float("nan")}, "`crop_fraction` must"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClassificationPreprocessing(**arguments)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((5, 4, 3), "float32"),
        np.zeros((5, 4), "uint8"),
        np.zeros((2, 5, 4, 3), "uint8"),
    ],
)
def test_other_arrays_are_errors(image):
    with pytest.raises(ValueError, match="must be a uint8 array.*Received"):
        ClassificationPreprocessing(3)(image)
