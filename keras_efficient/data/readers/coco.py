"""Annotations in COCO's json files."""

import contextlib
import dataclasses
import pathlib
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import empty_annotations
from keras_efficient.data.readers.coco_rows import add_images
from keras_efficient.data.readers.coco_rows import category_names
from keras_efficient.data.readers.coco_rows import listed_images
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.image_finder import finder_beside
from keras_efficient.data.readers.json_files import NOT_UTF8
from keras_efficient.data.readers.json_files import json_head
from keras_efficient.data.readers.json_files import read_json
from keras_efficient.data.records import listed

KEYS = ("images", "annotations", "categories")
# Names of files that do not contain the name of a split.
PLAIN_NAMES = (
    "_annotations.coco",
    "_annotations",
    "annotations",
    "annotation",
    "coco",
    "dataset",
    "default",
    "instances",
    "instances_default",
    "labels",
    "result",
)
# COCO's files for other tasks, which list the same images.
OTHER_TASKS = (
    "captions_",
    "image_info_",
    "panoptic_",
    "person_keypoints_",
    "stuff_",
)
# Bytes of the largest file that is parsed to recognize it.
MAX_PARSED = 4_000_000
LIST_START = re.compile(r'"(images|annotations|categories)"\s*:\s*\[')


@dataclasses.dataclass(frozen=True)
class COCOSplit:
    """The json files of a split.

    Attributes:
        files: Paths of the files.
    """

    files: tuple[pathlib.Path, ...]


def find_splits(listing: FolderListing) -> Mapping[str | None, COCOSplit]:
    """Return the json files of a folder by split, or the file itself."""
    path = listing.source
    if listing.is_file:
        return {None: COCOSplit((path,))}
    found: dict[str | None, pathlib.Path] = {}
    files = listing.files_to_depth(1, ".json")
    for name in listing.folders():  # <split>/annotations/<name>.json
        files += listing.files(path / name / "annotations", ".json")
    # Files in the folder itself and in "annotations" have precedence.
    files.sort(key=lambda x: x.parent not in (path, path / "annotations"))
    for file in files:
        if not file.stem.startswith(OTHER_TASKS) and _is_coco(file):
            found.setdefault(_split_of(path, file), file)
    # The only file of a split's folder stands for the split, and "train" for
    # "train2017" if there is no other year.
    for pattern in (r"^(.+)/.*$", r"^([^/]*[^\d/_-])[-_]?\d+$"):
        _shorten(found, pattern)
    return {split: COCOSplit((file,)) for split, file in found.items()}


def _split_of(root: pathlib.Path, file: pathlib.Path) -> str | None:
    """Name of the split of a file, from its own name and its folder's."""
    folders = file.relative_to(root).parts[:-1]
    folder = next((x for x in folders if x != "annotations"), "")
    if file.stem.lower() in PLAIN_NAMES:
        return folder or None
    split = file.stem.removeprefix("instances_")
    return f"{folder}/{split}" if folder else split


def _shorten(found: dict[str | None, pathlib.Path], pattern: str) -> None:
    """Rename splits to the group of a pattern if they stay different."""
    short = {
        split: match[1]
        for split in found
        if split is not None and (match := re.match(pattern, split))
    }
    names = [*short.values(), *found]
    for split, name in short.items():
        if names.count(name) == 1:
            found[name] = found.pop(split)


def _is_coco(path: pathlib.Path) -> bool:
    """Whether a json file is COCO's, not another one with a similar key."""
    head = json_head(path)
    if not head.startswith("{") or not any(f'"{key}"' in head for key in KEYS):
        return False
    content: Any = None
    if path.stat().st_size <= MAX_PARSED:
        with contextlib.suppress(ValueError):
            content, _ = read_json(path)
    if content is None:  # large, or broken: `read` raises the error
        return LIST_START.search(head) is not None
    rows = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(rows, list) or "images" not in content:
        return False
    # Captions and panoptic segments are for images as a whole.
    rows = [row for row in rows if isinstance(row, dict)]
    return not rows or any("category_id" in row for row in rows)


def read(split: COCOSplit, options: ReadOptions) -> RawAnnotations:
    """Read one json file, or several.

    Classes are ordered by the numbers of their categories, which may have
    gaps. Classes of several files are the same if their names are equal; their
    numbers may differ. An image that several files list gets the boxes of all.

    Args:
        split: A `COCOSplit`.
        options: A `ReadOptions`. `images` defaults to the usual places: the
            folder of the file, `images/`, or a folder with the split's name.

    Returns:
        A `RawAnnotations`.

    Raises:
        FileNotFoundError: If a file or the folder of images does not exist.
        ValueError: If a file is not in COCO's format.
    """
    if options.images is not None and not options.images.is_dir():
        raise FileNotFoundError(f"No such folder of images: {options.images}")
    raw = empty_annotations("xywh", LAYOUT.title, split.files)
    contents = [_load(path, raw) for path in split.files]
    classes: dict[str, Any] = {}  # name to number, in the order of labels
    taken: set[Any] = set()
    highest = 0
    categories = []  # for each file: number to name
    for path, content in zip(split.files, contents, strict=True):
        categories.append(category_names(path, content, raw))
        for number, name in categories[-1].items():
            if name not in classes:
                number = highest + 1 if number in taken else number
                classes[name] = number
                taken.add(number)
                highest = max(highest, number if isinstance(number, int) else 0)
    raw.class_names = tuple(classes)
    raw.category_ids = tuple(classes.values())
    label_of = {name: label for label, name in enumerate(classes)}
    for path, content, named in zip(
        split.files, contents, categories, strict=True
    ):
        labels = {number: label_of[name] for number, name in named.items()}
        images = listed_images(path, content, raw)
        stated = [
            name_and_row[0] for name_and_row in images.values() if name_and_row
        ]
        finder = finder_beside(
            path, options, _split_names(path, options), stated
        )
        add_images(raw, path, content, images, labels, finder, options.crowds)
    return raw


def _split_names(path: pathlib.Path, options: ReadOptions) -> list[str]:
    stem = path.stem.removeprefix("instances_")
    names = [options.split, stem, re.sub(r"[-_]?\d+$", "", stem)]
    return [name for name in names if name]


def _load(path: pathlib.Path, raw: RawAnnotations) -> dict[str, list]:
    content, is_unicode = read_json(path)
    if not is_unicode:
        raw.noted.append((NOT_UTF8, str(path)))
    is_list = [
        isinstance(content, dict) and isinstance(content.get(key), list)
        for key in KEYS
    ]
    if not all(is_list):
        received: Any = type(content).__name__
        if isinstance(content, dict):
            received = f"[{listed(sorted(content))}]"
        raise ValueError(
            f"{path} must contain lists named {list(KEYS)}, as COCO's files "
            f"do. Received: {received}"
        )
    return content


def join_files(splits: Sequence[COCOSplit]) -> COCOSplit:
    """Merge the files of several splits into one."""
    return COCOSplit(tuple(file for split in splits for file in split.files))


LAYOUT = Layout(
    name="coco",
    title="COCO json",
    expected="annotations/instances_<split>.json, "
    "<split>/_annotations.coco.json, or <name>.json beside the images",
    find_splits=find_splits,
    read=read,
    endings=(".json",),
    source_endings=(".json",),
    join_files=join_files,
    has_images_option=True,
    accepts_any_file=True,
)
