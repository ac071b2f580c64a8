"""Anchors, the boxes that the outputs of a detector are relative to.

As in google/automl, `efficientdet/tf2/anchors.py`, for images of any size.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

# Factors on width and height of a square. The published COCO weights were
# trained with these; since September 2020, google/automl has had (1.0, 2.0,
# 0.5), whose square roots differ by 1%.
COCO_ASPECT_RATIOS = ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))
# Size of the features, strides, and sides of the anchors of one level.
Grid: TypeAlias = tuple[tuple[int, int], np.ndarray, np.ndarray]


def feature_sizes(
    image_size: Sequence[int], min_level: int, max_level: int
) -> list[tuple[int, int]]:
    """Compute height and width of the features at each level.

    Each level halves the previous one and rounds up.

    Args:
        image_size: Pair `(height, width)` in pixels.
        min_level: Integer, the finest level.
        max_level: Integer, the coarsest level.

    Returns:
        A list of pairs `(height, width)`, finest level first.

    Raises:
        ValueError: If the size is not a pair of positive integers, or the
            levels are not in order.

    Example:
    >>> keras_efficient.ops.feature_sizes((250, 333), 3, 5)
    [(32, 42), (16, 21), (8, 11)]
    """
    _check_sizes(image_size, min_level, max_level)
    height, width = (int(size) for size in image_size)
    # Halving repeatedly and rounding up equals dividing once.
    return [
        (math.ceil(height / 2**level), math.ceil(width / 2**level))
        for level in range(min_level, max_level + 1)
    ]


def count_anchors(
    image_size: Sequence[int],
    min_level: int = 3,
    max_level: int = 7,
    num_scales: int = 3,
    num_aspect_ratios: int = 3,
) -> int:
    """Compute the number of anchors of an image.

    Args:
        image_size: Pair `(height, width)` in pixels.
        min_level: Integer, the finest level. Defaults to 3.
        max_level: Integer, the coarsest level. Defaults to 7.
        num_scales: Integer, sizes in each cell. Defaults to 3.
        num_aspect_ratios: Integer, shapes of each size. Defaults to 3.

    Returns:
        An integer.

    Example:
    >>> keras_efficient.ops.count_anchors((512, 512))
    49104
    """
    sizes = feature_sizes(image_size, min_level, max_level)
    places = sum(height * width for height, width in sizes)
    return places * num_scales * num_aspect_ratios


def generate_anchors(
    image_size: Sequence[int],
    min_level: int = 3,
    max_level: int = 7,
    num_scales: int = 3,
    aspect_ratios: Sequence[float | Sequence[float]] = COCO_ASPECT_RATIOS,
    anchor_scale: float | Sequence[float] = 4.0,
) -> np.ndarray:
    """Generate the anchors of an image, in the order of a detector's outputs.

    Each cell of each level has `num_scales * len(aspect_ratios)` boxes around
    its center. Their sides start at `anchor_scale` times the stride and grow
    by `2 ** (1 / num_scales)`. Anchors may reach beyond the image.

    Args:
        image_size: Pair `(height, width)` of the network's input, in pixels;
            any size, not only multiples of a stride.
        min_level: Integer, the finest level. Defaults to 3.
        max_level: Integer, the coarsest level. Defaults to 7.
        num_scales: Integer, sizes in each cell. Defaults to 3.
        aspect_ratios: Sequence of shapes: a number, width over height with
            constant area, or a pair, factors on width and height. Defaults to
            the pairs (1, 1), (1.4, 0.7) and (0.7, 1.4), with which the COCO
            weights were trained.
        anchor_scale: Float, side of the smallest square anchor divided by the
            stride of its level, or a sequence with a number for each level.
            Defaults to 4.

    Returns:
        A float32 NumPy array of shape `(num_anchors, 4)`, boxes `yxyx` in
        pixels of the input, in the order level, row, column, scale, ratio.

    Raises:
        ValueError: If a number is out of range.

    Example:
    >>> keras_efficient.ops.generate_anchors((128, 128))[:2].tolist()
    [[-12.0, -12.0, 20.0, 20.0], [-7.199999809265137, -18.399999618530273, \
15.199999809265137, 26.399999618530273]]
    """
    grids = anchor_grids(
        image_size,
        min_level,
        max_level,
        num_scales,
        aspect_ratios,
        anchor_scale,
    )
    levels = []
    for size, strides, sides in grids:
        rows, columns = (
            stride * (np.arange(count) + 0.5)
            for stride, count in zip(strides, size, strict=True)
        )
        centers = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
        centers = centers[:, :, None]  # (height, width, 1, 2)
        boxes = [centers - sides / 2, centers + sides / 2]
        levels.append(np.concatenate(boxes, axis=-1).reshape(-1, 4))
    return np.concatenate(levels).astype("float32")


def anchor_grids(
    image_size: Sequence[int],
    min_level: int = 3,
    max_level: int = 7,
    num_scales: int = 3,
    aspect_ratios: Sequence[float | Sequence[float]] = COCO_ASPECT_RATIOS,
    anchor_scale: float | Sequence[float] = 4.0,
) -> list[Grid]:
    """Compute the cells and the sides of the anchors of each level.

    Args:
        image_size: Pair `(height, width)`; see `generate_anchors`.
        min_level: Integer, the finest level. Defaults to 3.
        max_level: Integer, the coarsest level. Defaults to 7.
        num_scales: Integer, sizes in each cell. Defaults to 3.
        aspect_ratios: Sequence of shapes; see `generate_anchors`.
        anchor_scale: Float or sequence of floats; see `generate_anchors`.

    Returns:
        A list with a tuple for each level: `(height, width)` of the features;
        the strides, a float64 array of shape `(2,)`; heights and widths of the
        anchors in pixels, a float64 array of shape `(num_scales *
        len(aspect_ratios), 2)`.

    Raises:
        ValueError: If a number is out of range.

    Example:
    >>> sizes, strides, sides = keras_efficient.ops.anchor_grids((128, 64))[0]
    >>> sizes, strides.tolist(), sides[0].tolist()
    ((16, 8), [8.0, 8.0], [32.0, 32.0])
    """
    sizes = feature_sizes(image_size, min_level, max_level)
    anchor_scales = np.broadcast_to(anchor_scale, len(sizes))
    factors = _factors(num_scales, aspect_ratios, anchor_scales)
    grids = []
    for size, scale in zip(sizes, anchor_scales, strict=True):
        strides = np.asarray(image_size, "float64") / size
        grids.append((size, strides, scale * strides * factors))
    return grids


def _factors(
    num_scales: int,
    aspect_ratios: Sequence[float | Sequence[float]],
    anchor_scales: np.ndarray,
) -> np.ndarray:
    """Factors on height and width of each anchor of one cell."""
    if not isinstance(num_scales, int) or num_scales < 1:
        raise ValueError(
            "`num_scales` must be a positive integer. "
            f"Received: num_scales={num_scales!r}"
        )
    if not (np.isfinite(anchor_scales).all() and min(anchor_scales) > 0):
        raise ValueError(
            "`anchor_scale` must be positive. "
            f"Received: anchor_scale={anchor_scales}"
        )
    shapes = []
    for ratio in aspect_ratios:
        pair = np.ravel(ratio).astype("float64")
        if pair.size not in (1, 2) or not (pair > 0).all():
            raise ValueError(
                "Each of `aspect_ratios` must be a positive number, width over "
                "height, or a pair of factors on width and height. "
                f"Received: aspect_ratios={aspect_ratios!r}"
            )
        if pair.size == 1:
            pair = np.array([math.sqrt(pair[0]), 1 / math.sqrt(pair[0])])
        shapes.append(pair[::-1])
    if not shapes:
        raise ValueError("`aspect_ratios` must not be empty.")
    scales = 2.0 ** (np.arange(num_scales) / num_scales)
    return (scales[:, None, None] * np.stack(shapes)).reshape(-1, 2)


def _check_sizes(
    image_size: Sequence[int], min_level: int, max_level: int
) -> None:
    is_pair = len(tuple(image_size)) == 2 and all(
        size == int(size) and size > 0 for size in image_size
    )
    if not is_pair:
        raise ValueError(
            "`image_size` must be a pair `(height, width)` of positive "
            "integers, in pixels. "
            f"Received: image_size={image_size!r}"
        )
    if not 0 <= min_level <= max_level:
        raise ValueError(
            "Levels must satisfy 0 <= min_level <= max_level. "
            f"Received: min_level={min_level}, max_level={max_level}"
        )
