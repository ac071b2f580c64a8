"""Datasets for classification from folders, files and arrays."""

import pathlib
from collections.abc import Sequence
from typing import Any

from keras_efficient.data.classification_datasets import ClassificationDataset
from keras_efficient.data.readers.arrays import read_classification_arrays
from keras_efficient.data.readers.arrays import read_npz
from keras_efficient.data.readers.files import describe_folder
from keras_efficient.data.readers.image_folder import find_splits
from keras_efficient.data.readers.image_folder import read_image_folder
from keras_efficient.data.records import listed
from keras_efficient.types import PathLike


def load_classification(
    source: PathLike,
    split: str | None = None,
    *,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
) -> ClassificationDataset:
    """Load labelled images from a folder or an `.npz` file.

    - A folder with one subfolder for each class: `source/<class>/<image>`, or
      `source/<split>/<class>/<image>` with `split`. Labels are the indices of
      the class folders in alphabetical order. Images may be in deeper
      subfolders of their class. Hidden files and folders are ignored.
    - An `.npz` file with the arrays `x_<split>` (uint8 images), `y_<split>`
      (integers, or a matrix of 0 and 1 for several classes) and, optionally,
      `class_names`.

    Images are `.jpg`, `.jpeg`, `.png`, `.bmp`, `.gif` (the first frame) and
    `.webp` files. Files that cannot be read are dropped and listed in the
    dataset's `report`.

    Args:
        source: Path of the folder or file.
        split: String, such as `"train"`. Defaults to `None`: the folder
            itself, or `"train"` in a file.
        class_names: Sequence of strings, the classes in the order of their
            labels. Other classes are left out, and a class may have no
            images; the report lists both. In an `.npz` file without names
            these are the names of the labels 0, 1, ... Defaults to all
            folders, sorted, or the names in the file.
        strict: Boolean, whether an unreadable image, or a difference between
            `class_names` and the classes found, is an error. Defaults to
            `False`.
        check: `"decode"` reads every image once to find broken files;
            `"header"` reads only the first bytes, for very large datasets.
            Defaults to `"decode"`.

    Returns:
        A `ClassificationDataset`.

    Raises:
        FileNotFoundError: If `source`, or its split, does not exist.
        ValueError: If there are no classes, a class has no images, or the
            folder is divided into splits and `split` is `None`.

    Example:
    ```python
    train = keras_efficient.data.load_classification("flowers", "train")
    print(train.report)
    ```
    """
    path = pathlib.Path(source)
    if path.suffix.lower() == ".npz" and not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(f"No such file: {path}")
        return ClassificationDataset(
            *read_npz(path, split or "train", class_names, strict)
        )
    folder = path / split if split else path
    if not folder.is_dir():
        raise FileNotFoundError(
            f"No such folder: {folder}. Expected <folder>/<class>/<image>, or "
            f"an .npz file. Found at {path}: {describe_folder(path)}."
        )
    splits = () if split or class_names else find_splits(folder)
    if splits:
        raise ValueError(
            f"{folder} is divided into {listed(splits)}. Choose one, such as "
            f"split={splits[0]!r}. If these are classes, pass class_names."
        )
    return ClassificationDataset(
        *read_image_folder(folder, class_names, strict, check)
    )


def classification_from_arrays(
    images: Any,
    labels: Any,
    class_names: Sequence[str] | None = None,
    multi_label: bool | None = None,
) -> ClassificationDataset:
    """Make a dataset of labelled images in memory, as in `keras.datasets`.

    Args:
        images: Array of shape `(number, height, width, channels)`, uint8.
            The axis of the channels may be missing. Batches and predictions
            have the channels of the model: gray, RGB and RGBA images are
            converted to each other; other numbers, below half of those of
            rows and columns, must be equal.
        labels: Integer array of shape `(number,)` or `(number, 1)`. For
            images of several classes or of none: an array of 0 and 1 of shape
            `(number, classes)`.
        class_names: Sequence of strings, the classes in the order of their
            labels. Defaults to the labels themselves.
        multi_label: Boolean, whether an image may belong to any number of
            classes. `False` accepts one-hot `labels` of one class for each
            image. Defaults to `None`: whether `labels` have several columns.

    Returns:
        A `ClassificationDataset`.

    Raises:
        ValueError: If shapes, types or values are invalid.

    Example:
    >>> images = np.zeros((4, 32, 32, 3), "uint8")
    >>> dataset = keras_efficient.data.classification_from_arrays(
    ...     images, [0, 1, 1, 0]
    ... )
    >>> len(dataset), dataset.class_names
    (4, ('0', '1'))
    """
    return ClassificationDataset(
        *read_classification_arrays(
            images, labels, class_names, multi_label=multi_label
        )
    )
