"""Non-maximum suppression, hard and soft.

Only reductions and gathers, and one loop, so that it works within compiled
and exported graphs.
"""

import functools

from keras import ops

from keras_efficient import kernels
from keras_efficient.ops.iou import interval_overlap
from keras_efficient.ops.iou import share_of_union

METHODS = ("soft", "hard")


def non_max_suppression(
    boxes,
    scores,
    labels=None,
    *,
    method="hard",
    iou_threshold=0.5,
    sigma=0.5,
    score_threshold=0.0,
    max_detections=100,
):
    """Keeps the best of boxes that overlap.

    One after the other the box with the highest score is taken. `"hard"`
    removes those that overlap it by more than `iou_threshold`; `"soft"`
    multiplies their scores by `exp(-iou ** 2 / sigma)`, which lets objects in
    a crowd live.

    Args:
        boxes: Float tensor of shape `(batch, number, 4)`, `yxyx` or `xyxy`.
        scores: Float tensor of shape `(batch, number)`, above 0.
        labels: Integer tensor of shape `(batch, number)`: only boxes of one
            class suppress each other. Defaults to `None`: all do.
        method: `"hard"` or `"soft"`. Defaults to `"hard"`.
        iou_threshold: Float, for `"hard"`. Defaults to 0.5.
        sigma: Float above 0, for `"soft"`. Defaults to 0.5.
        score_threshold: Float, boxes whose score, reduced or not, is not
            above it are not taken. Defaults to 0.
        max_detections: Integer, how many to take at most. Defaults to 100.

    Returns:
        A pair of tensors of shape `(batch, max_detections)`: int32 places of
        the boxes that are taken, best first, and their scores; where there
        are fewer, places are 0 and scores 0.

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
    strength = sigma if method == "soft" else iou_threshold
    *_, places, kept = kernels.while_loop(
        *_loop(method, strength, score_threshold, max_detections),
        (lows, highs, volumes),
        state,
    )
    return places, kept


@functools.lru_cache
def _loop(method, strength, score_threshold, max_detections):
    """Condition and step, the same objects for the same arguments."""

    def is_unfinished(lows, highs, volumes, i, best, *state):
        return ops.logical_and(
            i < max_detections, ops.any(best > score_threshold)
        )

    def step(lows, highs, volumes, i, best, scores, places, kept):
        number = ops.expand_dims(ops.arange(scores.shape[1], dtype="int32"), 0)
        column = ops.expand_dims(ops.arange(max_detections, dtype="int32"), 0)
        # The first of equals; argmax would not survive some exports.
        place = ops.min(
            ops.where(ops.equal(scores, best), number, scores.shape[1] - 1),
            axis=1,
            keepdims=True,
        )
        overlap = _overlap(lows, highs, volumes, place)
        if method == "soft":
            factor = ops.exp(ops.square(overlap) * (-1.0 / strength))
        else:
            factor = ops.cast(overlap <= strength, "float32")
        # Past the end nothing is taken any more.
        is_now = ops.logical_and(ops.equal(column, i), best > score_threshold)
        places = ops.where(is_now, place, places)
        kept = ops.where(is_now, best, kept)
        scores = ops.where(ops.equal(number, place), -1.0, scores * factor)
        best = ops.max(scores, axis=1, keepdims=True)
        return i + 1, best, scores, places, kept

    return is_unfinished, step


def _intervals(boxes, labels):
    """Lower and upper ends along each axis, `(batch, axes, number)`.

    The label is an axis too: boxes of two classes share nothing along it.
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


def _overlap(lows, highs, volumes, place):
    """Intersection over union of one box of each image with all of it."""
    index = ops.expand_dims(place, axis=1)
    index = ops.broadcast_to(index, (ops.shape(lows)[0], lows.shape[1], 1))
    low = ops.take_along_axis(lows, index, axis=2)
    high = ops.take_along_axis(highs, index, axis=2)
    shared = ops.prod(interval_overlap(lows, highs, low, high), axis=1)
    volume = ops.take_along_axis(volumes, place, axis=1)
    return share_of_union(shared, volumes + volume - shared)
