"""RandAugment for images with boxes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from PIL import ImageEnhance
from PIL import ImageOps

from keras_efficient.data.image_channels import fill_for
from keras_efficient.data.image_channels import map_channels
from keras_efficient.data.image_channels import map_colors
from keras_efficient.data.letterbox import IMAGENET_MEAN
from keras_efficient.data.samples import DetectionSample

MAX_MAGNITUDE = 10
MAX_ROTATION = 30.0  # degrees
MAX_SHEAR = 0.3
MAX_SHIFT = 0.25  # share of the side


def rand_augment(
    sample: DetectionSample,
    rng: np.random.Generator,
    number: int = 1,
    magnitude: float = 5.0,
    min_visibility: float = 0.0,
    fill: tuple[float, float, float] = IMAGENET_MEAN,
) -> DetectionSample:
    """Apply some of fourteen operations, chosen at random.

    Color operations: autocontrast, equalize, posterize, solarize, invert,
    color, contrast, brightness, sharpness. Geometric operations, which also
    move the boxes: rotate, shear and shift along either axis. The box of a
    rotated object is the bounding box of its rotated corners.

    Args:
        sample: A `DetectionSample`.
        rng: A `numpy.random.Generator`.
        number: Integer, number of operations. Defaults to 1.
        magnitude: Float in `[0, 10]`, their strength. Defaults to 5.
        min_visibility: Float in `[0, 1]`, the share of a box's area that must
            remain in the image. Defaults to 0: any.
        fill: Three numbers, the color of uncovered pixels. Defaults to
            ImageNet's mean.

    Returns:
        A `DetectionSample` of the same size.

    Reference:
        - [Cubuk et al., 2020](https://arxiv.org/abs/1909.13719).
    """
    share = magnitude / MAX_MAGNITUDE
    for _ in range(number):
        name = OPERATIONS[int(rng.integers(len(OPERATIONS)))]
        sign = 1.0 if rng.uniform() < 0.5 else -1.0
        if name in COLORS:
            sample = sample.moved(
                _recolored(sample.image, name, share, sign), sample.boxes
            )
        else:
            matrix = GEOMETRY[name](share * sign, sample.image.shape)
            sample = move(sample, matrix, min_visibility, fill)
    return sample


def move(
    sample: DetectionSample,
    matrix: np.ndarray,
    min_visibility: float = 0.0,
    fill: tuple[float, float, float] = IMAGENET_MEAN,
) -> DetectionSample:
    """Apply an affine map around the center to an image and its boxes.

    Args:
        sample: A `DetectionSample`.
        matrix: Array of shape `(2, 3)`, the map of `(x, y, 1)`, relative to
            the image's center.
        min_visibility: Float in `[0, 1]`; see `rand_augment`.
        fill: Three numbers; see `rand_augment`.

    Returns:
        A `DetectionSample` of the same size.
    """
    height, width = sample.image.shape[:2]
    center = np.array([width, height]) / 2
    linear, shift = matrix[:, :2], matrix[:, 2]
    inverse = np.linalg.inv(linear)
    # PIL expects the map from the result to the source.
    offset = center - inverse @ (center + shift)
    color = np.rint(fill_for(fill, sample.image.shape[-1]))
    image = map_channels(
        sample.image,
        lambda part: part.transform(
            (width, height),
            Image.Transform.AFFINE,
            (*inverse[0], offset[0], *inverse[1], offset[1]),
            Image.Resampling.BILINEAR,
            # All channels have the same color unless the image is RGB.
            fillcolor=tuple(int(x) for x in color)
            if part.mode == "RGB"
            else int(color[0]),
        ),
    )
    # Corners of each box, of shape (number, 4, 2).
    corners = sample.boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]] - center
    corners = corners @ linear.T + shift + center
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=-1)
    return sample.moved(image, boxes, min_visibility)


def _recolored(
    image: np.ndarray, name: str, share: float, sign: float
) -> np.ndarray:
    return map_colors(image, lambda part: COLORS[name](part, share, sign))


def _rotation(amount: float, shape: tuple[int, ...]) -> np.ndarray:
    angle = math.radians(MAX_ROTATION * amount)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])


def _enhance(enhancer: Any) -> Callable[..., Image.Image]:
    """An operation that scales a property by 0.1 to 1.9."""
    return lambda image, share, sign: enhancer(image).enhance(
        1 + 0.9 * share * sign
    )


COLORS: dict[str, Callable[..., Image.Image]] = {
    "autocontrast": lambda image, share, sign: ImageOps.autocontrast(image),
    "equalize": lambda image, share, sign: ImageOps.equalize(image),
    "invert": lambda image, share, sign: Image.blend(
        image, ImageOps.invert(image), 0.5 * share
    ),
    "posterize": lambda image, share, sign: ImageOps.posterize(
        image, 8 - round(4 * share)
    ),
    "solarize": lambda image, share, sign: ImageOps.solarize(
        image, round(256 - 128 * share)
    ),
    "color": _enhance(ImageEnhance.Color),
    "contrast": _enhance(ImageEnhance.Contrast),
    "brightness": _enhance(ImageEnhance.Brightness),
    "sharpness": _enhance(ImageEnhance.Sharpness),
}
GEOMETRY: dict[str, Callable[..., np.ndarray]] = {
    "rotate": _rotation,
    "shear_x": lambda amount, shape: np.array(
        [[1.0, MAX_SHEAR * amount, 0.0], [0.0, 1.0, 0.0]]
    ),
    "shear_y": lambda amount, shape: np.array(
        [[1.0, 0.0, 0.0], [MAX_SHEAR * amount, 1.0, 0.0]]
    ),
    "shift_x": lambda amount, shape: np.array(
        [[1.0, 0.0, MAX_SHIFT * amount * shape[1]], [0.0, 1.0, 0.0]]
    ),
    "shift_y": lambda amount, shape: np.array(
        [[1.0, 0.0, 0.0], [0.0, 1.0, MAX_SHIFT * amount * shape[0]]]
    ),
}
OPERATIONS = (*COLORS, *GEOMETRY)
