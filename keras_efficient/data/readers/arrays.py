"""Images in memory or in an `.npz` file, with labels or boxes."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data.image_channels import FILE_CHANNELS
from keras_efficient.data.images import load_image
from keras_efficient.data.readers.annotations import MAX_UNNAMED_CLASSES
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.class_names import select_classes
from keras_efficient.data.readers.class_names import standardize_class_names
from keras_efficient.data.readers.npz_files import load_npz
from keras_efficient.data.records import ClassificationRecord
from keras_efficient.data.records import ClassificationReport
from keras_efficient.data.value_ranges import how_to_convert
from keras_efficient.data.value_ranges import warn_if_unit_range
from keras_efficient.ops import convert_boxes
from keras_efficient.types import PathLike


def read_classification_arrays(
    images: Any,
    labels: Any,
    class_names: Sequence[str] | None = None,
    source: str = "arrays",
    multi_label: bool | None = None,
) -> tuple[
    tuple[ClassificationRecord, ...], tuple[str, ...], ClassificationReport
]:
    """Read labelled images; see `classification_from_arrays`."""
    images, labels = np.asarray(images), np.asarray(labels)
    _check_images(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[-1] == 1:
        images = np.repeat(images, 3, axis=-1)
    if multi_label is None:
        multi_label = labels.ndim == 2 and labels.shape[1] > 1
    if labels.ndim == 2 and labels.shape[1] > 1 or multi_label:
        matrix = _standardize_multi_hot(labels, len(images))
        if multi_label:
            return _multi_label(images, matrix, class_names, source)
        labels = _labels_of_one_hot(matrix)
        if class_names is None:
            class_names = [str(i) for i in range(matrix.shape[1])]
    labels = _standardize_labels(labels, len(images))
    names = _names(class_names, labels.min(), labels.max())
    records = tuple(
        ClassificationRecord(image, int(label))
        for image, label in zip(images, labels, strict=True)
    )
    numbers = np.bincount(labels.astype("int64"), minlength=len(names))
    counts = dict(zip(names, (int(n) for n in numbers), strict=True))
    return records, names, ClassificationReport(source, counts)


def read_npz(
    path: PathLike,
    split: str,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
) -> tuple[
    tuple[ClassificationRecord, ...], tuple[str, ...], ClassificationReport
]:
    """Read `x_<split>` and `y_<split>` of a file, and its `class_names`."""
    arrays = load_npz(path, (f"x_{split}", f"y_{split}"), ("class_names",))
    images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    source = f"{path}, {split}"
    own_names = arrays.get("class_names")
    try:
        if own_names is None:
            return read_classification_arrays(
                images, labels, class_names, source
            )
        records, found, report = read_classification_arrays(
            images, labels, np.atleast_1d(own_names).ravel().tolist(), source
        )
    except ValueError as e:
        raise ValueError(f"{source}: {e}") from e
    if class_names is None:
        return records, found, report
    # Names determine the labels, whatever their order in the file.
    names, left_out = select_classes(path, found, class_names, strict)
    label_of = {
        found.index(name): i for i, name in enumerate(names) if name in found
    }
    records = tuple(_relabeled(records, label_of))
    counts = {name: report.class_counts.get(name, 0) for name in names}
    report = dataclasses.replace(report, class_counts=counts, left_out=left_out)
    return records, names, report


def read_detection_arrays(
    images: Any,
    boxes: Sequence[Any],
    labels: Sequence[Any],
    class_names: Sequence[str] | None = None,
    bounding_box_format: str = "xyxy",
) -> RawAnnotations:
    """Read images with boxes; see `detection_from_arrays`."""
    # Raises an error if the format is unknown.
    convert_boxes(np.zeros((0, 4)), bounding_box_format, "xyxy", (1, 1))
    if not len(images) == len(boxes) == len(labels):
        raise ValueError(
            "`images`, `boxes` and `labels` must have the same length. "
            f"Received: {len(images)}, {len(boxes)} and {len(labels)}"
        )
    raw_images = []
    for i, image in enumerate(images):
        numbers = _labels_of(i, labels[i])
        own = _boxes_of(i, boxes[i], len(numbers))
        is_box = numbers >= 0
        raw_images.append(
            RawImage(
                image=_image_of(i, image),
                boxes=own[is_box],
                labels=numbers[is_box],
                image_id=i,
                where=f"image {i}",
            )
        )
    highest = max((x.labels.max(initial=-1) for x in raw_images), default=-1)
    # At least one class, so that the error is about missing boxes.
    names = _names(class_names, 0, max(int(highest), 0))
    return RawAnnotations(
        images=raw_images,
        class_names=names,
        category_ids=tuple(range(1, len(names) + 1)),
        box_format=bounding_box_format,
        layout="arrays",
        source="arrays",
    )


def _names(
    class_names: Sequence[str] | None, lowest: int, highest: int
) -> tuple[str, ...]:
    """Names of the classes, by default the labels themselves."""
    if class_names is None and highest >= MAX_UNNAMED_CLASSES:
        raise ValueError(
            f"Labels without names of classes must be below "
            f"{MAX_UNNAMED_CLASSES}. Number the classes from 0 on, or pass "
            f"`class_names`. Received: labels up to {highest}"
        )
    given = range(int(highest) + 1) if class_names is None else class_names
    names = standardize_class_names(given)
    if lowest < 0 or highest >= len(names):
        raise ValueError(
            f"Labels must be in [0, {len(names) - 1}] for {len(names)} "
            f"classes. Received: labels from {lowest} to {highest}"
        )
    return names


def _relabeled(
    records: Iterable[ClassificationRecord], label_of: dict[int, int]
) -> Iterator[ClassificationRecord]:
    """Yield records with new labels, without those of other classes."""
    for record in records:
        known = [label for label in record.labels if label in label_of]
        labels = tuple(sorted(label_of[label] for label in known))
        if isinstance(record.label, tuple):
            # None of the remaining classes is a valid answer.
            yield ClassificationRecord(record.image, labels)
        elif labels:
            yield ClassificationRecord(record.image, labels[0])


def _multi_label(
    images: np.ndarray,
    matrix: np.ndarray,
    class_names: Sequence[str] | None,
    source: str,
) -> tuple[
    tuple[ClassificationRecord, ...], tuple[str, ...], ClassificationReport
]:
    """Read images with a row of 0 and 1, one for each class."""
    number = matrix.shape[1]
    given = range(number) if class_names is None else class_names
    names = standardize_class_names(given)
    if len(names) != number:
        raise ValueError(
            f"`class_names` must have {number} names, one for each column of "
            f"`labels`. Received: {len(names)} names"
        )
    records = tuple(
        ClassificationRecord(image, tuple(int(i) for i in np.flatnonzero(row)))
        for image, row in zip(images, matrix, strict=True)
    )
    counts = dict(zip(names, (int(n) for n in matrix.sum(0)), strict=True))
    report = ClassificationReport(
        source, counts, multi_label_images=len(records)
    )
    return records, names, report


def _standardize_multi_hot(labels: np.ndarray, num_images: int) -> np.ndarray:
    is_matrix = labels.ndim == 2 and len(labels) == num_images
    if not is_matrix or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            "Labels of several classes must be a matrix of shape "
            f"({num_images}, classes) of 0 and 1, one row for each image. "
            f"Received: shape={labels.shape}, dtype={labels.dtype}"
        )
    return labels.astype("int64")


def _labels_of_one_hot(matrix: np.ndarray) -> np.ndarray:
    counts = matrix.sum(axis=1)
    if (counts != 1).any():
        place = int(np.flatnonzero(counts != 1)[0])
        raise ValueError(
            "With `multi_label=False`, each row of `labels` must have a single "
            f"1. Received: {int(counts[place])} in row {place}"
        )
    return matrix.argmax(axis=1)


def _check_images(images: np.ndarray) -> None:
    """Raise an error if these are not images `(number, height, ...)`."""
    # Images with channels first have more columns than channels.
    is_shape = images.ndim == 3 or (
        images.ndim == 4
        and (
            images.shape[-1] in FILE_CHANNELS
            or 2 * images.shape[-1] < min(images.shape[1:3])
        )
    )
    if not is_shape or not images.size:
        raise ValueError(
            "`images` must have the shape (number, height, width, channels) "
            "with 1, 3 or 4 channels, or fewer than half as many channels as "
            "rows and columns, and contain at least one image. "
            f"Received: shape={images.shape}"
        )
    if images.dtype != np.uint8:
        raise ValueError(
            "`images` must be uint8 with pixels in [0, 255]; the model "
            f"normalizes them. {how_to_convert(images, 'images')}"
        )
    warn_if_unit_range(images if images.ndim == 4 else images[..., None])


def _standardize_labels(labels: np.ndarray, num_images: int) -> np.ndarray:
    if labels.shape not in ((num_images,), (num_images, 1)):
        raise ValueError(
            f"`labels` must have the shape ({num_images},), one label for each "
            f"image, or ({num_images}, classes) for several. "
            f"Received: shape={labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            "`labels` must be integers, the index of the class of each image. "
            f"Received: dtype={labels.dtype}"
        )
    return labels.reshape(-1)


def _image_of(i: int, image: Any) -> np.ndarray:
    try:
        array = np.asarray(image)
        # Gray images become RGB, as in a data set of classes.
        is_gray = array.ndim != 3 or array.shape[2] == 1
        channels = 3 if is_gray else array.shape[2]
        return load_image(array, channels=channels)
    except ValueError as e:
        raise ValueError(f"Image {i}: {e}") from e


def _labels_of(i: int, labels: Any) -> np.ndarray:
    labels = np.asarray(labels)
    # An empty list becomes an array of floats.
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
        raise ValueError(
            f"The labels of image {i} must be integers, the index of the class "
            f"of each box. Received: shape={labels.shape}, "
            f"dtype={labels.dtype}"
        )
    return labels.astype("int64")


def _boxes_of(i: int, boxes: Any, count: int) -> np.ndarray:
    boxes = np.asarray(boxes, "float64")
    if boxes.shape != (count, 4) and (boxes.size or count):
        raise ValueError(
            f"Image {i} has {count} labels; its boxes must have the shape "
            f"({count}, 4). Received: shape={boxes.shape}"
        )
    return boxes.reshape(-1, 4)
