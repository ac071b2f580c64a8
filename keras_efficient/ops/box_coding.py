"""Encoding of boxes as offsets from anchors, and decoding.

The encoding of Faster R-CNN without scale factors, as in google/automl,
`efficientdet/object_detection/faster_rcnn_box_coder.py`.
"""

from keras import ops

from keras_efficient.types import Tensor

# Lower limit of sides, in pixels.
MIN_SIDE = 1e-8


def encode_boxes(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Encode boxes relative to anchors.

    `ty, tx` is the distance of the centers divided by the anchor's sides, `th,
    tw` the logarithm of the ratio of the sides.

    Args:
        boxes: Tensor of shape `(..., 4)`, `yxyx` in pixels.
        anchors: Tensor of a shape that broadcasts with `boxes`, `yxyx` in
            pixels.

    Returns:
        Tensor of shape `(..., 4)`: `ty, tx, th, tw`, dimensionless.

    Example:
    >>> boxes = np.array([[10.0, 20.0, 30.0, 60.0]])
    >>> anchors = np.array([[0.0, 0.0, 40.0, 40.0]])
    >>> deltas = keras_efficient.ops.encode_boxes(boxes, anchors)
    >>> [round(float(delta), 3) for delta in deltas[0]]
    [0.0, 0.5, -0.693, 0.0]
    """
    box_centers, box_sides = _centers_and_sides(boxes)
    centers, sides = _centers_and_sides(anchors)
    box_sides = ops.maximum(box_sides, MIN_SIDE)
    sides = ops.maximum(sides, MIN_SIDE)
    return ops.concatenate(
        [(box_centers - centers) / sides, ops.log(box_sides / sides)], axis=-1
    )


def decode_boxes(deltas: Tensor, anchors: Tensor) -> Tensor:
    """Decode boxes from their offsets; the inverse of `encode_boxes`.

    Args:
        deltas: Tensor of shape `(..., 4)`: `ty, tx, th, tw`.
        anchors: Tensor of a shape that broadcasts with `deltas`, `yxyx` in
            pixels.

    Returns:
        Tensor of shape `(..., 4)`, `yxyx` in pixels; not clipped.

    Example:
    >>> anchors = np.array([[0.0, 0.0, 40.0, 40.0]])
    >>> boxes = keras_efficient.ops.decode_boxes(np.zeros((1, 4)), anchors)
    >>> keras.ops.convert_to_numpy(boxes).tolist()
    [[0.0, 0.0, 40.0, 40.0]]
    """
    deltas = ops.convert_to_tensor(deltas)
    anchor_centers, anchor_sides = _centers_and_sides(anchors)
    centers = deltas[..., :2] * anchor_sides + anchor_centers
    half = ops.exp(deltas[..., 2:]) * anchor_sides / 2
    return ops.concatenate([centers - half, centers + half], axis=-1)


def _centers_and_sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    boxes = ops.convert_to_tensor(boxes)
    first, last = boxes[..., :2], boxes[..., 2:]
    return (first + last) / 2, last - first
