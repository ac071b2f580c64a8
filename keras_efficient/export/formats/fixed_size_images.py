"""Images at the fixed size that an export accepts."""

import dataclasses
from typing import Any

import numpy as np

from keras_efficient.data import DetectionPreprocessing
from keras_efficient.data.images import load_image
from keras_efficient.export.specs import Preprocessing

# More images do not change the ranges.
MAX_CALIBRATION_IMAGES = 200


def calibration_images(
    source: Any,
    preprocessing: Preprocessing,
    image_size: tuple[int, int] | None,
    channels: int = 3,
    is_network: bool = False,
    is_prepared: bool = False,
) -> list[np.ndarray]:
    """Load images for calibration at the size that an export accepts.

    Args:
        source: A data set, or a sequence of images: paths, bytes or uint8
            arrays.
        preprocessing: The preprocessing of the export.
        image_size: `(height, width)`, or `None` for the size of each image.
        channels: Integer, number of channels of the images. Defaults to 3.
        is_network: Boolean, whether the export is the network alone, so that
            images are preprocessed before it. Defaults to `False`.
        is_prepared: See `fit_image`. Defaults to `False`.

    Returns:
        A list of uint8 arrays of shape `(height, width, channels)`.

    Raises:
        ValueError: If `source` is empty.
    """
    records = getattr(source, "records", None)
    images = source if records is None else [x.image for x in records]
    images = list(images)
    if not images:
        raise ValueError("`calibration` must have at least one image.")
    # Spread over the whole data set, which may be sorted by class.
    step = max(1, len(images) // MAX_CALIBRATION_IMAGES)
    chosen = images[::step][:MAX_CALIBRATION_IMAGES]
    loaded = (load_image(image, channels=channels) for image in chosen)
    if is_network:
        pixels = (network_pixels(image, preprocessing)[0] for image in loaded)
        return [np.rint(image).astype("uint8") for image in pixels]
    return [
        fit_image(image, preprocessing, image_size, is_prepared)[0]
        for image in loaded
    ]


def network_pixels(
    image: np.ndarray, preprocessing: Preprocessing
) -> tuple[np.ndarray, float]:
    """Convert an image to the input of the network, as the model does.

    Args:
        image: Array of shape `(height, width, 3)`, uint8.
        preprocessing: The preprocessing of the export.

    Returns:
        A tuple: an array of shape `(*preprocessing.size, 3)` in `[0, 255]`;
        and the factor that boxes are multiplied by.
    """
    if isinstance(preprocessing, DetectionPreprocessing):
        return preprocessing(image)
    return preprocessing(image), 1.0


def fit_image(
    image: np.ndarray,
    preprocessing: Preprocessing,
    image_size: tuple[int, int] | None,
    is_prepared: bool = False,
) -> tuple[np.ndarray, float]:
    """Convert an image to the fixed size that an export accepts.

    For detection the image is scaled and padded at the bottom and the right.
    For classification it is placed such that the export crops what the model
    would crop from the image; pixels outside of this part are never used.

    Args:
        image: Array of shape `(height, width, channels)`, uint8.
        preprocessing: The preprocessing of the export.
        image_size: `(height, width)` in pixels, or `None` for any.
        is_prepared: Whether the export expects images that are cropped and
            resized as the model does it. Defaults to `False`.

    Returns:
        A tuple: an array of shape `(*image_size, channels)`, uint8; and the
        factor that boxes were multiplied by.
    """
    if is_prepared:
        return network_pixels(image, preprocessing)
    if image_size is None or image.shape[:2] == tuple(image_size):
        return image, 1.0
    if isinstance(preprocessing, DetectionPreprocessing):
        letterbox = dataclasses.replace(preprocessing, size=image_size)
        pixels, scale = letterbox(image)
        return np.rint(pixels).astype("uint8"), scale
    top, left, height, width = preprocessing.crop_box(*image.shape[:2])
    part = image[top : top + height, left : left + width]
    top, left, height, width = preprocessing.crop_box(*image_size)
    resize = dataclasses.replace(
        preprocessing, size=(height, width), crop_fraction=None
    )
    margins = (
        (top, image_size[0] - top - height),
        (left, image_size[1] - left - width),
        (0, 0),
    )
    return np.pad(resize(part), margins, mode="edge"), 1.0
