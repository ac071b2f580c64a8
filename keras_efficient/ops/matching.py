"""Which box each anchor shall find.

The rules of google/automl, `efficientdet/object_detection/argmax_matcher.py`.
"""

from keras import ops

from keras_efficient.ops.boxes import box_iou

BACKGROUND = -1
IGNORED = -2


def match_anchors(
    boxes, labels, anchors, *, matched_threshold=0.5, unmatched_threshold=0.5
):
    """Gives each anchor the box that it shall find.

    An anchor takes the box that it overlaps most, if by enough. Then each box
    takes the anchor that overlaps it most, however little; where several
    claim one anchor, the first of them has it. Ties go to the first.

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
        ValueError: If the thresholds are not in order.

    Example:
    >>> boxes = np.array([[[0.0, 0.0, 4.0, 4.0], [-1.0, -1.0, -1.0, -1.0]]])
    >>> anchors = np.array([[0.0, 0.0, 4.0, 5.0], [9.0, 9.0, 12.0, 12.0]])
    >>> labels = np.array([[0, -1]])
    >>> match = keras_efficient.ops.match_anchors(boxes, labels, anchors)
    >>> keras.ops.convert_to_numpy(match).tolist()
    [[0, -1]]
    """
    if not 0 <= unmatched_threshold <= matched_threshold <= 1:
        raise ValueError(
            "Thresholds must be 0 <= unmatched_threshold <= matched_threshold "
            f"<= 1. Received: matched_threshold={matched_threshold}, "
            f"unmatched_threshold={unmatched_threshold}"
        )
    labels = ops.convert_to_tensor(labels)
    is_box = ops.expand_dims(labels >= 0, -1)
    # (batch, max_boxes, num_anchors): anchors last, where the work is.
    iou = box_iou(boxes, ops.expand_dims(ops.convert_to_tensor(anchors), 0))
    iou = ops.where(is_box, iou, -1.0)
    best = ops.max(iou, axis=1)
    match = ops.cast(ops.argmax(iou, axis=1), "int32")
    below = ops.where(best < unmatched_threshold, BACKGROUND, IGNORED)
    match = ops.where(best >= matched_threshold, match, below)
    claimed = ops.expand_dims(ops.cast(ops.argmax(iou, axis=2), "int32"), -1)
    number = ops.arange(anchors.shape[0], dtype="int32")
    is_claimed = ops.logical_and(ops.equal(claimed, number), is_box)
    first = ops.argmax(ops.cast(is_claimed, "int8"), axis=1)
    first = ops.cast(first, "int32")
    return ops.where(ops.any(is_claimed, axis=1), first, match)
