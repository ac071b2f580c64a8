"""Which box each anchor shall find.

The rules of google/automl, `efficientdet/object_detection/argmax_matcher.py`.
"""

from keras import ops

from keras_efficient.ops.iou import paired_iou

BACKGROUND = -1
IGNORED = -2


def match_anchors(
    boxes, labels, anchors, *, matched_threshold=0.5, unmatched_threshold=0.5
):
    """Gives each anchor the box that it shall find.

    An anchor takes the box that it overlaps most, if by enough. Then each box
    takes the anchor that overlaps it most, however little; where several
    claim one anchor, the first of them has it. Ties go to the first: a second
    copy of a box gets no anchor, and a box that meets none the first anchor.

    Args:
        boxes: Tensor of shape `(batch, max_boxes, 4)`, `yxyx` in pixels.
        labels: Integer tensor of shape `(batch, max_boxes)`; rows below 0
            are no boxes.
        anchors: Tensor of shape `(num_anchors, 4)`, `yxyx` in pixels.
        matched_threshold: Float, intersection over union from which an anchor
            is matched. Defaults to 0.5.
        unmatched_threshold: Float, below which it is background; anchors in
            between are ignored. Defaults to 0.5.

    Returns:
        Int32 tensor of shape `(batch, num_anchors)`: the place of the box, -1
        for background, -2 for anchors that do not count.

    Raises:
        ValueError: If the thresholds are not in order, or the shapes others.

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
            "Thresholds must be 0 < unmatched_threshold <= matched_threshold "
            f"<= 1. Received: matched_threshold={matched_threshold}, "
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


def _check_shapes(boxes, labels, anchors):
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


def _visit_boxes(boxes, is_box, anchors):
    """What each anchor overlaps most, and each box.

    Box by box: all overlaps of a batch at once would take gigabytes.

    Returns:
        The overlap of each anchor with its best box and the place of that
        box, both `(batch, num_anchors)`; and the place of each box's best
        anchor, `(batch, max_boxes)`.
    """
    # No box overlaps nothing.
    boxes = ops.where(ops.expand_dims(is_box, -1), boxes, 0.0)
    batch_size, max_boxes = ops.shape(boxes)[:2]
    places = ops.arange(max_boxes, dtype="int32")
    anchor_edges = [anchors[:, i] for i in range(4)]

    def visit(place, state):
        best, match, claims = state
        box = ops.expand_dims(ops.take(boxes, place, axis=1), -1)
        iou = paired_iou([box[:, i] for i in range(4)], anchor_edges)
        claim = ops.expand_dims(ops.argmax(iou, axis=1), -1)
        claim = ops.cast(claim, "int32")
        # Places only grow, so that the maximum is the last that was better:
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


def _give_claimed(match, claims, is_box):
    """Hands each box the anchor that it claims, unless an earlier one does."""
    batch_size, num_anchors = ops.shape(match)
    places = ops.arange(ops.shape(claims)[1], dtype="int32")
    is_same = ops.equal(ops.expand_dims(claims, 1), ops.expand_dims(claims, 2))
    is_earlier = places < ops.expand_dims(places, 1)
    is_taken = ops.any(
        is_same & is_earlier & ops.expand_dims(is_box, 1), axis=2
    )
    # One row further than there are anchors, for boxes that get nothing.
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
