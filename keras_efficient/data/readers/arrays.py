"""Images and labels that lie in memory, or in an `.npz` file."""

import zipfile

import numpy as np

from keras_efficient.data.records import ImageRecord
from keras_efficient.data.records import ReadReport


def read_arrays(images, labels, class_names=None, source="arrays"):
    """Reads arrays; see `from_arrays`."""
    images, labels = np.asarray(images), np.asarray(labels)
    _check_images(images)
    labels = _checked_labels(labels, len(images))
    if class_names is None:
        class_names = [str(label) for label in range(int(labels.max()) + 1)]
    names = tuple(str(name) for name in class_names)
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
        ImageRecord(image, int(label))
        for image, label in zip(images[..., :3], labels, strict=True)
    )
    numbers = np.bincount(labels, minlength=len(names))
    counts = dict(zip(names, (int(n) for n in numbers), strict=True))
    return records, names, ReadReport(source, counts)


def read_npz(path, split="train", class_names=None):
    """Reads `x_<split>` and `y_<split>` of a file, and its `class_names`."""
    try:
        with open(path, "rb") as opened, np.load(opened) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as e:
        raise ValueError(f"{path} is no whole .npz file: {e}") from e
    wanted = [f"x_{split}", f"y_{split}"]
    if not set(wanted) <= set(arrays):
        raise ValueError(
            f"{path} must hold the arrays {wanted}. Received: {sorted(arrays)}"
        )
    if class_names is None and "class_names" in arrays:
        class_names = [str(name) for name in arrays["class_names"]]
    images, labels = (arrays[name] for name in wanted)
    return read_arrays(images, labels, class_names, f"{path}, {split}")


def _check_images(images):
    is_shape = images.ndim == 3 or (
        images.ndim == 4 and images.shape[-1] in (1, 3, 4)
    )
    if not is_shape or not len(images):
        raise ValueError(
            "`images` must be of shape (number, height, width, channels) with "
            "1, 3 or 4 channels, and at least one image. "
            f"Received: shape={images.shape}"
        )
    if images.dtype != np.uint8:
        raise ValueError(
            "`images` must be uint8 with pixels in [0, 255]: the model "
            "normalises them itself. Received: "
            f"dtype={images.dtype}, values {images.min()} to {images.max()}"
        )


def _checked_labels(labels, num_images):
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
