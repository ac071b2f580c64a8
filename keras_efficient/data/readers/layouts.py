"""The table of layouts, and the choice of one for a path."""

import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data.readers import coco
from keras_efficient.data.readers import csv_boxes
from keras_efficient.data.readers import cvat
from keras_efficient.data.readers import hf_folder
from keras_efficient.data.readers import label_studio
from keras_efficient.data.readers import labelme
from keras_efficient.data.readers import open_images
from keras_efficient.data.readers import pascal_voc
from keras_efficient.data.readers import tfrecord
from keras_efficient.data.readers import yolo
from keras_efficient.data.readers import yolo_rows
from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.folder_listing import describe_folder
from keras_efficient.data.readers.unexpected import named_errors
from keras_efficient.data.records import listed
from keras_efficient.data.records import shown_text
from keras_efficient.types import PathLike

# One row for each layout, in the order of error messages.
LAYOUTS: tuple[Layout, ...] = (
    coco.LAYOUT,
    pascal_voc.LAYOUT,
    yolo.LAYOUT,
    labelme.LAYOUT,
    cvat.LAYOUT,
    label_studio.LAYOUT,
    yolo_rows.LAYOUT,
    open_images.LAYOUT,
    csv_boxes.LAYOUT,
    hf_folder.LAYOUT,
    tfrecord.LAYOUT,
)
# Subfolders in which annotation files are expected.
MAX_DEPTH = 4
# Other names of a split, in the order in which they are tried.
OTHER_NAMES = {
    "train": ("training",),
    "training": ("train",),
    "val": ("valid", "validation"),
    "valid": ("val", "validation"),
    "validation": ("val", "valid"),
}


def read_annotations(
    source: PathLike | Sequence[PathLike],
    split: str | None = None,
    layout: str | None = None,
    images: PathLike | None = None,
    class_names: Sequence[str] | None = None,
    crowds: str = "ignore",
    box_format: str | None = None,
) -> RawAnnotations:
    """Recognize the layout of annotations and read them.

    Args:
        source: Path of a folder or file, or a sequence of annotation files.
        split: Name of the split; see `load_detection`.
        layout: Name of the layout; see `load_detection`.
        images: Folder of the images; see `load_detection`.
        class_names: Names of the classes for files that only number them.
        crowds: `"ignore"` or `"objects"`; see `load_detection`.
        box_format: Format of the boxes; see `load_detection`.

    Returns:
        A `RawAnnotations`.

    Raises:
        FileNotFoundError: If `source` or its split does not exist.
        ValueError: If no layout is recognized, or several are.
    """
    layouts = _layouts_named(layout)
    root = None
    if not isinstance(source, str | os.PathLike):
        chosen, part, listing = _join(source, layouts)
    else:
        path = pathlib.Path(source)
        if not path.exists():
            raise FileNotFoundError(f"No such file or folder: {path}")
        listing = FolderListing(path)
        chosen, part, split = _choose(listing, split, layouts)
        root = listing.root
    for name, value, usable in (
        ("images", images, [x.name for x in LAYOUTS if x.has_images_option]),
        (
            "bounding_box_format",
            box_format,
            [x.name for x in LAYOUTS if x.has_box_format_option],
        ),
    ):
        if value is not None and chosen.name not in usable:
            raise ValueError(
                f"`{name}` is only used with the layouts {listed(usable)}. "
                f"Received: {name}={str(value)!r}, a dataset in the layout "
                f"{chosen.name!r}"
            )
    folder = None if images is None else pathlib.Path(images)
    options = ReadOptions(
        listing, split, folder, class_names, crowds, box_format, root
    )
    # What is no number, or too large for one, is reported by `validation`.
    with named_errors(_name_of(source)), np.errstate(all="ignore"):
        return chosen.read(part, options)


def _name_of(source: PathLike | Sequence[PathLike]) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return ", ".join(str(path) for path in source)


def split_names(
    listing: FolderListing, layout: str | None = None
) -> set[str | None]:
    """Return the names of the splits of a folder or file.

    Args:
        listing: A `FolderListing` of the folder or file.
        layout: Name of a layout. Defaults to `None`: any layout.

    Returns:
        A set of names; `None` stands for annotations that are not divided. An
        empty set if no layout is recognized.
    """
    found = _find(listing, _layouts_named(layout))
    return {split for splits in found.values() for split in splits}


def _layouts_named(name: str | None) -> tuple[Layout, ...]:
    names = tuple(layout.name for layout in LAYOUTS)
    if name not in (None, *names):
        raise ValueError(
            f"`layout` must be one of {names}. Received: layout={name!r}"
        )
    return tuple(x for x in LAYOUTS if name in (None, x.name))


def _find(
    listing: FolderListing, layouts: Sequence[Layout]
) -> dict[Layout, Mapping[str | None, Any]]:
    """The splits of a dataset in each of the layouts that recognize it."""
    if listing.is_file:
        ending = listing.source.suffix.lower()
        # A file with an unknown ending may still be an annotation file.
        layouts = [x for x in layouts if ending in x.source_endings] or [
            x for x in layouts if x.join_files is not None
        ]
    else:
        endings = listing.endings_to_depth(MAX_DEPTH)
        layouts = [x for x in layouts if endings.intersection(x.endings)]
    with named_errors(listing.source):
        found = {layout: layout.find_splits(listing) for layout in layouts}
    found = {layout: splits for layout, splits in found.items() if splits}
    certain = {x: y for x, y in found.items() if not x.accepts_any_file}
    return certain if listing.is_file and certain else found


def _join(
    source: Sequence[PathLike], layouts: Sequence[Layout]
) -> tuple[Layout, Any, FolderListing]:
    """The layout of annotation files, and all of them as one split."""
    paths = [pathlib.Path(path) for path in source]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"No such file: {path}")
    listings = [FolderListing(path) for path in paths]
    endings = {path.suffix.lower() for path in paths}
    fitting = [x for x in layouts if endings.issubset(x.source_endings)]
    for layout in sorted(fitting or layouts, key=lambda x: x.accepts_any_file):
        if paths and layout.join_files is not None:
            with named_errors(listed(paths)):
                parts = [
                    x for y in listings for x in layout.find_splits(y).values()
                ]
            if len(parts) == len(paths):
                return layout, layout.join_files(parts), listings[0]
    names = [x.name for x in LAYOUTS if x.join_files is not None]
    raise ValueError(
        "A list must contain at least one annotation file, in the layout "
        f"{listed(names)}; pass the folder of other layouts. Received: "
        f"source={[str(path) for path in paths]}, "
        f"layout={layouts[0].name if len(layouts) == 1 else None!r}"
    )


def _choose(
    listing: FolderListing, split: str | None, layouts: Sequence[Layout]
) -> tuple[Layout, Any, str | None]:
    """The layout, its split, and the name that the split has there."""
    path = listing.source
    found = _find(listing, layouts)
    if not found:
        cure = "; pass the folder of the dataset" if listing.is_file else ""
        raise ValueError(
            f"{path} has no annotations that are recognized. Accepted:"
            + "".join(f"\n- {x.title}: {x.expected}" for x in layouts)
            + f"\nReceived: {describe_folder(path)}{cure}"
        )
    choices = {}
    for layout, splits in found.items():
        names: tuple[str | None, ...] = (
            split,
            *OTHER_NAMES.get(split or "", ()),
        )
        if len(splits) == 1 and (split is None or _is_whole(listing, layout)):
            names = tuple(splits)
        fitting = [name for name in names if name in splits]
        fitting = fitting or _spelled_otherwise(names, splits)
        if fitting:
            choices[layout] = fitting[0]
    if len(choices) > 1:
        usable = [layout.name for layout in choices]
        raise ValueError(
            f"{path} has annotations in several layouts: {listed(usable)}. "
            f"Choose one, such as layout={usable[0]!r} (in commands: --layout "
            f"{usable[0]})."
        )
    if not choices:
        raise _no_split(path, split, found)
    layout, name = next(iter(choices.items()))
    return layout, found[layout][name], split if name is None else name


def _spelled_otherwise(
    names: Sequence[str | None], splits: Mapping[str | None, Any]
) -> list[str | None]:
    """The only split with one of some names in another case or with a year."""
    wanted = {plain_split_name(name) for name in names if name}
    found = [x for x in splits if x and plain_split_name(x) in wanted]
    return list(found) if len(found) == 1 else []


def plain_split_name(name: str) -> str:
    """Return the name of a split in lower case, without a year.

    >>> from keras_efficient.data.readers.layouts import plain_split_name
    >>> plain_split_name("Train2017")
    'train'
    """
    stem = name.rstrip("0123456789")
    if stem != name and stem.endswith(("-", "_")):
        stem = stem[:-1]
    return stem.lower()


def _is_whole(listing: FolderListing, layout: Layout) -> bool:
    """Whether the source is an annotation file, which has no named splits."""
    return layout.join_files is not None and listing.is_file


def _no_split(
    path: pathlib.Path,
    split: str | None,
    found: Mapping[Layout, Mapping[str | None, Any]],
) -> Exception:
    names = sorted({x for splits in found.values() for x in splits if x})
    if split is None:
        return ValueError(
            f"{path} is divided into {listed(names)}. Choose one, such as "
            f"split={shown_text(names[0])!r} (in commands: --split "
            f"{shown_text(names[0])})."
        )
    available = f"it has {listed(names)}" if names else "it is not divided"
    titles = ", ".join(layout.title for layout in found)
    return FileNotFoundError(
        f"{path} has no split {split!r}: {available}. Recognized as: {titles}."
    )
