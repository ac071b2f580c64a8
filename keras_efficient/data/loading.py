"""Data sets by looking at what lies there."""

import pathlib

from keras_efficient.data.datasets import ClassificationDataset
from keras_efficient.data.readers.arrays import read_arrays
from keras_efficient.data.readers.arrays import read_npz
from keras_efficient.data.readers.image_folder import has_class_folders
from keras_efficient.data.readers.image_folder import read_image_folder


def load_classification(
    source, split=None, *, class_names=None, strict=False, check="decode"
):
    """Reads labelled images from a folder or an `.npz` file.

    - A folder with one folder for each class: `source/<class>/<image>`, or
      `source/<split>/<class>/<image>` with `split`. Labels are the places of
      the folders' names in alphabetical order.
    - An `.npz` file with the arrays `x_<split>` (uint8 images), `y_<split>`
      (integers) and, if there, `class_names`.

    Images that cannot be read are left out and named in the data set's
    `report`.

    Args:
        source: Path of the folder or file.
        split: String, such as `"train"`. Defaults to `None`: the folder
            itself, and `"train"` of a file.
        class_names: Sequence of strings, the classes in the order of their
            labels. Folders of other names are left out, classes without
            images may be there. Defaults to all folders, sorted.
        strict: Boolean, whether an image that cannot be read, or a folder
            that is not in `class_names`, raises an error. Defaults to
            `False`.
        check: `"decode"` reads every image once to find the broken ones;
            `"header"` looks only at the first bytes, for very large sets.
            Defaults to `"decode"`.

    Returns:
        A `ClassificationDataset`.

    Raises:
        FileNotFoundError: If `source`, or its split, is not there.
        ValueError: If it has no classes, or a class has no images.

    Example:
    ```python
    train = keras_efficient.data.load_classification("flowers", "train")
    print(train.report)
    ```
    """
    path = pathlib.Path(source)
    if path.suffix == ".npz" and path.is_file():
        return ClassificationDataset(
            *read_npz(path, split or "train", class_names)
        )
    folder = path / split if split else path
    if not folder.is_dir():
        there = (
            f"{path} has {sorted(p.name for p in path.iterdir())}"
            if path.is_dir()
            else f"{path} is no folder"
        )
        raise FileNotFoundError(
            f"There is no folder {folder}; {there}. Expected "
            "<folder>/<class>/<image>, or an .npz file."
        )
    if split is None and not has_class_folders(folder):
        raise ValueError(
            f"{folder} has no images in folders of classes. Expected "
            f"{folder / 'cats' / 'tom.jpg'}."
        )
    return ClassificationDataset(
        *read_image_folder(folder, class_names, strict, check)
    )


def from_arrays(images, labels, class_names=None):
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
    >>> dataset = keras_efficient.data.from_arrays(images, [0, 1, 1, 0])
    >>> len(dataset), dataset.class_names
    (4, ('0', '1'))
    """
    return ClassificationDataset(*read_arrays(images, labels, class_names))
