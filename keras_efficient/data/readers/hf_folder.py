"""Folders of images with `metadata.jsonl`, as Hugging Face's `imagefolder`."""

import dataclasses
import pathlib
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import empty_annotations
from keras_efficient.data.readers.class_names import standardize_class_names
from keras_efficient.data.readers.files import open_file
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.hf_datasets import NOT_OBJECTS
from keras_efficient.data.readers.image_finder import finder_beside
from keras_efficient.data.readers.json_files import parse_json
from keras_efficient.data.readers.object_rows import BOX_KEYS
from keras_efficient.data.readers.object_rows import OBJECT_COLUMNS
from keras_efficient.data.readers.object_rows import ObjectRows
from keras_efficient.data.readers.object_rows import key_of
from keras_efficient.data.readers.object_rows import name_classes
from keras_efficient.data.readers.object_rows import read_objects
from keras_efficient.data.records import shown_text

FILE_NAME = "metadata.jsonl"
# Levels of subfolders in which the file is searched.
MAX_DEPTH = 2
# Characters that show whether a file has boxes.
HEAD = 65_536

NO_FILE_NAME = "lines without a file_name"


@dataclasses.dataclass(frozen=True)
class HFSplit:
    """Where a split is stored.

    Attributes:
        file: Path of its file.
        all_files: Files of all splits. All of their classes count, so that the
            splits have the same labels.
    """

    file: pathlib.Path
    all_files: tuple[pathlib.Path, ...]


def find_splits(listing: FolderListing) -> Mapping[str | None, HFSplit]:
    """Return the files of a folder by split, or the file itself."""
    path = listing.source
    files = [path]
    if not listing.is_file:
        files = listing.files_to_depth(MAX_DEPTH, FILE_NAME)
        files = [file for file in files if file.name.lower() == FILE_NAME]
    files = [file for file in files if _has_boxes(file)]
    return {
        None if path in (file, file.parent) else file.parent.name: HFSplit(
            file, tuple(files)
        )
        for file in files
    }


def _has_boxes(path: pathlib.Path) -> bool:
    with open_file(path) as file:
        head = file.read(HEAD)
    has_objects = any(f'"{key}"'.encode() in head for key in OBJECT_COLUMNS)
    return (
        has_objects
        and b'"file_name"' in head
        and any(f'"{key}"'.encode() in head for key in BOX_KEYS)
    )


def read(split: HFSplit, options: ReadOptions) -> RawAnnotations:
    """Read one file.

    Args:
        split: An `HFSplit`.
        options: A `ReadOptions`. `box_format` defaults to `"xywh"`.

    Returns:
        A `RawAnnotations`. Classes that are numbers have the names of
        `class_names`, or else the numbers themselves as names.

    Raises:
        ValueError: If the file is not UTF-8 text, or a line is not json.
    """
    raw = empty_annotations(
        options.box_format or "xywh", LAYOUT.title, split.file
    )
    path = split.file
    rows = list(_rows(path, raw.dropped))
    names = [row["file_name"] for _, row in rows]
    splits = [options.split] if options.split else []
    finder = finder_beside(path, options, splits, names)
    found: list[tuple[RawImage, ObjectRows]] = []
    for (where, row), name in zip(rows, names, strict=True):
        objects = _objects(row)
        if objects is None:
            raw.dropped.append((NOT_OBJECTS, where))
            continue
        file = finder.find_or_drop(name, where, raw.dropped)
        if file is None:
            continue
        raw.dropped += [(reason, where) for reason in objects.unread]
        entry = RawImage(
            image=file,
            boxes=objects.boxes,
            labels=[-1] * len(objects.boxes),
            image_id=name,
            is_crowd=objects.is_crowd,
            areas=objects.areas,
            where=f"{where}, {shown_text(name)}",
            num_unread=len(objects.unread),
        )
        found.append((entry, objects))
    used = {x for _, objects in found for x in objects.classes}
    for other in split.all_files:
        for _, row in _rows(other, []) if other != path else ():
            used.update((_objects(row) or ObjectRows()).classes)
    given = options.class_names
    if given is not None and all(isinstance(x, int) for x in used):
        name_classes(raw, found, used, standardize_class_names(given))
    else:
        name_classes(raw, found, used, None)
    return raw


def _objects(row: Mapping[str, Any]) -> ObjectRows | None:
    key = key_of(list(row), OBJECT_COLUMNS)
    return read_objects(None if key is None else row[key])


def _rows(
    path: pathlib.Path, dropped: list[tuple[str, str]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for i, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}, line {i}"
        row = parse_json(line, where, "json")
        name = row.get("file_name") if isinstance(row, dict) else None
        if isinstance(name, str) and name:
            yield where, row
        else:
            dropped.append((NO_FILE_NAME, where))


LAYOUT = Layout(
    name="imagefolder",
    title="Hugging Face imagefolder",
    expected="<split>/metadata.jsonl beside the images, with file_name and "
    "objects of bbox and category",
    find_splits=find_splits,
    read=read,
    endings=(".jsonl",),
    source_endings=(".jsonl",),
    has_images_option=True,
    has_box_format_option=True,
)
