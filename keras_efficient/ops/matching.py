"""Matching of anchors to ground truth boxes.

As in google/automl, `efficientdet/object_detection/argmax_matcher.py`.
"""

from keras import ops

from keras_efficient.ops.iou import paired_iou
from keras_efficient.types import Shape
from keras_efficient.types import Tensor

BACKGROUND = -1
IGNORED = -2


def match_anchors(
    boxes: Tensor,
    labels: Tensor,
    anchors: Tensor,
    *,
    matched_threshold: float = 0.5,
    unmatched_threshold: float = 0.5,
) -> Tensor:
    """Assign a box, background or nothing to each anchor.

    An anchor is matched to the box that it overlaps most, if the overlap
    reaches `matched_threshold`. Then each box is matched to the anchor that
    overlaps it most, however little; if several boxes claim an anchor, the
    first one is matched. Ties are resolved by order: the second copy of a box
    has no anchor, and a box without overlap has the first anchor.

    Args:
        boxes: Tensor of shape `(batch, max_boxes, 4)`, `yxyx` in pixels.
        labels: Integer tensor of shape `(batch, max_boxes)`; rows below 0 are
            padding.
        anchors: Tensor of shape `(num_anchors, 4)`, `yxyx` in pixels.
        matched_threshold: Float in `(0, 1]`, smallest intersection over union
            of a matched anchor. Defaults to 0.5.
        unmatched_threshold: Float in `(0, matched_threshold]`; anchors below
            it are background, anchors in between are ignored. Defaults to 0.5.

    Returns:
        Int32 tensor of shape `(batch, num_anchors)`: the index of the box, -1
        for background, -2 for ignored anchors.

    Raises:
        ValueError: If the thresholds are not in order, or a shape is wrong.

    Example:
    >>> boxes = np.array([[[0.0, 0.0, 4.0, 4.0], [-1.0, -1.0, -1.0, -1.0]]])
    >>> anchors = np.array([[0.0, 0.0, 4.0, 5.0], [9.0, 9.0, 12.0, 12.0]])
    >>> labels = np.array([[0, -1]])
    >>> match = keras_efficient.ops.match_anchors(boxes, labels, anchors)
    >>> keras.ops.convert_to_numpy(match).tolist()
    [[0, -1]]
    """
    if not 0 < unmatched_threshold <= matched_threshold <= 1:
        raise ValueError(
            "Thresholds must satisfy 0 < unmatched_threshold <= "
            "matched_threshold <= 1. Received: "
            f"matched_threshold={matched_threshold}, "
            f"unmatched_threshold={unmatched_threshold}"
        )
    boxes = ops.cast(boxes, "float32")
    labels = ops.convert_to_tensor(labels)
    anchors = ops.convert_to_tensor(anchors, dtype="float32")
    _check_shapes(boxes.shape, labels.shape, anchors.shape)
    if boxes.shape[1] == 0:
        return ops.full(
            (ops.shape(boxes)[0], anchors.shape[0]), BACKGROUND, "int32"
        )
    is_box = labels >= 0
    best, match, claims = _visit_boxes(boxes, is_box, anchors)
    below = ops.where(best < unmatched_threshold, BACKGROUND, IGNORED)
    match = ops.where(best >= matched_threshold, match, below)
    return _give_claimed(match, claims, is_box)


def _check_shapes(boxes: Shape, labels: Shape, anchors: Shape) -> None:
    is_fit = (
        len(boxes) == 3
        and boxes[2] == 4
        and len(labels) == 2
        and (None in (boxes[1], labels[1]) or boxes[1] == labels[1])
        and len(anchors) == 2
        and anchors[1] == 4
    )
    if not is_fit:
        raise ValueError(
            "`boxes` must have shape (batch, max_boxes, 4), `labels` (batch, "
            "max_boxes) and `anchors` (num_anchors, 4). Received: boxes of "
            f"shape {tuple(boxes)}, labels of shape {tuple(labels)}, anchors "
            f"of shape {tuple(anchors)}"
        )


def _visit_boxes(
    boxes: Tensor, is_box: Tensor, anchors: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Find the largest overlap of each anchor and of each box.

    Boxes are processed one by one, because all overlaps of a batch at once
    would need gigabytes.

    Returns:
        The overlap of each anchor with its best box and the index of that box,
        both of shape `(batch, num_anchors)`; the index of the best anchor of
        each box, of shape `(batch, max_boxes)`.
    """
    # Padding does not overlap any anchor.
    boxes = ops.where(ops.expand_dims(is_box, -1), boxes, 0.0)
    batch_size, max_boxes = ops.shape(boxes)[:2]
    places = ops.arange(max_boxes, dtype="int32")
    anchor_edges = [anchors[:, i] for i in range(4)]

    def visit(place: Tensor, state: tuple) -> tuple:
        best, match, claims = state
        box = ops.expand_dims(ops.take(boxes, place, axis=1), -1)
        iou = paired_iou([box[:, i] for i in range(4)], anchor_edges)
        claim = ops.expand_dims(ops.argmax(iou, axis=1), -1)
        claim = ops.cast(claim, "int32")
        # Indices only grow, so that the maximum is the last better box. This is
        # several times as fast as `where` on PyTorch.
        place = ops.cast(place, "int32")
        is_better = ops.cast(iou > best, "int32")
        return (
            ops.maximum(best, iou),
            ops.maximum(match, is_better * place),
            ops.where(ops.equal(places, place), claim, claims),
        )

    start = (
        ops.zeros((batch_size, anchors.shape[0])),
        ops.zeros((batch_size, anchors.shape[0]), "int32"),
        ops.zeros((batch_size, max_boxes), "int32"),
    )
    return ops.fori_loop(0, max_boxes, visit, start)


def _give_claimed(match: Tensor, claims: Tensor, is_box: Tensor) -> Tensor:
    """Match each box to the anchor it claims, unless an earlier box does."""
    batch_size, num_anchors = ops.shape(match)
    places = ops.arange(ops.shape(claims)[1], dtype="int32")
    is_same = ops.equal(ops.expand_dims(claims, 1), ops.expand_dims(claims, 2))
    is_earlier = places < ops.expand_dims(places, 1)
    is_taken = ops.any(
        is_same & is_earlier & ops.expand_dims(is_box, 1), axis=2
    )
    # An additional row for boxes without an anchor.
    spare = batch_size * num_anchors
    rows = ops.expand_dims(ops.arange(batch_size, dtype="int32"), 1)
    index = ops.where(is_box & ~is_taken, claims + rows * num_anchors, spare)
    flat = ops.pad(ops.reshape(match, (-1,)), (0, 1))
    flat = ops.scatter_update(
        flat,
        ops.reshape(index, (-1, 1)),
        ops.reshape(ops.zeros_like(claims) + places, (-1,)),
    )
    return ops.reshape(flat[:-1], (batch_size, num_anchors))
