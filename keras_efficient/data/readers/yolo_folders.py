"""Splits and images of a YOLO dataset, as its folders and lists divide it."""

import os
import pathlib
import re
from collections.abc import Collection
from collections.abc import Sequence
from typing import TypeAlias

from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import MAX_PARTS
from keras_efficient.data.readers.files import MAX_PATH
from keras_efficient.data.readers.files import files_below
from keras_efficient.data.readers.files import files_with_ending
from keras_efficient.data.readers.files import find_file
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import list_folder
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.yolo_config import NAME_FILES
from keras_efficient.data.readers.yolo_config import SPLIT_KEYS
from keras_efficient.data.readers.yolo_config import Config
from keras_efficient.data.readers.yolo_config import find_place
from keras_efficient.data.readers.yolo_labels import is_image_folder
from keras_efficient.data.readers.yolo_labels import is_label_folder
from keras_efficient.data.readers.yolo_lines import has_boxes

# Text files that show whether a folder contains labels.
MAX_TRIED = 20

Places: TypeAlias = dict[str | None, tuple[pathlib.Path, ...]]


def splits_in_folders(root: pathlib.Path) -> Places:
    """Return the folders of the images of each split.

    Args:
        root: Path of an existing folder.

    Returns:
        A dict from the name of a split to folders. `None` stands for images
        that are not divided.
    """
    found: Places = {}
    folders, files = list_folder(root)
    labels = [x for x in folders if _has_labels(root / x)]
    sources = [x for x in folders if is_image_folder(x) and x not in labels]
    if sources and (labels or any(_has_inner(root / x) for x in sources)):
        for source in sources:
            for name in list_folder(root / source)[0]:
                if _has_images(root / source / name):
                    found[name] = (*found.get(name, ()), root / source / name)
            if files_with_ending(root / source, EXTENSIONS):
                found[None] = (*found.get(None, ()), root / source)
    elif _are_paired(files) or (labels and any(map(is_image, files))):
        found[None] = (root,)
    for name in folders:
        if name not in (*labels, *sources):
            places = _places_in(root, name, labels)
            if places:
                found[name] = places
    return found or _label_folders(root)


def _label_folders(root: pathlib.Path) -> Places:
    """Folders of label files of a dataset without images."""
    found: Places = {}
    if _has_images(root):
        return found
    folders, files = list_folder(root)
    for name in folders:
        place = root / name
        if re.fullmatch(r"obj_.*_data", name) and texts_below([place]):
            found[name] = (place,)
        elif _has_labels(place):
            inner = list_folder(place)[0]
            parts = [x for x in inner if _has_text(place / x)]
            found.update({x: (place / x,) for x in parts})
            if not parts:
                found[None] = (place,)
    if not found and any(name in NAME_FILES for name in files):
        found = {None: (root,)} if _has_text(root) else {}
    texts = [x for places in found.values() for x in texts_below(places)]
    return found if any(map(has_boxes, texts[:MAX_TRIED])) else {}


def lists_of_images(root: pathlib.Path) -> Places:
    """Return the text files of a folder that list the images of a split."""
    found: Places = {}
    for path in files_with_ending(root, ".txt"):
        if path.stem.lower() in SPLIT_KEYS:
            lines = read_text(path).split("\n", 1)
            if is_image(lines[0].strip()):
                found[path.stem] = (path,)
    return found


def texts_below(
    places: Sequence[pathlib.Path], ignored: Collection[pathlib.Path] = ()
) -> list[pathlib.Path]:
    """Return the text files below folders, without lists of classes."""
    return [
        path
        for place in places
        for path in map(pathlib.Path, files_below(place))
        if path.suffix.lower() == ".txt"
        and path.name not in NAME_FILES
        and path not in ignored
    ]


def _places_in(
    root: pathlib.Path, name: str, labels: Sequence[str]
) -> tuple[pathlib.Path, ...]:
    """Folders of the images of the split in a folder; `()` if it is none."""
    place = root / name
    folders, files = list_folder(place)
    inner = [x for x in folders if _has_labels(place / x)]
    sources = [x for x in folders if is_image_folder(x) and x not in inner]
    has_labels = bool(inner) or any(_has_text(root / x / name) for x in labels)
    if has_labels and sources:
        return tuple(place / x for x in sources)
    if any(map(is_image, files)) and (has_labels or _are_paired(files)):
        return (place,)
    # CVAT keeps the paths of a share below such a folder.
    if re.fullmatch(r"obj_.*_data", name) and _paired_folders(place):
        return (place,)
    return ()


def images_in(
    places: Sequence[pathlib.Path], root: pathlib.Path, config: Config
) -> list[pathlib.Path]:
    """Return the images of a split.

    Args:
        places: Folders of images, or text files that list images.
        root: Folder of the dataset. Its subfolders are not part of a split.
        config: A `Config`, which states the folders lists are relative to.

    Returns:
        A list of paths, which may not exist if a file lists them.
    """
    images: list[pathlib.Path] = []
    for place in places:
        if place.is_file():
            bases = (place.parent, *config.bases())
            lines = [x.strip() for x in read_text(place).splitlines()]
            images += [_listed_image(x, bases) for x in lines if x]
        elif place == root:
            images += files_with_ending(place, EXTENSIONS)
        elif _are_paired(list_folder(place)[1]):
            folders = _paired_folders(place)
            images += [
                x for y in folders for x in files_with_ending(y, EXTENSIONS)
            ]
        else:
            images += [
                x for x in map(pathlib.Path, files_below(place)) if is_image(x)
            ]
    return images


def _listed_image(stated: str, bases: Sequence[pathlib.Path]) -> pathlib.Path:
    """The file of a path in a list, also in another spelling."""
    path = find_place(stated, bases, "isfile")
    if os.path.isfile(path) or len(stated) > MAX_PATH:
        return path
    parts = pathlib.PurePosixPath(stated.replace("\\", "/")).parts
    parts = parts[-MAX_PARTS:]
    for tail in ("/".join(parts[i:]) for i in range(len(parts))):
        found = find_file(bases, tail)
        if found is not None:
            return found
    return path


def _has_images(folder: pathlib.Path) -> bool:
    return any(map(is_image, files_below(folder)))


def _has_labels(folder: pathlib.Path) -> bool:
    return is_label_folder(folder.name) and _has_text(folder)


def _has_inner(folder: pathlib.Path) -> bool:
    """Whether there are labels in a folder somewhere below."""
    return any(
        is_label_folder(name) and _has_text(pathlib.Path(parent, name))
        for parent, names, _ in os.walk(folder)
        for name in names
    )


def _has_text(folder: pathlib.Path) -> bool:
    """Whether there is a text file in a folder or below it."""
    return any(
        name.lower().endswith(".txt") and name not in NAME_FILES
        for _, _, names in os.walk(folder)
        for name in names
    )


def _paired_folders(place: pathlib.Path) -> list[pathlib.Path]:
    """The folder and those below in which images lie beside text files."""
    return [
        pathlib.Path(folder)
        for folder, _, names in sorted(os.walk(place))
        if _are_paired(names)
    ]


def _are_paired(files: Sequence[str]) -> bool:
    """Whether there is an image with a text file of the same name."""
    texts = {name[:-4] for name in files if name.lower().endswith(".txt")}
    return any(
        is_image(name) and name.rpartition(".")[0] in texts for name in files
    )
