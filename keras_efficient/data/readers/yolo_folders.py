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
from keras_efficient.data.readers.files import find_file
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.folder_listing import FolderListing
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


def splits_in_folders(listing: FolderListing, root: pathlib.Path) -> Places:
    """Return the folders of the images of each split.

    Args:
        listing: A `FolderListing` of the dataset.
        root: Path of the folder, or of one inside.

    Returns:
        A dict from the name of a split to folders. `None` stands for images
        that are not divided.
    """
    found: Places = {}
    folders, files = listing.names(root)
    labels = [x for x in folders if _has_labels(listing, root / x)]
    sources = [x for x in folders if is_image_folder(x) and x not in labels]
    if sources and (
        labels or any(_has_inner(listing, root / x) for x in sources)
    ):
        for source in sources:
            for name in listing.folders(root / source):
                if listing.has_images(root / source / name):
                    found[name] = (*found.get(name, ()), root / source / name)
            if listing.files(root / source, EXTENSIONS):
                found[None] = (*found.get(None, ()), root / source)
    elif _are_paired(files) or (labels and any(map(is_image, files))):
        found[None] = (root,)
    for name in folders:
        if name not in (*labels, *sources):
            places = _places_in(listing, root, name, labels)
            if places:
                found[name] = places
    return found or _label_folders(listing, root)


def _label_folders(listing: FolderListing, root: pathlib.Path) -> Places:
    """Folders of label files of a dataset without images."""
    found: Places = {}
    if listing.has_images(root):
        return found
    folders, files = listing.names(root)
    for name in folders:
        place = root / name
        if re.fullmatch(r"obj_.*_data", name) and texts_below(listing, [place]):
            found[name] = (place,)
        elif _has_labels(listing, place):
            inner = listing.folders(place)
            parts = [x for x in inner if _has_text(listing, place / x)]
            found.update({x: (place / x,) for x in parts})
            if not parts:
                found[None] = (place,)
    if not found and any(name in NAME_FILES for name in files):
        found = {None: (root,)} if _has_text(listing, root) else {}
    texts = [
        x for places in found.values() for x in texts_below(listing, places)
    ]
    return found if any(map(has_boxes, texts[:MAX_TRIED])) else {}


def lists_of_images(listing: FolderListing, root: pathlib.Path) -> Places:
    """Return the text files of a folder that list the images of a split."""
    found: Places = {}
    for path in listing.files(root, ".txt"):
        if path.stem.lower() in SPLIT_KEYS:
            lines = read_text(path).split("\n", 1)
            if is_image(lines[0].strip()):
                found[path.stem] = (path,)
    return found


def texts_below(
    listing: FolderListing,
    places: Sequence[pathlib.Path],
    ignored: Collection[pathlib.Path] = (),
) -> list[pathlib.Path]:
    """Return the text files below folders, without lists of classes."""
    return [
        path
        for place in places
        for path in listing.files_below(place, ".txt")
        if path.name not in NAME_FILES and path not in ignored
    ]


def _places_in(
    listing: FolderListing, root: pathlib.Path, name: str, labels: Sequence[str]
) -> tuple[pathlib.Path, ...]:
    """Folders of the images of the split in a folder; `()` if it is none."""
    place = root / name
    folders, files = listing.names(place)
    inner = [x for x in folders if _has_labels(listing, place / x)]
    sources = [x for x in folders if is_image_folder(x) and x not in inner]
    has_labels = bool(inner) or any(
        _has_text(listing, root / x / name) for x in labels
    )
    if has_labels and sources:
        return tuple(place / x for x in sources)
    if any(map(is_image, files)) and (has_labels or _are_paired(files)):
        return (place,)
    # CVAT keeps the paths of a share below such a folder.
    if re.fullmatch(r"obj_.*_data", name) and _paired_folders(listing, place):
        return (place,)
    return ()


def images_in(
    listing: FolderListing,
    places: Sequence[pathlib.Path],
    root: pathlib.Path,
    config: Config,
) -> list[pathlib.Path]:
    """Return the images of a split.

    Args:
        listing: A `FolderListing` of the dataset.
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
            images += listing.files(place, EXTENSIONS)
        elif _are_paired(listing.names(place)[1]):
            folders = _paired_folders(listing, place)
            images += [x for y in folders for x in listing.files(y, EXTENSIONS)]
        else:
            images += listing.files_below(place, EXTENSIONS)
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


def _has_labels(listing: FolderListing, folder: pathlib.Path) -> bool:
    return is_label_folder(folder.name) and _has_text(listing, folder)


def _has_inner(listing: FolderListing, folder: pathlib.Path) -> bool:
    """Whether there are labels in a folder somewhere below."""
    below = map(pathlib.Path, listing.folders_below(folder))
    return any(_has_labels(listing, x) for x in below if x != folder)


def _has_text(listing: FolderListing, folder: pathlib.Path) -> bool:
    """Whether there is a text file in a folder or below it."""
    return any(
        name.lower().endswith(".txt") and name not in NAME_FILES
        for place in listing.folders_below(folder)
        for name in listing.names(place)[1]
    )


def _paired_folders(
    listing: FolderListing, place: pathlib.Path
) -> list[pathlib.Path]:
    """The folder and those below in which images lie beside text files."""
    return [
        pathlib.Path(folder)
        for folder in sorted(listing.folders_below(place))
        if _are_paired(listing.names(folder)[1])
    ]


def _are_paired(files: Sequence[str]) -> bool:
    """Whether there is an image with a text file of the same name."""
    texts = {name[:-4] for name in files if name.lower().endswith(".txt")}
    return any(
        is_image(name) and name.rpartition(".")[0] in texts for name in files
    )
