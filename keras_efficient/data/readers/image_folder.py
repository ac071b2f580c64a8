"""Pictures in one folder for each class."""

import os
import pathlib
from collections.abc import Sequence

from keras_efficient.data.images import load_image
from keras_efficient.data.images import open_image
from keras_efficient.data.readers.class_names import select_classes
from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import files_below
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import list_folder
from keras_efficient.data.readers.progress import CHUNK
from keras_efficient.data.readers.progress import MIN_IMAGES_FOR_PROGRESS
from keras_efficient.data.readers.progress import map_in_threads
from keras_efficient.data.records import ClassificationRecord
from keras_efficient.data.records import ClassificationReport
from keras_efficient.data.records import listed

CHECKS = ("decode", "header")
SPLIT_NAMES = ("train", "training", "val", "valid", "validation", "test")
EXPECTED = "<folder>/<class>/<image>, such as {}"


def read_image_folder(
    folder: str | os.PathLike,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
) -> tuple[
    tuple[ClassificationRecord, ...], tuple[str, ...], ClassificationReport
]:
    """Reads `folder/<class>/<image>`; see `load_classification`."""
    folder = pathlib.Path(folder)
    if check not in CHECKS:
        raise ValueError(
            f"`check` must be one of {CHECKS}. Received: check={check!r}"
        )
    found, loose = list_folder(folder)
    if not found:
        raise ValueError(
            f"{folder} has no folders of classes; files in it: {len(loose)}. "
            f"Expected {EXPECTED.format(folder / 'cats' / 'tom.jpg')}."
        )
    names, left_out = select_classes(folder, found, class_names, strict)
    records, ignored = [], len(loose)
    for label, name in enumerate(names):
        paths = files_below(folder / name)
        images = [path for path in paths if is_image(path)]
        ignored += len(paths) - len(images)
        records += [
            ClassificationRecord(pathlib.Path(path), label) for path in images
        ]
    records, dropped = _check_files(records, check)
    if dropped and strict:
        raise ValueError(
            f"{len(dropped)} images in {folder} cannot be read. The first: "
            f"{dropped[0][1]}. Remove them, or read with strict=False."
        )
    counts = dict.fromkeys(names, 0)
    for record in records:
        counts[names[record.label]] += 1
    _check_empty(folder, counts, class_names is not None, dropped)
    report = ClassificationReport(
        str(folder), counts, dropped, ignored, left_out
    )
    return records, names, report


def find_splits(folder: str | os.PathLike) -> tuple[str, ...]:
    """Folders that are named as splits and hold folders with images."""
    folder = pathlib.Path(folder)
    return tuple(
        name
        for name in list_folder(folder)[0]
        if name.lower() in SPLIT_NAMES
        and not any(is_image(file) for file in list_folder(folder / name)[1])
        and any(is_image(file) for file in files_below(folder / name))
    )


def _check_empty(folder, counts, is_given, dropped):
    empty = [name for name, count in counts.items() if not count]
    why = f" The first that cannot be read: {dropped[0][1]}." if dropped else ""
    if len(empty) == len(counts):
        raise ValueError(
            f"{folder} has no readable image in the folders {listed(empty)}. "
            f"Accepted extensions: {', '.join(EXTENSIONS)}.{why}"
        )
    if empty and not is_given:
        raise ValueError(
            f"The class folder {str(folder / empty[0])!r} has no readable "
            "image. Remove it or fill it; if the class shall stay without "
            f"images, pass class_names={list(counts)}."
        )


def _check_files(records, check):
    """Divides records into those that can be read, and the rest's reasons."""
    problems = map_in_threads(
        lambda record: _problem(record, check),
        records,
        check == "decode" and len(records) >= MIN_IMAGES_FOR_PROGRESS,
        CHUNK,
    )
    checked = list(zip(records, problems, strict=True))
    return (
        tuple(record for record, problem in checked if problem is None),
        tuple(
            (record.image, problem) for record, problem in checked if problem
        ),
    )


def _problem(record, check):
    """What is wrong with an image, or None."""
    try:
        if check == "decode":
            # All the data is read, but as few pixels made of it as can be.
            load_image(record.image, max_reduction=lambda height, width: 8)
        else:
            with open_image(record.image) as image:
                image.verify()
    except (FileNotFoundError, ValueError) as e:
        return str(e)
    return None
