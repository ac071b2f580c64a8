"""Formats, areas and limits of boxes.

Functions return a NumPy array if their boxes are a NumPy array, otherwise a
tensor of the backend.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_efficient.types import Tensor

FORMATS = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw")
RELATIVE = "rel_"


def convert_boxes(
    boxes: Tensor,
    source: str,
    target: str,
    image_size: Sequence[Any] | Tensor | None = None,
) -> Tensor:
    """Convert boxes from one format to another.

    Args:
        boxes: Tensor or NumPy array of shape `(..., 4)`.
        source: String, format of `boxes`: `"xyxy"`, `"yxyx"`, `"xywh"` (left,
            top, width, height), `"center_xywh"` or `"center_yxhw"` in pixels;
            or one of these after `"rel_"`, in fractions of the image's sides.
        target: String, format of the result.
        image_size: Pair `(height, width)` in pixels, or an array or tensor of
            shape `(..., 2)` with one pair for each box. Required for
            conversions between relative formats and pixels.

    Returns:
        Tensor of the shape of `boxes`, or a NumPy array if `boxes` is one.

    Raises:
        ValueError: If a format is unknown, or `image_size` is missing.

    Example:
    >>> boxes = np.array([[10.0, 20.0, 5.0, 8.0]])
    >>> keras_efficient.ops.convert_boxes(boxes, "xywh", "yxyx").tolist()
    [[20.0, 10.0, 28.0, 15.0]]
    """
    plain_source, plain_target = map(_plain_format, (source, target))
    xp = namespace_of(boxes)
    boxes = boxes if xp is np else ops.convert_to_tensor(boxes)
    corners = _to_corners(boxes, plain_source, xp)
    is_relative = source.startswith(RELATIVE)
    if is_relative != target.startswith(RELATIVE):
        if image_size is None:
            raise ValueError(
                "Pass `image_size` to convert between relative boxes and boxes "
                f"in pixels. Received: source={source!r}, target={target!r}"
            )
        corners = corners * _factors(image_size, is_relative, corners, xp)
    return _from_corners(corners, plain_target, xp)


def namespace_of(*arrays: Any) -> Any:
    """Return the module whose functions compute with these arrays.

    Args:
        *arrays: Arrays, tensors or lists.

    Returns:
        `numpy` if all are NumPy arrays or scalars, otherwise `keras.ops`.

    Example:
    >>> from keras_efficient.ops.boxes import namespace_of
    >>> namespace_of(np.zeros(4)).__name__
    'numpy'
    """
    kinds = np.ndarray | np.generic
    return np if all(isinstance(x, kinds) for x in arrays) else ops


def _plain_format(name: str) -> str:
    plain = name.removeprefix(RELATIVE)
    if plain not in FORMATS:
        raise ValueError(
            f"The format of boxes must be one of {FORMATS}, or one of these "
            f"after {RELATIVE!r}. Received: {name!r}"
        )
    return plain


def _factors(
    image_size: Any, is_relative: bool, corners: Tensor, xp: Any
) -> Tensor:
    """Factors of `yxyx` edges, from relative to pixels or the reverse."""
    if isinstance(image_size, np.ndarray) or ops.is_tensor(image_size):
        height, width = image_size[..., 0], image_size[..., 1]
    else:
        height, width = image_size
    if not is_relative:
        height, width = 1 / height, 1 / width
    factors = [height, width, height, width]
    if xp is np:
        dtype = np.result_type(corners, np.float32)
        return np.stack(factors, axis=-1).astype(dtype)
    dtype = keras.backend.standardize_dtype(corners.dtype)
    if len(getattr(height, "shape", ())) == 0:
        return ops.convert_to_tensor(factors, dtype=dtype)
    return ops.stack([ops.cast(x, dtype) for x in factors], axis=-1)


def _to_corners(boxes: Tensor, source: str, xp: Any) -> Tensor:
    a, b, c, d = (boxes[..., i] for i in range(4))
    if source == "yxyx":
        return boxes
    if source == "xyxy":
        parts = b, a, d, c
    elif source == "xywh":
        parts = b, a, b + d, a + c
    elif source == "center_xywh":
        parts = b - d / 2, a - c / 2, b + d / 2, a + c / 2
    else:
        parts = a - c / 2, b - d / 2, a + c / 2, b + d / 2
    return xp.stack(parts, axis=-1)


def _from_corners(corners: Tensor, target: str, xp: Any) -> Tensor:
    if target == "yxyx":
        return corners
    top, left, bottom, right = (corners[..., i] for i in range(4))
    if target == "xyxy":
        return xp.stack((left, top, right, bottom), axis=-1)
    height, width = bottom - top, right - left
    if target == "xywh":
        parts = left, top, width, height
    elif target == "center_xywh":
        parts = left + width / 2, top + height / 2, width, height
    else:
        parts = top + height / 2, left + width / 2, height, width
    return xp.stack(parts, axis=-1)


def box_area(boxes: Tensor) -> Tensor:
    """Compute the areas of boxes.

    Args:
        boxes: Tensor or NumPy array of shape `(..., 4)`, `yxyx` or `xyxy`.

    Returns:
        Tensor of shape `(...)`, or a NumPy array if `boxes` is one. Negative
        sides count as 0.

    Example:
    >>> float(keras_efficient.ops.box_area(np.array([0.0, 1.0, 4.0, 3.0])))
    8.0
    """
    sides = namespace_of(boxes).maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]


def clip_boxes(boxes: Tensor, image_size: Sequence[Any]) -> Tensor:
    """Clip boxes to the image.

    Args:
        boxes: Tensor or NumPy array of shape `(..., 4)`, `yxyx` in pixels.
        image_size: Pair `(height, width)` of numbers, or of tensors that
            broadcast with the boxes' edges.

    Returns:
        Tensor of the shape of `boxes`, or a NumPy array if `boxes` is one.

    Example:
    >>> boxes = np.array([[-3.0, 5.0, 9.0, 30.0]])
    >>> keras_efficient.ops.clip_boxes(boxes, (8, 20)).tolist()
    [[0.0, 5.0, 8.0, 20.0]]
    """
    xp = namespace_of(boxes)
    boxes = boxes if xp is np else ops.convert_to_tensor(boxes)
    height, width = image_size
    limits = (height, width, height, width)
    return xp.stack(
        [
            xp.minimum(xp.maximum(boxes[..., i], 0), limit)
            for i, limit in enumerate(limits)
        ],
        axis=-1,
    )
