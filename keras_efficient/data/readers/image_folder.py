"""Images in one folder for each class."""

import itertools
import pathlib
from collections.abc import Sequence

from keras_efficient.data.image_formats import missing_decoder
from keras_efficient.data.readers.class_names import select_classes
from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.image_checks import check_records
from keras_efficient.data.records import ClassificationRecord
from keras_efficient.data.records import ClassificationReport
from keras_efficient.data.records import listed
from keras_efficient.types import PathLike

SPLIT_NAMES = ("train", "training", "val", "valid", "validation", "test")
# Folders that never name a class if all folders have such names.
NOT_CLASSES = (
    *SPLIT_NAMES,
    "images",
    "imgs",
    "img",
    "jpegimages",
    "labels",
    "annotations",
    "data",
)


def read_image_folder(
    folder: PathLike,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
) -> tuple[
    tuple[ClassificationRecord, ...], tuple[str, ...], ClassificationReport
]:
    """Read `folder/<class>/<image>`; see `load_classification`."""
    folder = pathlib.Path(folder)
    listing = FolderListing(folder)
    found, other_files = listing.names()
    if not found:
        raise ValueError(
            f"{folder} has no folders of classes, only {len(other_files)} "
            "files. Expected <folder>/<class>/<image>, such as "
            f"{folder / 'cats' / 'tom.jpg'}."
        )
    if class_names is None:
        _check_class_folders(folder, found)
    names, left_out = select_classes(folder, found, class_names, strict)
    records, ignored = [], len(other_files)
    for label, name in enumerate(names):
        paths = listing.files_below(folder / name)
        # Those that cannot be decoded here are reported one by one.
        images = [
            path for path in paths if is_image(path) or missing_decoder(path)
        ]
        ignored += len(paths) - len(images)
        records += [ClassificationRecord(path, label) for path in images]
    readable, dropped, noted = check_records(folder, records, strict, check)
    counts = dict.fromkeys(names, 0)
    for record in readable:
        counts[names[record.labels[0]]] += 1
    _check_empty(folder, counts, class_names is not None, dropped)
    report = ClassificationReport(
        str(folder), counts, dropped, ignored, left_out, noted=noted
    )
    return readable, names, report


def has_class_folders(listing: FolderListing) -> bool:
    """Return whether a folder contains several folders of classes."""
    names = [x for x in listing.folders() if x.lower() not in NOT_CLASSES]
    with_images = (x for x in names if listing.has_images(listing.root / x))
    return len(list(itertools.islice(with_images, 2))) == 2


def _check_class_folders(folder: pathlib.Path, found: Sequence[str]) -> None:
    """Raise an error if the folders are parts of a dataset, not classes."""
    if not all(name.lower() in NOT_CLASSES for name in found):
        return
    raise ValueError(
        f"{folder} has no folders of classes: {listed(found)} are names of "
        "splits or of parts of a dataset. Expected <folder>/<class>/<image> or "
        "<folder>/<split>/<class>/<image>; images with boxes are read by "
        f"`load_detection`. Pass class_names={list(found)} if these are names "
        "of classes."
    )


def find_splits(listing: FolderListing) -> tuple[str, ...]:
    """Return the folders with the name of a split that contain classes."""
    folder = listing.root
    return tuple(
        name
        for name in listing.folders()
        if name.lower() in SPLIT_NAMES
        and not listing.files(folder / name, EXTENSIONS)
        and listing.has_images(folder / name)
    )


def _check_empty(
    folder: pathlib.Path,
    counts: dict[str, int],
    are_names_given: bool,
    dropped: Sequence[tuple[pathlib.Path, str]],
) -> None:
    empty = [name for name, count in counts.items() if not count]
    why = f" The first error: {dropped[0][1]}." if dropped else ""
    if len(empty) == len(counts):
        raise ValueError(
            f"{folder} has no readable image in the folders {listed(empty)}. "
            f"Accepted extensions: {', '.join(EXTENSIONS)}.{why}"
        )
    if empty and not are_names_given:
        raise ValueError(
            f"The class folder {str(folder / empty[0])!r} has no readable "
            "image. Remove it, add images, or pass "
            f"class_names={list(counts)} to keep a class without images."
        )
