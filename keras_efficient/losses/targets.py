"""Targets of the anchors of an image."""

from keras import ops

from keras_efficient.ops import encode_boxes
from keras_efficient.ops import match_anchors
from keras_efficient.ops.matching import BACKGROUND
from keras_efficient.ops.matching import IGNORED
from keras_efficient.types import Tensor


def assign_targets(
    boxes: Tensor,
    labels: Tensor,
    anchors: Tensor,
    *,
    matched_threshold: float = 0.5,
    unmatched_threshold: float = 0.5,
) -> dict[str, Tensor]:
    """Compute the targets of a detector's outputs from boxes.

    Args:
        boxes: Tensor of shape `(batch, max_boxes, 4)`, `yxyx` in pixels of the
            network's input.
        labels: Int32 tensor of shape `(batch, max_boxes)`, from 0; rows below
            0 are padding.
        anchors: Array of shape `(num_anchors, 4)`, `yxyx` in pixels.
        matched_threshold: Float; see `ops.match_anchors`. Defaults to 0.5.
        unmatched_threshold: Float; see `ops.match_anchors`. Defaults to 0.5,
            with which no anchor is ignored.

    Returns:
        A dict of tensors: `"labels"`, int32 of shape `(batch, num_anchors)`,
        -1 for background and -2 for ignored anchors; `"box_deltas"`, float32
        of shape `(batch, num_anchors, 4)`, 0 for anchors without a box;
        `"num_positives"`, float32 of shape `(batch,)`, the number of anchors
        with a box.

    Raises:
        ValueError: If the thresholds are not in order, or a shape is wrong.

    Example:
    >>> anchors = np.array([[0.0, 0.0, 4.0, 5.0], [9.0, 9.0, 12.0, 12.0]])
    >>> targets = keras_efficient.losses.assign_targets(
    ...     np.array([[[0.0, 0.0, 4.0, 4.0]]]), np.array([[7]]), anchors
    ... )
    >>> keras.ops.convert_to_numpy(targets["labels"]).tolist()
    [[7, -1]]

    Reference:
        - `google/automl`, `efficientdet/tf2/anchors.py`, `AnchorLabeler`.
    """
    boxes = ops.cast(boxes, "float32")
    labels = ops.cast(labels, "int32")
    anchors = ops.convert_to_tensor(anchors, dtype="float32")
    match = match_anchors(
        boxes,
        labels,
        anchors,
        matched_threshold=matched_threshold,
        unmatched_threshold=unmatched_threshold,
    )
    # At least one row, for lookups without any box.
    boxes = ops.pad(boxes, ((0, 0), (0, 1), (0, 0)))
    labels = ops.pad(labels, ((0, 0), (0, 1)))
    index = ops.maximum(match, 0)
    is_matched = match >= 0
    matched_labels = ops.take_along_axis(labels, index, axis=1)
    rest = ops.where(ops.equal(match, IGNORED), IGNORED, BACKGROUND)
    matched_boxes = ops.take_along_axis(
        boxes, ops.expand_dims(index, -1), axis=1
    )
    deltas = encode_boxes(matched_boxes, anchors)
    targets = {
        "labels": ops.where(is_matched, matched_labels, rest),
        "box_deltas": ops.where(ops.expand_dims(is_matched, -1), deltas, 0.0),
        "num_positives": ops.sum(ops.cast(is_matched, "float32"), axis=1),
    }
    return {name: ops.stop_gradient(x) for name, x in targets.items()}
