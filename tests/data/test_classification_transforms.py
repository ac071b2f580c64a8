"""Tests for random transforms of training images."""

import numpy as np
import pytest

from keras_efficient.data import ClassificationAugmentation
from keras_efficient.data.transforms.color import color_jitter
from keras_efficient.data.transforms.crop import random_resized_crop
from keras_efficient.data.transforms.flip import random_flip
from tests.marks import on_one_backend

pytestmark = on_one_backend


def gradient_image(height=60, width=90):
    """Red is the row, green the column."""
    image = np.zeros((height, width, 3), "uint8")
    image[..., 0] = np.arange(height)[:, None]
    image[..., 1] = np.arange(width)[None]
    return image


def test_flip_mirrors_columns():
    image = gradient_image()
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(
        random_flip(image, rng, rate=1.0), image[:, ::-1]
    )
    assert random_flip(image, rng, rate=0.0) is image


def test_flip_keeps_its_rate():
    image, rng = gradient_image(), np.random.default_rng(0)
    flipped = [
        random_flip(image, rng, rate=0.2)[0, 0, 1] > 0 for _ in range(1000)
    ]
    assert np.mean(flipped) == pytest.approx(0.2, abs=0.04)


def test_crop_has_the_requested_area_and_stays_inside():
    image = gradient_image(60, 90)
    areas = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        crop = random_resized_crop(image, rng, (40, 50), area=(0.2, 0.3))
        assert crop.shape == (40, 50, 3) and crop.dtype == np.uint8
        # The colors of the edges are the box in the image.
        rows = float(crop[-1, 25, 0]) - float(crop[0, 25, 0]) + 1
        columns = float(crop[20, -1, 1]) - float(crop[20, 0, 1]) + 1
        areas.append(rows * columns / (60 * 90))
        assert crop[..., 0].max() < 60 and crop[..., 1].max() < 90
    assert 0.17 < min(areas) and max(areas) < 0.33
    assert np.std(areas) > 0.01


def test_crop_of_the_whole_falls_back_to_the_largest_centered():
    image = gradient_image(20, 200)
    rng = np.random.default_rng(0)
    crop = random_resized_crop(image, rng, (20, 20), area=(1, 1), aspect=(1, 1))
    np.testing.assert_array_equal(crop, image[:, 90:110])


def test_color_jitter_of_zero_is_identity():
    image = gradient_image()
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(color_jitter(image, rng, 0, 0, 0), image)


def test_color_jitter_by_hand():
    class Fixed:
        values = iter([1.5, 0.5, 0.0])

        def uniform(self, low, high):
            return next(self.values)

    image = np.array([[[100, 60, 20], [20, 20, 20]]], "uint8")
    bright = image.astype(float) * 1.5  # 150 90 30, and 30 30 30
    luma = np.array([0.299, 0.587, 0.114])
    mean = (bright @ luma).mean()  # of 101.1 and 30: 65.55
    flat = mean + (bright - mean) * 0.5
    gray = flat @ luma  # no saturation leaves each pixel's gray
    expected = np.repeat(np.rint(gray)[..., None], 3, axis=-1)
    jittered = color_jitter(image, Fixed(), 0.5, 0.5, 1.0)
    np.testing.assert_array_equal(jittered, expected)


def test_augmentation_is_determined_by_the_generator():
    augment = ClassificationAugmentation((33, 48), area=(0.3, 0.9))
    image = gradient_image()
    results = [
        augment(image, np.random.default_rng(seed)) for seed in (1, 1, 2)
    ]
    assert results[0].shape == (33, 48, 3)
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


@pytest.mark.parametrize("size", [(7, 5), (1, 64), (300, 2)])
def test_augmentation_takes_any_image(size):
    image = np.zeros((*size, 3), "uint8")
    result = ClassificationAugmentation((32, 40))(
        image, np.random.default_rng(0)
    )
    assert result.shape == (32, 40, 3)


@pytest.mark.parametrize(
    "height, width, size, expected",
    [
        # The smallest crop of a quarter, wide or tall by 4 / 3: sqrt(400 *
        # 600 / 4 * 3 / 4) = 212.1 pixels; 212.1 / 32 and 212.1 / 48.
        (400, 600, (32, 48), 4.42),
        (600, 400, (48, 32), 4.42),
        # 30 pixels of height are fewer than 212.1 * ... of a strip.
        (30, 4000, (20, 20), 1.5),
        (100, 100, (64, 64), 1.0),
    ],
)
def test_no_crop_of_a_reduced_image_is_smaller_than_the_result(
    height, width, size, expected
):
    reduction = ClassificationAugmentation(size).max_reduction(height, width)
    assert reduction == pytest.approx(expected, abs=0.005)


def test_repr_shows_the_settings():
    shown = repr(ClassificationAugmentation(64, area=(0.1, 0.5), flip_rate=0))
    assert shown.startswith(
        "ClassificationAugmentation(size=(64, 64), area=(0.1, 0.5)"
    )
    assert "flip_rate=0," in shown and "method='bicubic'" in shown


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"size": (0, 3)}, r"size=\(0, 3\)"),
        ({"method": "nearest"}, "method='nearest'"),
        ({"area": (0.0, 1.0)}, r"area=\(0.0, 1.0\)"),
        ({"area": (0.5, 1.5)}, r"<= 1.*area=\(0.5, 1.5\)"),
        ({"aspect": (2.0, 1.0)}, r"aspect=\(2.0, 1.0\)"),
        ({"flip_rate": 1.5}, "flip_rate=1.5"),
        ({"saturation": -1}, "saturation=-1"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClassificationAugmentation(**{"size": (32, 32), **arguments})
