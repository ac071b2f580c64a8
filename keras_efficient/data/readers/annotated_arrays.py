"""Images with boxes that lie in memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data.images import load_image
from keras_efficient.data.readers.class_names import standardize_class_names
from keras_efficient.data.readers.raw import RawAnnotations
from keras_efficient.data.readers.raw import RawImage
from keras_efficient.ops import convert_boxes


def read_annotated_arrays(
    images: Any,
    boxes: Sequence,
    labels: Sequence,
    class_names: Sequence[str] | None = None,
    bounding_box_format: str = "xyxy",
) -> RawAnnotations:
    """Reads arrays; see `detection_from_arrays`."""
    convert_boxes(np.zeros((0, 4)), bounding_box_format, "xyxy", (1, 1))
    if not len(images) == len(boxes) == len(labels):
        raise ValueError(
            "`images`, `boxes` and `labels` must be as many. Received: "
            f"{len(images)}, {len(boxes)} and {len(labels)}"
        )
    raw_images = []
    for i, image in enumerate(images):
        numbers = _labels(i, labels[i])
        own = _boxes(i, boxes[i], len(numbers))
        is_box = numbers >= 0
        raw_images.append(
            RawImage(
                image=_image(i, image),
                boxes=own[is_box],
                labels=numbers[is_box],
                image_id=i,
                where=f"image {i}",
            )
        )
    highest = max((x.labels.max(initial=-1) for x in raw_images), default=-1)
    if class_names is None:
        # At least one class, so that the error is about the boxes.
        class_names = range(max(int(highest), 0) + 1)
    names = standardize_class_names(class_names)
    if highest >= len(names):
        raise ValueError(
            f"Labels must lie in [0, {len(names) - 1}] for {len(names)} "
            f"classes. Received: labels up to {highest}"
        )
    return RawAnnotations(
        images=raw_images,
        class_names=names,
        category_ids=tuple(range(1, len(names) + 1)),
        box_format=bounding_box_format,
        layout="arrays",
        source="arrays",
    )


def _image(i, image):
    try:
        return load_image(np.asarray(image))
    except ValueError as e:
        raise ValueError(f"Image {i}: {e}") from e


def _labels(i, labels):
    labels = np.asarray(labels)
    # An empty list becomes floats.
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
        raise ValueError(
            f"The labels of image {i} must be integers, the index of each "
            f"box's class. Received: shape={labels.shape}, "
            f"dtype={labels.dtype}"
        )
    return labels.astype("int64")


def _boxes(i, boxes, count):
    boxes = np.asarray(boxes, "float64")
    if boxes.shape != (count, 4) and (boxes.size or count):
        raise ValueError(
            f"Image {i} has {count} labels, so that its boxes must be of shape "
            f"({count}, 4). Received: shape={boxes.shape}"
        )
    return boxes.reshape(-1, 4)
