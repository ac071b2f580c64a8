"""Losses of the overlap of two boxes."""

import math

from keras import ops

KINDS = ("iou", "giou", "diou", "ciou")


def iou_loss(target_boxes, boxes, kind="ciou"):
    """One minus the overlap of each box with its target.

    Args:
        target_boxes: Tensor of shape `(..., 4)`, `yxyx`.
        boxes: Tensor of the same shape, `yxyx`.
        kind: String: `"iou"`; `"giou"`, which also counts the space between
            the two; `"diou"`, the distance of their centres; `"ciou"`, that
            and their shapes. Defaults to `"ciou"`.

    Returns:
        Float32 tensor of shape `(...)`; 0 where the target has no area.

    Raises:
        ValueError: If `kind` is unknown.

    Example:
    >>> target = np.array([[3.0, 4.0, 6.0, 8.0]])
    >>> box = np.array([[4.0, 3.0, 7.0, 5.0]])
    >>> loss = keras_efficient.losses.iou_loss(target, box, "giou")
    >>> round(float(loss[0]), 3)
    1.075

    Reference:
        - [Rezatofighi et al., 2019](https://arxiv.org/abs/1902.09630) (GIoU);
          [Zheng et al., 2020](https://arxiv.org/abs/1911.08287) (DIoU, CIoU).
        - `google/automl`, `efficientdet/iou_utils.py`.
    """
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {KINDS}. Received: {kind!r}")
    first = _Edges(ops.cast(target_boxes, "float32"))
    second = _Edges(ops.cast(boxes, "float32"))
    height = _overlap(first.top, first.bottom, second.top, second.bottom)
    width = _overlap(first.left, first.right, second.left, second.right)
    shared = height * width
    union = first.area + second.area - shared
    metric = _divide(shared, union)
    if kind != "iou":
        metric = metric - _penalty(first, second, kind, union, metric)
    return ops.where(first.area > 0, 1.0 - metric, 0.0)


class _Edges:
    """A box by its edges, sides and area."""

    def __init__(self, boxes):
        self.top, self.left, self.bottom, self.right = (
            boxes[..., i] for i in range(4)
        )
        self.height = ops.maximum(self.bottom - self.top, 0.0)
        self.width = ops.maximum(self.right - self.left, 0.0)
        self.area = self.height * self.width


def _penalty(first, second, kind, union, iou):
    """What a kind takes from the plain intersection over union."""
    height = _hull(first.top, first.bottom, second.top, second.bottom)
    width = _hull(first.left, first.right, second.left, second.right)
    if kind == "giou":
        around = height * width
        return _divide(around - union, around)
    shift = (
        (first.top + first.bottom - second.top - second.bottom) ** 2
        + (first.left + first.right - second.left - second.right) ** 2
    ) / 4
    distance = _divide(shift, height**2 + width**2)
    if kind == "diou":
        return distance
    slope = _angle(first) - _angle(second)
    shape = 4 * (slope / math.pi) ** 2
    return distance + _divide(shape, (1 - iou) + shape) * shape


def _angle(box):
    return ops.arctan(_divide(box.width, box.height))


def _overlap(low, high, other_low, other_high):
    inner = ops.minimum(high, other_high) - ops.maximum(low, other_low)
    return ops.maximum(inner, 0.0)


def _hull(low, high, other_low, other_high):
    return ops.maximum(high, other_high) - ops.minimum(low, other_low)


def _divide(numerator, denominator):
    """Division that gives 0, and a finite gradient, where nothing is below."""
    is_zero = ops.equal(denominator, 0)
    safe = ops.where(is_zero, 1.0, denominator)
    return ops.where(is_zero, 0.0, numerator / safe)
