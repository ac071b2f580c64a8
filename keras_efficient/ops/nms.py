"""Non-maximum suppression, hard and soft.

Only reductions and gathers, and a loop of fixed length, so that it works
within compiled and exported graphs.
"""

from keras import ops

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
    boxes = ops.cast(boxes, "float32")
    edges = [boxes[..., i] for i in range(4)]
    areas = _positive(edges[2] - edges[0]) * _positive(edges[3] - edges[1])
    number = ops.expand_dims(ops.arange(boxes.shape[1], dtype="int32"), axis=0)
    column = ops.expand_dims(ops.arange(max_detections, dtype="int32"), axis=0)

    def body(i, state):
        scores, places, kept = state
        best = ops.max(scores, axis=1, keepdims=True)
        # The first of equals; argmax would not survive some exports.
        place = ops.min(
            ops.where(ops.equal(scores, best), number, boxes.shape[1] - 1),
            axis=1,
            keepdims=True,
        )
        overlap = _overlap(edges, areas, place)
        if method == "soft":
            factor = ops.exp(-ops.square(overlap) / sigma)
        else:
            factor = ops.cast(overlap <= iou_threshold, "float32")
        if labels is not None:
            own = ops.take_along_axis(labels, place, axis=1)
            factor = ops.where(ops.equal(labels, own), factor, 1.0)
        is_taken = best > score_threshold
        is_now = ops.logical_and(ops.equal(column, i), is_taken)
        places = ops.where(is_now, place, places)
        kept = ops.where(is_now, best, kept)
        scores = ops.where(ops.equal(number, place), -1.0, scores * factor)
        return scores, places, kept

    scores = ops.cast(scores, "float32")
    shape = (ops.shape(scores)[0], max_detections)
    state = (scores, ops.zeros(shape, "int32"), ops.zeros(shape, "float32"))
    _, places, kept = ops.fori_loop(0, max_detections, body, state)
    return places, kept


def _overlap(edges, areas, place):
    """Intersection over union of one box of each image with all of it."""
    own = [ops.take_along_axis(edge, place, axis=1) for edge in edges]
    area = ops.take_along_axis(areas, place, axis=1)
    height, width = (
        _positive(
            ops.minimum(edges[i + 2], own[i + 2])
            - ops.maximum(edges[i], own[i])
        )
        for i in range(2)
    )
    shared = height * width
    return shared / ops.maximum(areas + area - shared, 1e-9)


def _positive(x):
    return ops.maximum(x, 0.0)
