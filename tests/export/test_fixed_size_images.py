"""Images at the fixed size that an export accepts."""

import numpy as np
import pytest
from PIL import Image

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.export.formats.fixed_size_images import fit_image


@pytest.mark.parametrize("shape", [(150, 60), (60, 150)])
@pytest.mark.parametrize("crop_fraction", ["published", 0.5, None])
def test_region_that_the_preprocessing_keeps_is_kept(shape, crop_fraction):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 5, 3), "uint8")
    image = np.asarray(Image.fromarray(pixels).resize(shape[::-1], 3))
    preprocessing = ClassificationPreprocessing((64, 48), crop_fraction)
    fitted, scale = fit_image(image, preprocessing, (96, 72))
    assert fitted.shape == (96, 72, 3) and scale == 1
    difference = preprocessing(fitted).astype(int) - preprocessing(image)
    # Scaled twice and cropped at pixels; stretching would differ by 30 or more.
    assert np.abs(difference).mean() < 5


def test_images_of_the_right_size_are_unchanged():
    image = np.zeros((20, 30, 3), "uint8")
    fitted, _ = fit_image(image, ClassificationPreprocessing((8, 8)), (20, 30))
    assert fitted is image
