"""Pictures in one folder for each class."""

import concurrent.futures
import os
import pathlib
from collections.abc import Sequence

import keras

from keras_efficient.data.images import load_image
from keras_efficient.data.images import open_image
from keras_efficient.data.readers.class_names import select_classes
from keras_efficient.data.records import ImageRecord
from keras_efficient.data.records import ReadReport
from keras_efficient.data.records import listed

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
CHECKS = ("decode", "header")
SPLIT_NAMES = ("train", "training", "val", "valid", "validation", "test")
# From so many images on, about ten seconds, a bar shows how far the check is.
MIN_IMAGES_FOR_PROGRESS = 10_000
# Images that are checked between two steps of the bar.
CHUNK = 1000
EXPECTED = "<folder>/<class>/<image>, such as {}"


def read_image_folder(
    folder: str | os.PathLike,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
) -> tuple[tuple[ImageRecord, ...], tuple[str, ...], ReadReport]:
    """Reads `folder/<class>/<image>`; see `load_classification`."""
    folder = pathlib.Path(folder)
    if check not in CHECKS:
        raise ValueError(
            f"`check` must be one of {CHECKS}. Received: check={check!r}"
        )
    found, loose = _list(folder)
    if not found:
        raise ValueError(
            f"{folder} has no folders of classes; files in it: {len(loose)}. "
            f"Expected {EXPECTED.format(folder / 'cats' / 'tom.jpg')}."
        )
    names, left_out = select_classes(folder, found, class_names, strict)
    records, ignored = [], len(loose)
    for label, name in enumerate(names):
        paths = _files_below(folder / name)
        images = [path for path in paths if _is_image(path)]
        ignored += len(paths) - len(images)
        records += [ImageRecord(pathlib.Path(path), label) for path in images]
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
    report = ReadReport(str(folder), counts, dropped, ignored, left_out)
    return records, names, report


def find_splits(folder: str | os.PathLike) -> tuple[str, ...]:
    """Folders that are named as splits and hold folders with images."""
    folder = pathlib.Path(folder)
    return tuple(
        name
        for name in _list(folder)[0]
        if name.lower() in SPLIT_NAMES
        and not any(_is_image(file) for file in _list(folder / name)[1])
        and any(_is_image(file) for file in _files_below(folder / name))
    )


def _is_image(path):
    return path.lower().endswith(EXTENSIONS)


def _list(folder):
    """Names of the folders and of the files in a folder; no hidden ones."""
    folders, files = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                (folders if entry.is_dir() else files).append(entry.name)
    return sorted(folders), sorted(files)


def _files_below(folder):
    """Paths of all files below a folder, sorted; none where it is missing.

    Links to folders count for a class itself, not below it, where they might
    lead in a circle.
    """
    paths = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [
            os.path.join(parent, name)
            for name in files
            if not name.startswith(".")
        ]
    return sorted(paths)


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
    progress = None
    if check == "decode" and len(records) >= MIN_IMAGES_FOR_PROGRESS:
        progress = keras.utils.Progbar(len(records), unit_name="image")
    problems = []
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for start in range(0, len(records), CHUNK):
            chunk = records[start : start + CHUNK]
            problems += pool.map(lambda record: _problem(record, check), chunk)
            if progress is not None:
                progress.add(len(chunk))
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
