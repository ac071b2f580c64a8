"""Datasets for classification from folders, files and arrays."""

import pathlib
from collections.abc import Sequence
from typing import Any

from keras_efficient.data.classification_datasets import ClassificationDataset
from keras_efficient.data.readers.arrays import read_classification_arrays
from keras_efficient.data.readers.arrays import read_npz
from keras_efficient.data.readers.class_table_images import read_class_table
from keras_efficient.data.readers.class_tables import ClassTable
from keras_efficient.data.readers.class_tables import class_tables
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.folder_listing import describe_folder
from keras_efficient.data.readers.image_folder import find_splits
from keras_efficient.data.readers.image_folder import read_image_folder
from keras_efficient.data.readers.unexpected import named_errors
from keras_efficient.data.records import ClassificationRecord
from keras_efficient.data.records import ClassificationReport
from keras_efficient.data.records import listed
from keras_efficient.data.records import shown_text
from keras_efficient.types import PathLike


def load_classification(
    source: PathLike,
    split: str | None = None,
    *,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
) -> ClassificationDataset:
    """Load labelled images from a folder, a csv file or an `.npz` file.

    - A folder with one subfolder for each class: `source/<class>/<image>`, or
      `source/<split>/<class>/<image>` with `split`. Labels are the indices of
      the class folders in alphabetical order. Images may be in deeper
      subfolders of their class. Hidden files and folders are ignored.
    - A csv file beside the images, beside a folder `images/` or beside one
      folder for each split: a column with the file name (`filename`, `image`,
      `id`, ...), and one with the class (`class`, `label`, ...), one with any
      number of classes between commas, semicolons or bars (`labels`,
      `classes`, `tags`, `categories`), or one column of 0 and 1 for each
      class, as Roboflow writes. A column `split` divides the images. Labels
      are the indices of the classes in alphabetical order. A folder with such
      a file and without folders of classes is read in the same way.
    - An `.npz` file with the arrays `x_<split>` (uint8 images), `y_<split>`
      (integers, or a matrix of 0 and 1 for several classes) and, optionally,
      `class_names`.

    Images may have any format of `load_image`. Files that cannot be read are
    dropped and listed in the dataset's `report`.

    Args:
        source: Path of the folder or file.
        split: String, such as `"train"`. Defaults to `None`: the folder
            itself, all images of a csv file, or `"train"` in an `.npz` file.
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
        with named_errors(path):
            return ClassificationDataset(
                *read_npz(path, split or "train", class_names, strict)
            )
    listing = FolderListing(path)
    with named_errors(path):
        tables = class_tables(listing)
        if tables:
            return ClassificationDataset(
                *_read_split(listing, tables, split, class_names, strict, check)
            )
    if path.suffix.lower() == ".csv" and path.is_file():
        raise ValueError(
            f"{path} does not state the classes of images. It must have a "
            "column with the name of the file, such as 'filename' or 'id', and "
            "one with the class, such as 'class' or 'label', or one of 0 and 1 "
            "for each class."
        )
    folder = path / split if split else path
    if not folder.is_dir():
        raise FileNotFoundError(
            f"No such folder: {folder}. Expected <folder>/<class>/<image>, or "
            f"an .npz file. Found at {path}: {describe_folder(path)}."
        )
    splits = find_splits(listing) if not (split or class_names) else ()
    if splits:
        raise ValueError(
            f"{folder} is divided into {listed(splits)}. Choose one, such as "
            f"split={splits[0]!r} (in commands: --split {splits[0]}). If these "
            "are classes, pass class_names."
        )
    return ClassificationDataset(
        *read_image_folder(folder, class_names, strict, check)
    )


def _read_split(
    listing: FolderListing,
    tables: dict[str | None, ClassTable],
    split: str | None,
    class_names: Sequence[str] | None,
    strict: bool,
    check: str,
) -> tuple[
    tuple[ClassificationRecord, ...], tuple[str, ...], ClassificationReport
]:
    """Read the csv file of a split."""
    if split is None and len(tables) == 1:
        split = next(iter(tables))
    if split not in tables:
        names = [name for name in tables if name]
        found = "is not divided into splits. Pass split=None"
        if names:
            found = f"is divided into {listed(names)}. Choose one, such as "
            first = shown_text(names[0])
            found += f"split={first!r} (in commands: --split {first})"
        error = ValueError if split is None else FileNotFoundError
        raise error(f"{listing.source} {found}. Received: split={split!r}")
    return read_class_table(
        tables[split], split, listing, class_names, strict, check
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
