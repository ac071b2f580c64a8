"""Losses based on intersection over union."""

import math

from keras import ops

from keras_efficient.ops.iou import edge_area
from keras_efficient.ops.iou import enclosing_sides
from keras_efficient.ops.iou import intersection_and_union
from keras_efficient.types import Tensor

KINDS = ("iou", "giou", "diou", "ciou")


def iou_loss(target_boxes: Tensor, boxes: Tensor, kind: str = "ciou") -> Tensor:
    """Compute one minus the intersection over union of boxes and targets.

    Args:
        target_boxes: Tensor of shape `(..., 4)`, `yxyx`.
        boxes: Tensor of the same shape, `yxyx`.
        kind: String: `"iou"`; `"giou"`, which also penalizes the space between
            the boxes; `"diou"`, the distance of their centers; `"ciou"`, the
            distance and the difference of the aspect ratios. Defaults to
            `"ciou"`.

    Returns:
        Float32 tensor of shape `(...)`; 0 for targets without area.

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
    first, second = map(_edges, (target_boxes, boxes))
    shared, union = intersection_and_union(first, second)
    metric = _divide(shared, union)
    if kind != "iou":
        metric = metric - _penalty(first, second, kind, union, metric)
    return ops.where(edge_area(first) > 0, 1.0 - metric, 0.0)


def _edges(boxes: Tensor) -> list[Tensor]:
    boxes = ops.cast(boxes, "float32")
    return [boxes[..., i] for i in range(4)]


def _penalty(
    first: list[Tensor],
    second: list[Tensor],
    kind: str,
    union: Tensor,
    iou: Tensor,
) -> Tensor:
    """The term that a kind subtracts from intersection over union."""
    height, width = enclosing_sides(first, second)
    if kind == "giou":
        around = height * width
        return _divide(around - union, around)
    shift = (
        (first[0] + first[2] - second[0] - second[2]) ** 2
        + (first[1] + first[3] - second[1] - second[3]) ** 2
    ) / 4
    distance = _divide(shift, height**2 + width**2)
    if kind == "diou":
        return distance
    slope = _angle(first) - _angle(second)
    shape = 4 * (slope / math.pi) ** 2
    return distance + _divide(shape, (1 - iou) + shape) * shape


def _angle(edges: list[Tensor]) -> Tensor:
    """Angle between the diagonal of a box and the vertical."""
    height, width = (
        ops.maximum(edges[i + 2] - edges[i], 0.0) for i in range(2)
    )
    return ops.arctan(_divide(width, height))


def _divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Divide; 0, with a finite gradient, where the denominator is 0."""
    is_zero = ops.equal(denominator, 0)
    safe = ops.where(is_zero, 1.0, denominator)
    return ops.where(is_zero, 0.0, numerator / safe)
