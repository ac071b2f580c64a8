"""Pictures in one folder for each class."""

import concurrent.futures
import os
import pathlib

from PIL import Image

from keras_efficient.data.images import load_image
from keras_efficient.data.records import ImageRecord
from keras_efficient.data.records import ReadReport

EXTENSIONS = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}
CHECKS = ("decode", "header")


def read_image_folder(folder, class_names=None, strict=False, check="decode"):
    """Reads `folder/<class>/<image>`; see `load_classification`."""
    folder = pathlib.Path(folder)
    if check not in CHECKS:
        raise ValueError(
            f"`check` must be one of {CHECKS}. Received: check={check!r}"
        )
    found = _class_names(folder)
    names = tuple(class_names) if class_names is not None else found
    _check_names(folder, names, found, class_names is not None, strict)
    records, ignored = [], 0
    for label, name in enumerate(names):
        paths = [p for p in _files(folder / name) if p.is_file()]
        images = [p for p in paths if p.suffix.lower() in EXTENSIONS]
        ignored += len(paths) - len(images)
        records += [ImageRecord(path, label) for path in images]
    reasons = _problems([record.image for record in records], check)
    dropped = [
        (record.image, reason)
        for record, reason in zip(records, reasons, strict=True)
        if reason
    ]
    if dropped and strict:
        raise ValueError(
            f"{len(dropped)} images in {folder} cannot be read. The first: "
            f"{dropped[0][1]}. Remove them, or read with strict=False."
        )
    bad = {path for path, _ in dropped}
    records = tuple(r for r in records if r.image not in bad)
    counts = dict.fromkeys(names, 0)
    for record in records:
        counts[names[record.label]] += 1
    _check_empty(folder, counts, class_names is not None)
    report = ReadReport(str(folder), counts, tuple(dropped), ignored)
    return records, names, report


def has_class_folders(folder):
    """Whether a folder has a folder with images below it."""
    return any(
        path.suffix.lower() in EXTENSIONS
        for name in _class_names(pathlib.Path(folder))
        for path in _files(pathlib.Path(folder) / name)
    )


def _class_names(folder):
    return tuple(
        sorted(
            entry.name
            for entry in os.scandir(folder)
            if entry.is_dir() and not entry.name.startswith(".")
        )
    )


def _files(folder):
    if not folder.is_dir():
        return []
    paths = (p for p in folder.rglob("*") if not p.name.startswith("."))
    return sorted(paths)


def _check_names(folder, names, found, is_given, strict):
    if len(set(names)) != len(names):
        raise ValueError(
            f"`class_names` must differ. Received: class_names={names}"
        )
    if not names:
        raise ValueError(
            f"{folder} has no folders of classes. Expected one folder for "
            "each class with its images inside: "
            f"{folder / 'cats' / 'tom.jpg'}."
        )
    unknown = sorted(set(found) - set(names))
    if is_given and unknown and strict:
        raise ValueError(
            f"{folder} has folders that are not in `class_names`: {unknown}. "
            f"Received: class_names={names}"
        )


def _check_empty(folder, counts, is_given):
    empty = [name for name, count in counts.items() if not count]
    if not any(counts.values()):
        raise ValueError(
            f"{folder} has no readable image in any class folder. Accepted "
            f"extensions: {sorted(EXTENSIONS)}."
        )
    if empty and not is_given:
        raise ValueError(
            f"The class folder {str(folder / empty[0])!r} has no readable "
            "image. Remove it or fill it; if the class shall stay without "
            f"images, pass class_names={list(counts)}."
        )


def _problems(paths, check):
    """For each path, what is wrong with it, or None."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(lambda path: _problem(path, check), paths))


def _problem(path, check):
    try:
        if check == "decode":
            load_image(path)
        else:
            with Image.open(path) as image:
                image.verify()
    except (OSError, ValueError, SyntaxError) as e:
        return str(e)
    return None
