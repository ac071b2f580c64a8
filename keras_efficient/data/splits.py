"""The training and the validation set of a folder, a file or a known name."""

import functools
import os
import pathlib
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from typing import TypeVar

import keras

from keras_efficient.data.classification_datasets import ClassificationDataset
from keras_efficient.data.classification_loading import (
    classification_from_arrays,
)
from keras_efficient.data.classification_loading import load_classification
from keras_efficient.data.detection_datasets import DetectionDataset
from keras_efficient.data.detection_loading import load_detection
from keras_efficient.data.readers.files import files_below
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import list_folder
from keras_efficient.data.readers.image_folder import find_splits
from keras_efficient.data.readers.layouts import split_names
from keras_efficient.types import PathLike
from keras_efficient.types import Task

# Names of the splits, in the order in which they are tried.
TRAINING_NAMES = ("train", "training")
VALIDATION_NAMES = ("val", "valid", "validation", "test")
# Datasets that `keras.datasets` downloads.
DOWNLOADS = {
    "cifar10": keras.datasets.cifar10,
    "cifar100": keras.datasets.cifar100,
}
Dataset = TypeVar("Dataset", ClassificationDataset, DetectionDataset)
TASKS: tuple[Task, ...] = ("classification", "detection")


def find_task(source: PathLike, task: Task | None = None) -> Task:
    """Return the task that a dataset is annotated for.

    Args:
        source: Path of a folder or file, `"cifar10"` or `"cifar100"`.
        task: `"classification"` or `"detection"`, returned unchanged if
            `source` exists. Defaults to `None`: the task is recognized.

    Returns:
        `"detection"` for images with boxes (COCO, Pascal VOC, YOLO),
        `"classification"` for one folder for each class or an `.npz` file.

    Raises:
        FileNotFoundError: If `source` does not exist.
        ValueError: If `task` is unknown, or the folder contains neither.

    Example:
    >>> keras_efficient.data.find_task("cifar10")
    'classification'
    """
    if task not in (None, *TASKS):
        raise ValueError(f"`task` must be one of {TASKS}. Received: {task!r}")
    name, path = os.fspath(source), pathlib.Path(source)
    if name not in DOWNLOADS and not path.exists():
        raise FileNotFoundError(
            f"No such file or folder: {name}. Datasets that Keras downloads: "
            f"{', '.join(DOWNLOADS)}."
        )
    if task is not None:
        return task
    if name in DOWNLOADS or path.suffix.lower() == ".npz":
        return "classification"
    if path.is_file() or split_names(path):
        return "detection"
    if find_splits(path) or _has_classes(path):
        return "classification"
    raise ValueError(
        f"{path} contains neither images with boxes (COCO json, Pascal VOC, "
        "YOLO) nor one folder of images for each class."
    )


def load_splits(
    source: PathLike,
    task: Task | None = None,
    *,
    validation_share: float = 0.2,
    seed: int = 0,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
) -> (
    tuple[ClassificationDataset, ClassificationDataset]
    | tuple[DetectionDataset, DetectionDataset]
):
    """Load the training set and the validation set.

    The validation set is the split named `val`, `valid`, `validation` or
    `test`, in this order. If the source has no such split, or no split named
    `train` or `training`, a random share of the images is held out.

    Args:
        source: Path of a folder or file that `load_classification` or
            `load_detection` reads, `"cifar10"` or `"cifar100"`.
        task: `"classification"` or `"detection"`. Defaults to `None`: the
            task that `find_task` recognizes.
        validation_share: Float between 0 and 1, share of the images that is
            held out if `source` has no validation split. Defaults to 0.2.
        seed: Integer, seed of the choice of these images. Defaults to 0.
        class_names: Sequence of strings, the classes in the order of their
            labels. Defaults to the classes of the training set, in both sets.
        strict: Boolean; see `load_classification` and `load_detection`.
            Defaults to `False`.
        check: `"decode"` or `"header"`; see there. Defaults to `"decode"`.

    Returns:
        A pair `(training, validation)` of `ClassificationDataset`s or of
        `DetectionDataset`s.

    Raises:
        FileNotFoundError: If `source` does not exist.
        ValueError: If `source` has no annotations that are recognized.

    Example:
    ```python
    train, validation = keras_efficient.data.load_splits("flowers")
    print(train.report)
    ```
    """
    task = find_task(source, task)
    if os.fspath(source) in DOWNLOADS:
        pair = DOWNLOADS[os.fspath(source)].load_data()
        first, second = (
            classification_from_arrays(images, labels, class_names)
            for images, labels in pair
        )
        return first, second
    names = _split_names(pathlib.Path(source), task)
    share = validation_share
    if task == "detection":
        load = functools.partial(
            load_detection, source, strict=strict, check=check
        )
        return _load_pair(load, names, class_names, share, seed)
    load_labelled = functools.partial(
        load_classification, source, strict=strict, check=check
    )
    return _load_pair(load_labelled, names, class_names, share, seed)


def _load_pair(
    load: Callable[..., Dataset],
    names: tuple[str | None, str | None],
    class_names: Sequence[str] | None,
    validation_share: float,
    seed: int,
) -> tuple[Dataset, Dataset]:
    train = load(names[0], class_names=class_names)
    if None in names:
        return train.split(validation_share, seed=seed)
    return train, load(names[1], class_names=train.class_names)


def _split_names(
    path: pathlib.Path, task: Task
) -> tuple[str | None, str | None]:
    """Names of the training and the validation split, `None` if missing."""
    names: Collection[str | None]
    if path.suffix.lower() == ".npz" and not path.is_dir():
        names = ("train", "test")
    elif task == "detection":
        names = split_names(path)
    else:
        names = find_splits(path)
    first, second = (
        next((name for name in known if name in names), None)
        for known in (TRAINING_NAMES, VALIDATION_NAMES)
    )
    return first, second


def _has_classes(path: pathlib.Path) -> bool:
    return any(
        any(map(is_image, files_below(path / name)))
        for name in list_folder(path)[0]
    )
