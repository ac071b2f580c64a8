"""Arithmetic of boxes on any backend."""

import keras
from keras import ops

FORMATS = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw")
RELATIVE = "rel_"
# Far below the area of any box, also of relative ones.
MIN_AREA = 1e-12


def convert_boxes(boxes, source, target, image_size=None):
    """Boxes in another format.

    Args:
        boxes: Tensor of shape `(..., 4)`.
        source: String, their format: `"xyxy"`, `"yxyx"`, `"xywh"` (left, top,
            width, height), `"center_xywh"` or `"center_yxhw"` in pixels; or
            `"rel_"` and one of these, in shares of the image's sides.
        target: String, the format of the result.
        image_size: Pair `(height, width)` in pixels; needed between relative
            formats and others.

    Returns:
        Tensor of the shape of `boxes`.

    Raises:
        ValueError: If a format is unknown, or `image_size` is needed.

    Example:
    >>> boxes = np.array([[10.0, 20.0, 5.0, 8.0]])
    >>> keras.ops.convert_to_numpy(
    ...     keras_efficient.ops.convert_boxes(boxes, "xywh", "yxyx")
    ... ).tolist()
    [[20.0, 10.0, 28.0, 15.0]]
    """
    is_relative = [name.startswith(RELATIVE) for name in (source, target)]
    plain = [name.removeprefix(RELATIVE) for name in (source, target)]
    for name, known in zip((source, target), plain, strict=True):
        if known not in FORMATS:
            raise ValueError(
                f'A format of boxes must be one of {FORMATS}, or "rel_" and '
                f"one of these. Received: {name!r}"
            )
    corners = _to_corners(ops.convert_to_tensor(boxes), plain[0])
    if is_relative[0] != is_relative[1]:
        if image_size is None:
            raise ValueError(
                "`image_size` is needed between relative boxes and those in "
                f"pixels. Received: source={source!r}, target={target!r}"
            )
        height, width = image_size
        factors = [1 / height, 1 / width] if is_relative[1] else [height, width]
        corners = corners * ops.convert_to_tensor(
            factors * 2, dtype=keras.backend.standardize_dtype(corners.dtype)
        )
    return _from_corners(corners, plain[1])


def _to_corners(boxes, source):
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
    return ops.stack(parts, axis=-1)


def _from_corners(corners, target):
    top, left, bottom, right = (corners[..., i] for i in range(4))
    if target == "yxyx":
        return corners
    height, width = bottom - top, right - left
    if target == "xyxy":
        parts = left, top, right, bottom
    elif target == "xywh":
        parts = left, top, width, height
    elif target == "center_xywh":
        parts = left + width / 2, top + height / 2, width, height
    else:
        parts = top + height / 2, left + width / 2, height, width
    return ops.stack(parts, axis=-1)


def box_area(boxes):
    """Areas of boxes.

    Args:
        boxes: Tensor of shape `(..., 4)`, `yxyx` or `xyxy`.

    Returns:
        Tensor of shape `(...)`; negative sides count as none.

    Example:
    >>> float(keras_efficient.ops.box_area(np.array([0.0, 1.0, 4.0, 3.0])))
    8.0
    """
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]


def box_iou(boxes, others):
    """Intersection over union of each box with each other.

    Args:
        boxes: Tensor of shape `(..., n, 4)`, `yxyx` or `xyxy`.
        others: Tensor of shape `(..., m, 4)`, in the same format.

    Returns:
        Tensor of shape `(..., n, m)`; 0 where two do not meet, and for boxes
        without area.

    Example:
    >>> boxes = np.array([[0.0, 0.0, 2.0, 2.0]])
    >>> others = np.array([[0.0, 0.0, 2.0, 4.0], [5.0, 5.0, 6.0, 6.0]])
    >>> iou = keras_efficient.ops.box_iou(boxes, others)
    >>> keras.ops.convert_to_numpy(iou).tolist()
    [[0.5, 0.0]]
    """
    boxes, others = map(ops.convert_to_tensor, (boxes, others))
    # Axis by axis: a trailing axis of two would be slow.
    return paired_iou(
        [ops.expand_dims(boxes[..., i], -1) for i in range(4)],
        [ops.expand_dims(others[..., i], -2) for i in range(4)],
    )


def paired_iou(edges, others):
    """Intersection over union of boxes given as their four edges.

    Args:
        edges: Sequence of four tensors, `yxyx` or `xyxy`.
        others: Four tensors of a shape that broadcasts with them.

    Returns:
        Tensor of the shape that they broadcast to.

    Example:
    >>> iou = keras_efficient.ops.boxes.paired_iou(
    ...     np.array([0.0, 0.0, 2.0, 2.0]), np.array([0.0, 0.0, 2.0, 4.0])
    ... )
    >>> float(iou)
    0.5
    """
    height, width = (
        ops.maximum(
            ops.minimum(edges[i + 2], others[i + 2])
            - ops.maximum(edges[i], others[i]),
            0,
        )
        for i in range(2)
    )
    shared = height * width
    union = _area(edges) + _area(others) - shared
    # Where there is no union nothing is shared: 0. Choosing with `where`
    # would take most of the time on PyTorch.
    return shared / ops.maximum(union, MIN_AREA)


def _area(edges):
    height, width = (ops.maximum(edges[i + 2] - edges[i], 0) for i in range(2))
    return height * width


def clip_boxes(boxes, image_size):
    """Boxes without what lies outside of the image.

    Args:
        boxes: Tensor of shape `(..., 4)`, `yxyx` in pixels.
        image_size: Pair `(height, width)` of numbers, or of tensors that
            broadcast with the boxes' edges.

    Returns:
        Tensor of the shape of `boxes`.

    Example:
    >>> boxes = np.array([[-3.0, 5.0, 9.0, 30.0]])
    >>> keras.ops.convert_to_numpy(
    ...     keras_efficient.ops.clip_boxes(boxes, (8, 20))
    ... ).tolist()
    [[0.0, 5.0, 8.0, 20.0]]
    """
    boxes = ops.convert_to_tensor(boxes)
    height, width = image_size
    limits = (height, width, height, width)
    return ops.stack(
        [
            ops.minimum(ops.maximum(boxes[..., i], 0), limit)
            for i, limit in enumerate(limits)
        ],
        axis=-1,
    )
