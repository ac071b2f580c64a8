"""Images and labels that lie in memory, or in an `.npz` file."""

import os
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data.readers.class_names import select_classes
from keras_efficient.data.readers.class_names import standardize_class_names
from keras_efficient.data.records import ClassificationRecord
from keras_efficient.data.records import ClassificationReport


def read_arrays(
    images: Any,
    labels: Any,
    class_names: Sequence[str] | None = None,
    source: str = "arrays",
) -> tuple[
    tuple[ClassificationRecord, ...], tuple[str, ...], ClassificationReport
]:
    """Reads arrays; see `classification_from_arrays`."""
    images, labels = np.asarray(images), np.asarray(labels)
    check_images(images)
    labels = _standardize_labels(labels, len(images))
    if class_names is None:
        class_names = range(int(labels.max()) + 1)
    names = standardize_class_names(class_names)
    if labels.min() < 0 or labels.max() >= len(names):
        raise ValueError(
            f"Labels must lie in [0, {len(names) - 1}] for {len(names)} "
            f"classes. Received: labels from {labels.min()} to {labels.max()}"
        )
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[-1] == 1:
        images = np.repeat(images, 3, axis=-1)
    records = tuple(
        ClassificationRecord(image, int(label))
        for image, label in zip(images[..., :3], labels, strict=True)
    )
    numbers = np.bincount(labels, minlength=len(names))
    counts = dict(zip(names, (int(n) for n in numbers), strict=True))
    return records, names, ClassificationReport(source, counts)


def read_npz(
    path: str | os.PathLike,
    split: str,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
) -> tuple[
    tuple[ClassificationRecord, ...], tuple[str, ...], ClassificationReport
]:
    """Reads `x_<split>` and `y_<split>` of a file, and its `class_names`."""
    arrays = _load(path, (f"x_{split}", f"y_{split}"))
    images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    source = f"{path}, {split}"
    if "class_names" not in arrays:
        return read_arrays(images, labels, class_names, source)
    records, found, report = read_arrays(
        images, labels, arrays["class_names"], source
    )
    if class_names is None:
        return records, found, report
    # The names say which labels are meant, whatever their order in the file.
    names, left_out = select_classes(path, found, class_names, strict)
    label_of = {
        found.index(name): i for i, name in enumerate(names) if name in found
    }
    records = tuple(
        ClassificationRecord(record.image, label_of[record.label])
        for record in records
        if record.label in label_of
    )
    counts = {name: report.class_counts.get(name, 0) for name in names}
    return (
        records,
        names,
        ClassificationReport(source, counts, left_out=left_out),
    )


def _load(path, wanted):
    try:
        with open(path, "rb") as opened, np.load(opened) as file:
            if set(wanted) <= set(file.files):
                names = {*wanted, "class_names"} & set(file.files)
                return {name: file[name] for name in names}
            found = sorted(file.files)
    except (
        ValueError,
        OSError,
        EOFError,
        AttributeError,  # an array, not an archive of some
        TypeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as e:
        raise ValueError(f"{path} is no whole .npz file: {e}") from e
    raise ValueError(
        f"{path} must hold the arrays {list(wanted)}. Received: {found}"
    )


def check_images(images):
    """Raises an error if these are no images, `(number, height, ...)`."""
    is_shape = images.ndim == 3 or (
        images.ndim == 4 and images.shape[-1] in (1, 3, 4)
    )
    if not is_shape or not images.size:
        raise ValueError(
            "`images` must be of shape (number, height, width, channels) with "
            "1, 3 or 4 channels, and at least one image. "
            f"Received: shape={images.shape}"
        )
    if images.dtype == np.uint8:
        return
    if not np.issubdtype(images.dtype, np.number):
        values = ""
    else:
        values = f", values {images.min()} to {images.max()}"
    raise ValueError(
        "`images` must be uint8 with pixels in [0, 255]: the model normalises "
        "them itself. If they lie in [0, 1], pass "
        '`(255 * images).round().astype("uint8")`. '
        f"Received: dtype={images.dtype}{values}"
    )


def _standardize_labels(labels, num_images):
    if labels.shape not in ((num_images,), (num_images, 1)):
        raise ValueError(
            f"`labels` must be of shape ({num_images},), one for each image. "
            f"Received: shape={labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            "`labels` must be integers, the index of each image's class. "
            f"Received: dtype={labels.dtype}"
        )
    return labels.reshape(-1)
