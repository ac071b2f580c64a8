"""Intersection over union, for matching, suppression, losses and metrics.

Functions compute with NumPy if all their boxes are NumPy arrays, otherwise with
tensors of the backend. Boxes are taken apart into edges, tensors of their own:
on PyTorch a trailing axis of four would be several times slower.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_efficient.ops.boxes import namespace_of
from keras_efficient.types import Tensor

# Far below the area of any box, including relative ones.
MIN_AREA = 1e-12


def box_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Compute the intersection over union of all pairs of boxes.

    Args:
        boxes: Tensor or NumPy array of shape `(..., n, 4)`, `yxyx` or `xyxy`.
        others: Tensor or NumPy array of shape `(..., m, 4)`, in the same
            format.

    Returns:
        Tensor of shape `(..., n, m)`, or a NumPy array if both are NumPy
        arrays; 0 for boxes that do not intersect or have no area.

    Example:
    >>> boxes = np.array([[0.0, 0.0, 2.0, 2.0]])
    >>> others = np.array([[0.0, 0.0, 2.0, 4.0], [5.0, 5.0, 6.0, 6.0]])
    >>> keras_efficient.ops.box_iou(boxes, others).tolist()
    [[0.5, 0.0]]
    """
    return paired_iou(*_all_pairs(boxes, others))


def box_coverage(boxes: Tensor, others: Tensor) -> Tensor:
    """Compute the share of each box that each other box covers.

    Args:
        boxes: Tensor or NumPy array of shape `(..., n, 4)`, `yxyx` or `xyxy`.
        others: Tensor or NumPy array of shape `(..., m, 4)`, in the same
            format.

    Returns:
        Tensor of shape `(..., n, m)`, or a NumPy array if both are NumPy
        arrays: the intersection divided by the area of the box.

    Example:
    >>> boxes = np.array([[0.0, 0.0, 2.0, 2.0]])
    >>> others = np.array([[0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 9.0, 9.0]])
    >>> keras_efficient.ops.box_coverage(boxes, others).tolist()
    [[0.5, 1.0]]
    """
    edges, others = _all_pairs(boxes, others)
    shared = _intersection(edges, others)
    return shared / namespace_of(shared).maximum(edge_area(edges), MIN_AREA)


def paired_iou(edges: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """Compute the intersection over union of boxes given as edges.

    Args:
        edges: Sequence of four tensors or NumPy arrays, the edges of the boxes
            in the order `yxyx` or `xyxy`.
        others: Four tensors or arrays of shapes that broadcast with `edges`.

    Returns:
        Tensor or NumPy array of the shape that they broadcast to.

    Example:
    >>> iou = keras_efficient.ops.paired_iou(
    ...     np.array([0.0, 0.0, 2.0, 2.0]), np.array([0.0, 0.0, 2.0, 4.0])
    ... )
    >>> float(iou)
    0.5
    """
    shared, union = intersection_and_union(edges, others)
    return share_of_union(shared, union)


def intersection_and_union(
    edges: Sequence[Tensor], others: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Compute the areas that intersection over union consists of.

    Args:
        edges: Four tensors or NumPy arrays; see `paired_iou`.
        others: Four tensors or arrays; see `paired_iou`.

    Returns:
        A pair of tensors or arrays, the areas of intersection and union.

    Example:
    >>> from keras_efficient.ops.iou import intersection_and_union
    >>> shared, union = intersection_and_union(
    ...     np.array([0.0, 0.0, 2.0, 2.0]), np.array([0.0, 1.0, 2.0, 4.0])
    ... )
    >>> float(shared), float(union)
    (2.0, 8.0)
    """
    shared = _intersection(edges, others)
    return shared, edge_area(edges) + edge_area(others) - shared


def share_of_union(shared: Tensor, union: Tensor) -> Tensor:
    """Divide intersections by unions; 0 where the union is empty.

    Args:
        shared: Tensor or NumPy array, areas of intersections.
        union: Tensor or NumPy array, areas of unions.

    Returns:
        Tensor or NumPy array in `[0, 1]`.

    Example:
    >>> from keras_efficient.ops.iou import share_of_union
    >>> share_of_union(np.array([2.0, 0.0]), np.array([8.0, 0.0])).tolist()
    [0.25, 0.0]
    """
    # Nothing is shared where the union is empty. `where` would take most of
    # the time on PyTorch.
    return shared / namespace_of(union).maximum(union, MIN_AREA)


def interval_overlap(
    low: Tensor, high: Tensor, other_low: Tensor, other_high: Tensor
) -> Tensor:
    """Compute the length that two intervals share.

    Args:
        low: Tensor or NumPy array, lower ends.
        high: Tensor or NumPy array, upper ends.
        other_low: Tensor or array that broadcasts, lower ends of the others.
        other_high: Tensor or array that broadcasts, their upper ends.

    Returns:
        Tensor or NumPy array, at least 0.

    Example:
    >>> from keras_efficient.ops.iou import interval_overlap
    >>> ends = map(np.array, (0.0, 5.0, 3.0, 9.0))
    >>> float(interval_overlap(*ends))
    2.0
    """
    xp = namespace_of(low, high, other_low, other_high)
    inner = xp.minimum(high, other_high) - xp.maximum(low, other_low)
    return xp.maximum(inner, 0)


def enclosing_sides(
    edges: Sequence[Tensor], others: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Compute the sides of the smallest boxes that enclose two boxes.

    Args:
        edges: Four tensors or NumPy arrays; see `paired_iou`.
        others: Four tensors or arrays; see `paired_iou`.

    Returns:
        A pair of tensors or arrays, the lengths along the first and the second
        axis.

    Example:
    >>> from keras_efficient.ops.iou import enclosing_sides
    >>> sides = enclosing_sides(
    ...     np.array([0.0, 0.0, 2.0, 2.0]), np.array([1.0, 5.0, 2.0, 9.0])
    ... )
    >>> [float(side) for side in sides]
    [2.0, 9.0]
    """
    xp = namespace_of(*edges, *others)
    first, second = (
        xp.maximum(edges[i + 2], others[i + 2])
        - xp.minimum(edges[i], others[i])
        for i in range(2)
    )
    return first, second


def edge_area(edges: Sequence[Tensor]) -> Tensor:
    """Compute the areas of boxes given as edges.

    Args:
        edges: Four tensors or NumPy arrays; see `paired_iou`.

    Returns:
        Tensor or NumPy array; negative sides count as 0.

    Example:
    >>> from keras_efficient.ops.iou import edge_area
    >>> float(edge_area(np.array([0.0, 1.0, 4.0, 3.0])))
    8.0
    """
    xp = namespace_of(*edges)
    first, second = (xp.maximum(edges[i + 2] - edges[i], 0) for i in range(2))
    return first * second


def _intersection(edges: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    first, second = (
        interval_overlap(edges[i], edges[i + 2], others[i], others[i + 2])
        for i in range(2)
    )
    return first * second


def _all_pairs(
    boxes: Tensor, others: Tensor
) -> tuple[Sequence[Any], Sequence[Any]]:
    """Edges of boxes along one axis and of others along the next."""
    xp = namespace_of(boxes, others)
    if xp is not np:
        boxes, others = map(ops.convert_to_tensor, (boxes, others))
    return (
        [xp.expand_dims(boxes[..., i], -1) for i in range(4)],
        [xp.expand_dims(others[..., i], -2) for i in range(4)],
    )
