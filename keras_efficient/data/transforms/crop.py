"""Random crops."""

import math

import numpy as np

from keras_efficient.data.classification_preprocessing import FILTERS
from keras_efficient.data.image_channels import map_channels

ATTEMPTS = 10


def random_resized_crop(
    image: np.ndarray,
    rng: np.random.Generator,
    size: tuple[int, int],
    area: tuple[float, float] = (0.25, 1.0),
    aspect: tuple[float, float] = (3 / 4, 4 / 3),
    method: str = "bicubic",
) -> np.ndarray:
    """Crop a random part of an image and resize it.

    Area and aspect ratio are drawn until the crop fits into the image, at most
    ten times; after that, the largest centered crop with the result's aspect
    ratio is used.

    Args:
        image: Uint8 array of shape `(height, width, channels)`.
        rng: A `numpy.random.Generator`.
        size: `(height, width)` of the result, in pixels.
        area: Bounds of the crop's share of the image's area, in `(0, 1]`.
            ImageNet training uses `(0.08, 1)`. Defaults to `(0.25, 1)`.
        aspect: Bounds of the crop's width over height, drawn uniformly on a
            logarithmic scale. Defaults to `(3 / 4, 4 / 3)`.
        method: `"bicubic"` or `"bilinear"`. Defaults to `"bicubic"`.

    Returns:
        Uint8 array of shape `(*size, channels)`.
    """
    left, top, right, bottom = _random_box(image.shape, rng, size, area, aspect)
    return map_channels(
        image[top:bottom, left:right],
        lambda part: part.resize(size[::-1], FILTERS[method]),
    )


def _random_box(
    shape: tuple[int, ...],
    rng: np.random.Generator,
    size: tuple[int, int],
    area: tuple[float, float],
    aspect: tuple[float, float],
) -> tuple[int, int, int, int]:
    height, width = shape[:2]
    for _ in range(ATTEMPTS):
        pixels = height * width * rng.uniform(*area)
        ratio = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
        box_width = round(math.sqrt(pixels * ratio))
        box_height = round(math.sqrt(pixels / ratio))
        if 0 < box_width <= width and 0 < box_height <= height:
            left = int(rng.integers(width - box_width + 1))
            top = int(rng.integers(height - box_height + 1))
            return left, top, left + box_width, top + box_height
    scale = min(height / size[0], width / size[1])
    box_height = max(1, int(size[0] * scale))
    box_width = max(1, int(size[1] * scale))
    left, top = (width - box_width) // 2, (height - box_height) // 2
    return left, top, left + box_width, top + box_height
