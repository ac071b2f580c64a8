"""Data sets by looking at what lies there."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

from keras_efficient.data.datasets import ClassificationDataset
from keras_efficient.data.readers.arrays import read_arrays
from keras_efficient.data.readers.arrays import read_npz
from keras_efficient.data.readers.image_folder import find_splits
from keras_efficient.data.readers.image_folder import read_image_folder
from keras_efficient.data.records import listed


def load_classification(
    source: str | os.PathLike,
    split: str | None = None,
    *,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
) -> ClassificationDataset:
    """Reads labelled images from a folder or an `.npz` file.

    - A folder with one folder for each class: `source/<class>/<image>`, or
      `source/<split>/<class>/<image>` with `split`. Labels are the places of
      the folders' names in alphabetical order. Images may lie deeper within
      the folder of their class. Hidden files and folders do not count.
    - An `.npz` file with the arrays `x_<split>` (uint8 images), `y_<split>`
      (integers) and, if there, `class_names`.

    Images are `.jpg`, `.jpeg`, `.png`, `.bmp`, `.gif` (the first picture) and
    `.webp` files. Those that cannot be read are left out and named in the data
    set's `report`.

    Args:
        source: Path of the folder or file.
        split: String, such as `"train"`. Defaults to `None`: the folder
            itself, and `"train"` of a file.
        class_names: Sequence of strings, the classes in the order of their
            labels. Other classes are left out, and a class may have no
            images; the report names both. In an `.npz` file without names
            they are those of the labels 0, 1, ... Defaults to all folders,
            sorted, or the file's own names.
        strict: Boolean, whether an image that cannot be read, or a difference
            between `class_names` and the classes that are there, raises an
            error. Defaults to `False`.
        check: `"decode"` reads every image once to find the broken ones;
            `"header"` looks only at the first bytes, for very large sets.
            Defaults to `"decode"`.

    Returns:
        A `ClassificationDataset`.

    Raises:
        FileNotFoundError: If `source`, or its split, is not there.
        ValueError: If it has no classes, a class has no images, or it is
            divided into splits and `split` does not say which.

    Example:
    ```python
    train = keras_efficient.data.load_classification("flowers", "train")
    print(train.report)
    ```
    """
    path = pathlib.Path(source)
    if path.suffix.lower() == ".npz" and not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(f"There is no file {path}")
        return ClassificationDataset(
            *read_npz(path, split or "train", class_names, strict)
        )
    folder = path / split if split else path
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}; {_what_is_there(path)}. Expected "
            "<folder>/<class>/<image>, or an .npz file."
        )
    splits = () if split or class_names else find_splits(folder)
    if splits:
        raise ValueError(
            f"{folder} is divided into {listed(splits)}. Say which to read: "
            f"split={splits[0]!r}. If these are classes, pass class_names."
        )
    return ClassificationDataset(
        *read_image_folder(folder, class_names, strict, check)
    )


def _what_is_there(path):
    if not path.is_dir():
        return f"{path} is no folder"
    names = sorted(entry.name for entry in path.iterdir())
    return f"{path} has {listed(names)}" if names else f"{path} is empty"


def classification_from_arrays(
    images: Any, labels: Any, class_names: Sequence[str] | None = None
) -> ClassificationDataset:
    """Labelled images that lie in memory, as `keras.datasets` gives them.

    Args:
        images: Array of shape `(number, height, width, channels)`, uint8;
            greyscale without or with a channel becomes three equal ones.
        labels: Integer array of shape `(number,)` or `(number, 1)`.
        class_names: Sequence of strings, the classes in the order of their
            labels. Defaults to the labels themselves.

    Returns:
        A `ClassificationDataset`.

    Raises:
        ValueError: If shapes, types or values do not fit.

    Example:
    >>> images = np.zeros((4, 32, 32, 3), "uint8")
    >>> dataset = keras_efficient.data.classification_from_arrays(
    ...     images, [0, 1, 1, 0]
    ... )
    >>> len(dataset), dataset.class_names
    (4, ('0', '1'))
    """
    return ClassificationDataset(*read_arrays(images, labels, class_names))
