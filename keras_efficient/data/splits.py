"""The training and the validation set of a folder, a file or a known name."""

import functools
import os
import pathlib
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_efficient.data.classification_datasets import ClassificationDataset
from keras_efficient.data.classification_loading import (
    classification_from_arrays,
)
from keras_efficient.data.classification_loading import load_classification
from keras_efficient.data.detection_datasets import DetectionDataset
from keras_efficient.data.detection_loading import load_detection
from keras_efficient.data.readers.class_tables import class_tables
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.image_folder import find_splits
from keras_efficient.data.readers.layouts import plain_split_name
from keras_efficient.data.readers.layouts import split_names
from keras_efficient.data.records import listed
from keras_efficient.data.task_recognition import DOWNLOADS
from keras_efficient.data.task_recognition import find_task
from keras_efficient.types import PathLike
from keras_efficient.types import Task

# Names of the splits, in the order in which they are tried.
TRAINING_NAMES = ("train", "training")
VALIDATION_NAMES = ("val", "valid", "validation", "test")


def load_splits(
    source: PathLike,
    task: Task | None = None,
    *,
    split: str | None = None,
    validation_split: str | None = None,
    validation_share: float = 0.2,
    seed: int = 0,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
    layout: str | None = None,
    images: PathLike | None = None,
    crowds: str = "ignore",
    box_frame: str = "auto",
    stated_size: str = "auto",
) -> (
    tuple[ClassificationDataset, ClassificationDataset]
    | tuple[DetectionDataset, DetectionDataset]
):
    """Load the training set and the validation set.

    The training set is the split named `train` or `training`, the validation
    set the split named `val`, `valid`, `validation` or `test`, in this order;
    upper and lower case and a year, as in `train2017`, make no difference. If
    there is no validation split, a random share of the images is held out.

    Args:
        source: Path of a folder or file that `load_classification` or
            `load_detection` reads, `"cifar10"` or `"cifar100"`.
        task: `"classification"` or `"detection"`. Defaults to `None`: the
            task that `find_task` recognizes.
        split: Name of the split to train on, if it has another name.
        validation_split: Name of the split for validation, if it has another
            name.
        validation_share: Float between 0 and 1, share of the images that is
            held out if there is no validation split. Defaults to 0.2.
        seed: Integer, seed of the choice of these images. Defaults to 0.
        class_names: Sequence of strings, the classes in the order of their
            labels. Defaults to the classes of the training set, in both sets.
        strict: Boolean; see `load_classification` and `load_detection`.
            Defaults to `False`.
        check: `"decode"` or `"header"`; see there. Defaults to `"decode"`.
        layout: For detection; see `load_detection`. Defaults to `None`.
        images: For detection; see `load_detection`. Defaults to `None`.
        crowds: For detection; see `load_detection`. Defaults to `"ignore"`.
        box_frame: For detection; see `load_detection`. Defaults to `"auto"`.
        stated_size: For detection; see `load_detection`. Defaults to `"auto"`.

    Returns:
        A pair `(training, validation)` of `ClassificationDataset`s or of
        `DetectionDataset`s.

    Raises:
        FileNotFoundError: If `source` does not exist.
        ValueError: If `source` has no annotations that are recognized, its
            splits have unknown names, or options do not fit the task.

    Example:
    ```python
    train, validation = keras_efficient.data.load_splits("flowers")
    print(train.report)
    ```
    """
    task = find_task(source, task)
    found, load = _reader(
        source, task, strict, check, layout, images, crowds, box_frame,
        stated_size,
    )  # fmt: skip
    names = _chosen_splits(source, found, split, validation_split)
    train = load(names[0], class_names=class_names)
    if names[1] is None:
        return train.split(validation_share, seed=seed)
    return train, load(names[1], class_names=train.class_names)


def load_all_splits(
    source: PathLike,
    task: Task | None = None,
    *,
    split: str | None = None,
    strict: bool = False,
    check: str = "decode",
    layout: str | None = None,
    images: PathLike | None = None,
    crowds: str = "ignore",
    box_frame: str = "auto",
    stated_size: str = "auto",
) -> dict[str | None, Any]:
    """Load every split of a dataset.

    Args:
        source: Path of a folder or file; see `load_splits`.
        task: `"classification"` or `"detection"`. Defaults to `None`: the
            task that `find_task` recognizes.
        split: Name of the only split to load. Defaults to `None`: all.
        strict: Boolean; see `load_classification` and `load_detection`.
            Defaults to `False`.
        check: `"decode"` or `"header"`; see there. Defaults to `"decode"`.
        layout: For detection; see `load_detection`. Defaults to `None`.
        images: For detection; see `load_detection`. Defaults to `None`.
        crowds: For detection; see `load_detection`. Defaults to `"ignore"`.
        box_frame: For detection; see `load_detection`. Defaults to `"auto"`.
        stated_size: For detection; see `load_detection`. Defaults to `"auto"`.

    Returns:
        A dict from the names of the splits to datasets. The key is `None` if
        the dataset is not divided.

    Raises:
        FileNotFoundError: If `source` or the split does not exist.
        ValueError: If `source` has no annotations that are recognized, or
            options do not fit the task.

    Example:
    ```python
    for name, dataset in keras_efficient.data.load_all_splits("cells").items():
        print(name, dataset.report)
    ```
    """
    task = find_task(source, task)
    found, load = _reader(
        source, task, strict, check, layout, images, crowds, box_frame,
        stated_size,
    )  # fmt: skip
    names: list[str | None] = [split] if split else [*_sorted(found)]
    names = names or [None]
    return {name: load(name) for name in names}


def _reader(
    source: PathLike,
    task: Task,
    strict: bool,
    check: str,
    layout: str | None,
    images: PathLike | None,
    crowds: str,
    box_frame: str,
    stated_size: str,
) -> tuple[Collection[str | None], Callable[..., Any]]:
    """The names of the splits of a dataset, and the function that loads one."""
    if task == "detection":
        return split_names(FolderListing(source), layout), functools.partial(
            load_detection,
            source,
            strict=strict,
            check=check,
            layout=layout,
            images=images,
            crowds=crowds,
            box_frame=box_frame,
            stated_size=stated_size,
        )
    _check_detection_options(
        layout=layout is not None,
        images=images is not None,
        crowds=crowds != "ignore",
        box_frame=box_frame != "auto",
        stated_size=stated_size != "auto",
    )
    if os.fspath(source) in DOWNLOADS:
        parts = _download(os.fspath(source))
        return parts, functools.partial(_part_of_download, parts)
    return _classification_splits(source), functools.partial(
        load_classification, source, strict=strict, check=check
    )


def _download(name: str) -> dict[str | None, tuple[Any, Any]]:
    """Return the images and labels of each split of a dataset of Keras."""
    try:
        return dict(
            zip(("train", "test"), DOWNLOADS[name].load_data(), strict=True)
        )
    except Exception as error:  # Keras raises plain ones.
        raise OSError(
            f"The dataset {name!r} could not be downloaded: {error}. Pass the "
            "path of a folder or file as `source` instead."
        ) from error


def _part_of_download(
    parts: Mapping[str | None, tuple[Any, Any]],
    split: str | None,
    class_names: Sequence[str] | None = None,
) -> ClassificationDataset:
    if split not in parts:
        raise FileNotFoundError(
            f"The dataset has the splits {listed([*parts])}. Received: "
            f"split={split!r}"
        )
    images, labels = parts[split]
    return classification_from_arrays(images, labels, class_names)


def _check_detection_options(**is_set: bool) -> None:
    names = [name for name, value in is_set.items() if value]
    if names:
        raise ValueError(
            f"{listed(names)} are options for detection, and the task of the "
            "dataset is classification."
        )


def _classification_splits(source: PathLike) -> tuple[str | None, ...]:
    path = pathlib.Path(source)
    if path.suffix.lower() == ".npz" and not path.is_dir():
        return ("train", "test")
    listing = FolderListing(path)
    return tuple(class_tables(listing)) or find_splits(listing)


def _chosen_splits(
    source: PathLike,
    found: Collection[str | None],
    split: str | None,
    validation_split: str | None,
) -> tuple[str | None, str | None]:
    """Names of the training and the validation split, `None` if missing."""
    first = split or _named(source, found, TRAINING_NAMES, "split")
    second = validation_split
    if second is None and split is None:
        names = [name for name in found if name != first]
        second = _named(source, names, VALIDATION_NAMES, "validation_split")
    if first is None and second is None and len(found) == 1:
        return next(iter(found)), None
    if first is None and second is not None and validation_split is None:
        # A set such as `test` alone, with images outside of it, is not a
        # validation set.
        first, second = (None, None) if None in found else (second, None)
    if first is None and None not in found and found:
        raise ValueError(
            f"{source} is divided into {listed(_sorted(found))}, none of which "
            "has the name of a training set. Choose the splits: split="
            f"{_sorted(found)[0]!r}, validation_split={_sorted(found)[-1]!r} "
            f"(in commands: --split {_sorted(found)[0]} --val-split "
            f"{_sorted(found)[-1]}). Without the second, a random share of the "
            "first is held out."
        )
    return first, second


def _sorted(names: Collection[str | None]) -> list[str]:
    return sorted(name for name in names if name is not None)


def _named(
    source: PathLike,
    found: Collection[str | None],
    accepted: Sequence[str],
    argument: str,
) -> str | None:
    """The split with one of some names, in their order."""
    for wanted in accepted:
        exact = [name for name in found if name == wanted]
        alike = exact or [
            name for name in _sorted(found) if plain_split_name(name) == wanted
        ]
        if len(alike) > 1:
            option = "--split" if argument == "split" else "--val-split"
            raise ValueError(
                f"{source} has several splits named like {wanted!r}: "
                f"{listed(alike)}. Choose one, such as {argument}="
                f"{alike[-1]!r} (in commands: {option} {alike[-1]})."
            )
        if alike:
            return alike[0]
    return None
