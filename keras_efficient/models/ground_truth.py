"""Ground truth passed to a detector's `fit`: its forms and validation."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_efficient.data.readers.boxes import guess_box_format
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.ops import convert_boxes
from keras_efficient.types import DataFormat

EXPECTED = (
    'a dict of "boxes", (batch, max_boxes, 4), and "labels", (batch, '
    "max_boxes), padded with -1"
)
# KerasCV's name for the labels.
LABEL_KEYS = ("labels", "classes")


def unpack_batch(batch: Any) -> Any:
    """Return a batch as a tuple, also if it is a dict as in KerasCV."""
    if isinstance(batch, dict) and "images" in batch:
        return batch["images"], batch.get("bounding_boxes")
    return batch


def unpack_boxes(y: Any) -> tuple[Any, Any]:
    """Return boxes and labels of a batch.

    Args:
        y: Dict of `"boxes"` and `"labels"` or `"classes"`, or a dict that
            contains it as `"bounding_boxes"`.

    Returns:
        A pair of tensors or arrays `(boxes, labels)`.

    Raises:
        ValueError: If `y` has another structure.
    """
    if isinstance(y, dict):
        y = y.get("bounding_boxes", y)
        key = next((key for key in LABEL_KEYS if key in y), None)
        if "boxes" in y and key:
            return y["boxes"], y[key]
        received = f"a dict of {sorted(y)}"
    else:
        received = type(y).__name__
    raise ValueError(
        f"The ground truth of a detector must be {EXPECTED}. "
        f"Received: {received}"
    )


def check_training_batch(
    batch: Any,
    num_classes: int,
    data_format: DataFormat,
    bounding_box_format: str,
) -> None:
    """Validate the first batch before training.

    The compiled step cannot check values: a label beyond the classes would be
    ignored there, and boxes of another format would match no anchor.

    Args:
        batch: Images and ground truth; see `EfficientDet.fit`.
        num_classes: Integer, of the model.
        data_format: String, of the model.
        bounding_box_format: String, of `compile`.

    Raises:
        ValueError: If they do not fit the model or the format.
    """
    batch = unpack_batch(batch)
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise ValueError(
            "Batches for a detector must be `(images, ground_truth)`, the "
            f"latter {EXPECTED}. Received: {type(batch).__name__}"
        )
    boxes, labels = (
        keras.ops.convert_to_numpy(part) for part in unpack_boxes(batch[1])
    )
    _check_shapes(batch[0].shape, boxes.shape, labels.shape)
    axes = spatial_axes(data_format)
    size = [batch[0].shape[axis] for axis in axes]
    check_ground_truth(boxes, labels, size, num_classes, bounding_box_format)


def _check_shapes(
    images: Sequence[int], boxes: Sequence[int], labels: Sequence[int]
) -> None:
    is_fit = (
        len(boxes) == 3
        and boxes[-1] == 4
        and tuple(labels) == tuple(boxes[:2])
        and images[0] == boxes[0]
    )
    if not is_fit:
        raise ValueError(
            f"The ground truth of a detector must be {EXPECTED}, for as many "
            f"images. Received: images of shape {tuple(images)}, boxes of "
            f"shape {tuple(boxes)}, labels of shape {tuple(labels)}"
        )


def check_ground_truth(
    boxes: np.ndarray,
    labels: np.ndarray,
    size: Sequence[int],
    num_classes: int,
    bounding_box_format: str,
) -> None:
    """Raise an error for invalid boxes or labels.

    Args:
        boxes: Array `(number, max_boxes, 4)`.
        labels: Array `(number, max_boxes)`, -1 where there is no box.
        size: `(height, width)` of the images, in pixels.
        num_classes: Integer, of the model.
        bounding_box_format: String, the declared format of `boxes`.

    Raises:
        ValueError: If labels lie beyond the classes, boxes are not finite, or
            they look like another format.
    """
    is_box = labels >= 0
    if labels.size and labels.max() >= num_classes:
        raise ValueError(
            f"Labels must be whole numbers in [0, {num_classes - 1}], as the "
            f"model has {num_classes} classes, or -1 for no box. If they "
            "count from 1, subtract 1. "
            f"Received: labels up to {labels.max():g}"
        )
    boxes = boxes[is_box].astype("float32")
    if not np.isfinite(boxes).all():
        raise ValueError(
            "Boxes must be finite numbers. Received: "
            f"{(~np.isfinite(boxes).all(-1)).sum()} that are not"
        )
    sizes = np.broadcast_to(np.asarray(size, "float32"), (len(boxes), 2))
    looks_like = guess_box_format(boxes, sizes, bounding_box_format)
    if looks_like is not None:
        raise ValueError(
            f"The boxes cannot be {bounding_box_format!r} in images of "
            f"{tuple(size)} pixels; they look like {looks_like!r}. If they "
            f"are, compile with bounding_box_format={looks_like!r}. "
            f"Received: boxes such as {boxes[0].tolist()}"
        )
    corners = keras.ops.convert_to_numpy(
        convert_boxes(boxes, bounding_box_format, "yxyx", image_size=size)
    )
    sides = corners[:, 2:] - corners[:, :2]
    if (sides <= 0).any():
        wrong = boxes[(sides <= 0).any(-1)]
        raise ValueError(
            "Boxes must have a width and a height above 0; rows without a box "
            f"have label -1. Received: {len(wrong)} without, such as "
            f"{wrong[0].tolist()}"
        )
