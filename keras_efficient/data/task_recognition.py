"""Recognition of the task that a dataset is annotated for."""

import os
import pathlib
from collections.abc import Iterator

import keras

from keras_efficient.data.readers.class_tables import class_tables
from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import open_file
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.folder_listing import describe_folder
from keras_efficient.data.readers.image_folder import find_splits
from keras_efficient.data.readers.layouts import LAYOUTS
from keras_efficient.data.readers.layouts import split_names
from keras_efficient.data.records import listed
from keras_efficient.types import PathLike
from keras_efficient.types import Task

TASKS: tuple[Task, ...] = ("classification", "detection")
# Datasets that `keras.datasets` downloads.
DOWNLOADS = {
    "cifar10": keras.datasets.cifar10,
    "cifar100": keras.datasets.cifar100,
}
# Names of splits, in lower case.
SPLITS = {"train", "val", "valid", "test"}
# Subfolders in which files with annotations are searched for.
MAX_DEPTH = 4
ANNOTATION_ENDINGS = (".json", ".xml", ".csv", ".txt", ".jsonl", ".yaml")
# Words in files that annotate boxes, lower case.
BOX_WORDS = (
    b"bbox",
    b"bndbox",
    b"xmin",
    b"shapes",
    b"rectanglelabels",
    b'"annotations"',
    b"<box ",
    b"x_min",
)
# Bytes of a file in which these words are searched for.
HEAD = 4096


def find_task(source: PathLike, task: str | None = None) -> Task:
    """Return the task that a dataset is annotated for.

    Args:
        source: Path of a folder or file, `"cifar10"` or `"cifar100"`.
        task: `"classification"` or `"detection"`, returned unchanged if
            `source` exists. Defaults to `None`: the task is recognized.

    Returns:
        `"detection"` for images with boxes in a layout that `load_detection`
        reads, `"classification"` for one folder for each class, a csv file
        with the classes of images, or an `.npz` file.

    Raises:
        FileNotFoundError: If `source` does not exist.
        ValueError: If `task` is unknown, the folder contains neither, or it
            contains annotations that are not recognized.

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
        return "detection" if task == "detection" else "classification"
    if name in DOWNLOADS or path.suffix.lower() == ".npz":
        return "classification"
    listing = FolderListing(path)
    if path.suffix.lower() == ".csv" and class_tables(listing):
        return "classification"
    if listing.is_file or split_names(listing):
        return "detection"
    _check_subfolders(listing)
    _check_annotations(listing)
    if class_tables(listing) or find_splits(listing) or _has_classes(listing):
        return "classification"
    titles = ", ".join(layout.title for layout in LAYOUTS)
    raise ValueError(
        f"{path} contains neither images with boxes ({titles}) nor one folder "
        f"of images for each class. Received: {describe_folder(path)}"
    )


def _check_subfolders(listing: FolderListing) -> None:
    """Raise an error if a dataset with boxes is one folder lower."""
    path, folders = listing.root, listing.folders()
    datasets = [
        name
        for name in (folders if len(folders) <= len(LAYOUTS) else ())
        if _lower(split_names(FolderListing(path / name))) & SPLITS
    ]
    if datasets:
        raise ValueError(
            f"{path} contains a folder with images and boxes that are divided "
            f"into splits: {listed(datasets)}. Pass this folder instead: "
            f"{path / datasets[0]}"
        )


def _lower(names: set[str | None]) -> set[str]:
    return {name.lower() for name in names if name}


def _check_annotations(listing: FolderListing) -> None:
    """Raise an error if files seem to annotate boxes in an unknown layout."""
    file = next(_files_with_boxes(listing), None)
    if file is None:
        return
    expected = "".join(f"\n- {x.title}: {x.expected}" for x in LAYOUTS)
    raise ValueError(
        f"{file} seems to contain annotations of {listing.root}, but not in a "
        "layout that is recognized. Convert them, pass the folder or file in "
        "which they are complete, or pass task='classification' (in commands: "
        "--task classification) to use the folders as classes. Accepted "
        f"layouts of boxes:{expected}"
    )


def _files_with_boxes(listing: FolderListing) -> Iterator[pathlib.Path]:
    """Files that contain words of annotations, or belong to one image."""
    files = listing.files_to_depth(MAX_DEPTH, ANNOTATION_ENDINGS)
    # Listing all images takes long, and most folders of classes have no files.
    images = listing.files_below(listing.root, EXTENSIONS) if files else ()
    stems = {image.stem for image in images}
    for file in files:
        with open_file(file) as content:
            head = content.read(HEAD).lower()
        is_paired = file.stem in stems and file.suffix.lower() != ".json"
        if is_paired or any(word in head for word in BOX_WORDS):
            yield file


def _has_classes(listing: FolderListing) -> bool:
    return any(
        listing.has_images(listing.root / name) for name in listing.folders()
    )
