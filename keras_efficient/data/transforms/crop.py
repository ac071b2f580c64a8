"""Random crops."""

import math

import numpy as np
from PIL import Image

from keras_efficient.data.preprocessing import FILTERS

ATTEMPTS = 10


def random_resized_crop(
    image, rng, size, area=(0.25, 1.0), aspect=(3 / 4, 4 / 3), method="bicubic"
):
    """Cuts out a random part of an image and resizes it.

    Area and aspect ratio are drawn until the part fits into the image, ten
    times at most; then the largest centred part of the result's aspect ratio
    is taken.

    Args:
        image: Array `(height, width, 3)`, uint8.
        rng: A `numpy.random.Generator`.
        size: `(height, width)` of the result, in pixels.
        area: Bounds of the part's share of the image's area, in `(0, 1]`.
            ImageNet training uses `(0.08, 1)`. Defaults to `(0.25, 1)`.
        aspect: Bounds of the part's width over height, drawn evenly on a log
            scale. Defaults to `(3 / 4, 4 / 3)`.
        method: `"bicubic"` or `"bilinear"`. Defaults to `"bicubic"`.

    Returns:
        Array `(*size, 3)`, uint8.
    """
    left, top, right, bottom = _random_box(image.shape, rng, size, area, aspect)
    resized = Image.fromarray(image[top:bottom, left:right]).resize(
        size[::-1], FILTERS[method]
    )
    return np.asarray(resized)


def _random_box(shape, rng, size, area, aspect):
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
