"""Non-maximum suppression, hard and soft.

It consists of reductions, gathers and one loop, so that it can be compiled and
exported.
"""

import functools
from collections.abc import Callable
from typing import Any

from keras import ops

from keras_efficient import kernels
from keras_efficient.ops.iou import interval_overlap
from keras_efficient.ops.iou import share_of_union
from keras_efficient.types import Tensor

METHODS = ("soft", "hard")


def non_max_suppression(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor | None = None,
    *,
    method: str = "hard",
    iou_threshold: float = 0.5,
    sigma: float = 0.5,
    score_threshold: float = 0.0,
    max_detections: int = 100,
) -> tuple[Tensor, Tensor]:
    """Select the best of overlapping boxes.

    The box with the highest score is selected repeatedly. `"hard"` removes the
    boxes that overlap it by more than `iou_threshold`; `"soft"` multiplies
    their scores by `exp(-iou ** 2 / sigma)`, which preserves objects in a
    crowd.

    Args:
        boxes: Float tensor of shape `(batch, number, 4)`, `yxyx` or `xyxy`.
        scores: Float tensor of shape `(batch, number)`, positive.
        labels: Integer tensor of shape `(batch, number)`: only boxes of the
            same class suppress each other. Defaults to `None`: all boxes do.
        method: `"hard"` or `"soft"`. Defaults to `"hard"`.
        iou_threshold: Float or scalar tensor, threshold of `"hard"`. Defaults
            to 0.5.
        sigma: Positive float or scalar tensor, parameter of `"soft"`. Defaults
            to 0.5.
        score_threshold: Float or scalar tensor; boxes are selected while their
            score, possibly reduced, is above it. Defaults to 0.
        max_detections: Integer, maximum number of boxes. Defaults to 100.

    Returns:
        A pair of tensors of shape `(batch, max_detections)`: int32 indices of
        the selected boxes, best first, and their scores. Both are 0 in unused
        rows.

    Raises:
        ValueError: If `method` is unknown.

    Example:
    >>> boxes = np.array([[[0, 0, 9, 9], [0, 0, 9, 8], [20, 20, 30, 30]]])
    >>> scores = np.array([[0.9, 0.8, 0.7]])
    >>> places, kept = keras_efficient.ops.non_max_suppression(
    ...     boxes, scores, max_detections=3
    ... )
    >>> keras.ops.convert_to_numpy(places).tolist()
    [[0, 2, 0]]

    Reference:
        - [Bodla et al., 2017](https://arxiv.org/abs/1704.04503).
    """
    if method not in METHODS:
        raise ValueError(
            f"`method` must be one of {METHODS}. Received: method={method!r}"
        )
    lows, highs = _intervals(boxes, labels)
    volumes = ops.prod(ops.maximum(highs - lows, 0.0), axis=1)
    scores = ops.cast(scores, "float32")
    shape = (ops.shape(scores)[0], max_detections)
    state = (
        ops.convert_to_tensor(0, "int32"),
        ops.max(scores, axis=1, keepdims=True),
        scores,
        ops.zeros(shape, "int32"),
        ops.zeros(shape, "float32"),
    )
    limits = (
        -1.0 / sigma if method == "soft" else iou_threshold,
        score_threshold,
    )
    constants, fixed = [lows, highs, volumes], None
    if any(ops.is_tensor(x) for x in limits):
        constants += [
            ops.reshape(ops.convert_to_tensor(x, "float32"), (1, 1))
            for x in limits
        ]
    else:
        fixed = limits
    *_, places, kept = kernels.while_loop(
        *_loop(method, max_detections, fixed), constants, state
    )
    return places, kept


@functools.lru_cache
def _loop(
    method: str, max_detections: int, fixed: tuple[float, float] | None
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Condition and step, the same objects for the same arguments.

    Their arguments are lows, highs and volumes; the limit of the overlap and
    the score threshold, unless they are `fixed`; and the state.
    """

    def is_unfinished(*values):
        _, (_, score_threshold), (i, best, *_) = _parts(values, fixed)
        return ops.logical_and(
            i < max_detections, ops.any(best > score_threshold)
        )

    def step(*values):
        (lows, highs, volumes), limits, state = _parts(values, fixed)
        limit, score_threshold = limits
        i, best, scores, places, kept = state
        number = ops.expand_dims(ops.arange(scores.shape[1], dtype="int32"), 0)
        column = ops.expand_dims(ops.arange(max_detections, dtype="int32"), 0)
        # The first maximum; some export formats do not support argmax.
        place = ops.min(
            ops.where(ops.equal(scores, best), number, scores.shape[1] - 1),
            axis=1,
            keepdims=True,
        )
        overlap = _overlap(lows, highs, volumes, place)
        if method == "soft":
            factor = ops.exp(ops.square(overlap) * limit)
        else:
            factor = ops.cast(overlap <= limit, "float32")
        # Nothing is selected after the end.
        is_now = ops.logical_and(ops.equal(column, i), best > score_threshold)
        places = ops.where(is_now, place, places)
        kept = ops.where(is_now, best, kept)
        scores = ops.where(ops.equal(number, place), -1.0, scores * factor)
        best = ops.max(scores, axis=1, keepdims=True)
        return i + 1, best, scores, places, kept

    return is_unfinished, step


def _parts(values, fixed):
    """Boxes, limits and state among the arguments of a loop's function."""
    if fixed is None:
        return values[:3], values[3:5], values[5:]
    return values[:3], fixed, values[3:]


def _intervals(boxes: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """Lower and upper ends along each axis, of shape `(batch, axes, number)`.

    The label is another axis, along which boxes of two classes do not overlap.
    """
    ends = ops.swapaxes(ops.cast(boxes, "float32"), 1, 2)
    lows, highs = ends[:, :2], ends[:, 2:]
    if labels is None:
        return lows, highs
    labels = ops.expand_dims(ops.cast(labels, "float32"), axis=1)
    return (
        ops.concatenate([lows, labels], axis=1),
        ops.concatenate([highs, labels + 1.0], axis=1),
    )


def _overlap(
    lows: Tensor, highs: Tensor, volumes: Tensor, place: Tensor
) -> Tensor:
    """Intersection over union of one box of each image with all boxes."""
    index = ops.expand_dims(place, axis=1)
    index = ops.broadcast_to(index, (ops.shape(lows)[0], lows.shape[1], 1))
    low = ops.take_along_axis(lows, index, axis=2)
    high = ops.take_along_axis(highs, index, axis=2)
    shared = ops.prod(interval_overlap(lows, highs, low, high), axis=1)
    volume = ops.take_along_axis(volumes, place, axis=1)
    return share_of_union(shared, volumes + volume - shared)
