"""Annotations in COCO's json files."""

import json
import os
import pathlib
import re

import numpy as np

from keras_efficient.data.readers.files import files_with_ending
from keras_efficient.data.readers.files import list_folder
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.raw import RawAnnotations
from keras_efficient.data.readers.raw import RawImage
from keras_efficient.data.readers.raw import box_array
from keras_efficient.data.readers.raw import distinct
from keras_efficient.data.readers.raw import number_or_nan

LAYOUT = "COCO json"
LOOKED_FOR = (
    "COCO: annotations/instances_<split>.json, <split>/_annotations.coco.json,"
    " or <name>.json beside the images"
)
KEYS = ("images", "annotations", "categories")
# Names of files that do not say which split it is.
PLAIN_NAMES = (
    "_annotations.coco",
    "_annotations",
    "annotations",
    "annotation",
    "coco",
    "instances",
    "instances_default",
    "labels",
    "result",
)
# Files of COCO's that lie beside the boxes and repeat the images.
OTHER_TASKS = ("captions_", "person_keypoints_", "stuff_", "panoptic_")
# As much of a file as shows whether it is COCO's: they may have gigabytes.
HEAD = 65_536


def find_coco(folder: pathlib.Path) -> dict[str | None, pathlib.Path]:
    """COCO's json files of a folder by split; `None` for one without."""
    found = {}
    for name in ("", "annotations", *list_folder(folder)[0]):
        place = folder / name
        for path in files_with_ending(place, ".json"):
            split = path.stem.removeprefix("instances_")
            is_split_folder = name not in ("", "annotations")
            if path.stem in PLAIN_NAMES:
                split = name if is_split_folder else None
            elif is_split_folder:
                split = f"{name}/{split}"
            if path.stem.startswith(OTHER_TASKS) or not _is_coco(path):
                continue
            found.setdefault(split, path)
    # The only file of a split's folder stands for the split; and "train" for
    # "train2017" where there is no other year.
    for pattern in (r"^(.+)/.*$", r"^([^/]*[^\d/_-])[-_]?\d+$"):
        _shorten(found, pattern)
    return found


def _shorten(found, pattern):
    """Renames the splits that stay different by the pattern's group."""
    short = {
        split: match[1]
        for split in found
        if split is not None and (match := re.match(pattern, split))
    }
    names = [*short.values(), *found]
    for split, name in short.items():
        if names.count(name) == 1:
            found[name] = found.pop(split)


def _is_coco(path):
    with open(path, "rb") as file:
        head = file.read(HEAD)
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and any(
        f'"{key}"'.encode() in head for key in KEYS
    )


def read_coco(
    paths: list[pathlib.Path],
    images: pathlib.Path | None = None,
    split: str | None = None,
) -> RawAnnotations:
    """Reads one file, or several.

    Classes are ordered by the numbers of their categories, which may have
    gaps. Those of several files are told by their names; the numbers may
    differ. An image that several files list gets the boxes of all.

    Args:
        paths: Paths of the json files.
        images: Folder of the images. Defaults to where they usually lie:
            beside the file, in `images/`, or in a folder of the split's name.
        split: String, name of the split, to find that folder.

    Returns:
        A `RawAnnotations`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is no COCO json.
    """
    if not paths:
        raise ValueError("There must be one json file at least. Received: []")
    if images is not None and not images.is_dir():
        raise FileNotFoundError(f"There is no folder of images {images}")
    contents = [_load(path) for path in paths]
    classes = {}  # name to number, in the order of labels
    categories = []  # for each file: number to name
    for path, content in zip(paths, contents, strict=True):
        categories.append(_categories(path, content))
        for number, name in categories[-1].items():
            if name not in classes:
                is_taken = number in classes.values()
                classes[name] = _unused(classes) if is_taken else number
    label_of = {name: label for label, name in enumerate(classes)}
    raw = RawAnnotations(
        images=[],
        class_names=tuple(classes),
        category_ids=tuple(classes.values()),
        box_format="xywh",
        layout=LAYOUT,
        source=", ".join(map(str, paths)),
    )
    for path, content, named in zip(paths, contents, categories, strict=True):
        labels = {number: label_of[name] for number, name in named.items()}
        finder = _ImageFinder(path, images, split)
        _read_file(raw, path, content, labels, finder)
    return raw


def _unused(classes):
    return 1 + max(n for n in classes.values() if isinstance(n, int))


def _load(path):
    try:
        content = json.loads(read_text(path))
    except FileNotFoundError as e:
        raise FileNotFoundError(f"There is no file {path}") from e
    except json.JSONDecodeError as e:
        raise ValueError(f"{path} is no whole json file: {e}") from e
    is_list = [
        isinstance(content, dict) and isinstance(content.get(key), list)
        for key in KEYS
    ]
    if not all(is_list):
        received = type(content).__name__
        if isinstance(content, dict):
            received = sorted(content)
        raise ValueError(
            f"{path} must hold lists named {list(KEYS)}, as COCO's files do. "
            f"Received: {received}"
        )
    return content


def _categories(path, content):
    """Number to name, in the order of the numbers."""
    try:
        rows = {row["id"]: str(row["name"]) for row in content["categories"]}
        numbers = sorted(rows)
    except (KeyError, TypeError) as e:
        raise ValueError(
            f"{path} must have categories with an integer 'id' and a 'name'. "
            f"Received: {content['categories'][:3]}"
        ) from e
    names = distinct([rows[number].strip() for number in numbers], numbers)
    return dict(zip(numbers, names, strict=True))


def _read_file(raw, path, content, labels, finder):
    listed = {}
    for i, image in enumerate(content["images"]):
        number, name = image.get("id"), image.get("file_name")
        if number is None or not isinstance(name, str) or not name:
            raw.dropped.append(
                ("images without an id or a file name", f"{path}, image {i}")
            )
        elif number in listed:
            # Its boxes are those of the first: nothing is lost, unless they
            # are two files.
            raw.dropped.append(
                ("images with the id of an earlier one", f"{path}, {number!r}")
            )
        else:
            listed[number] = image
    rows = {number: [] for number in listed}
    for row in content["annotations"]:
        if row.get("image_id") not in listed:
            raw.dropped.append(
                (
                    "annotations of images that are not listed",
                    f"{path}, annotation {row.get('id')}",
                )
            )
        elif not isinstance(row.get("bbox"), list) or len(row["bbox"]) != 4:
            raw.dropped.append(
                (
                    "annotations without a box of four numbers",
                    f"{path}, annotation {row.get('id')}",
                )
            )
        else:
            rows[row["image_id"]].append(row)
    taken = {image.image_id for image in raw.images}
    for number, image in listed.items():
        own_id = number
        if number in taken:  # another file counts from the same number
            own_id = f"{path.parent.name}/{path.stem}:{number}"
        raw.images.append(
            _raw_image(image, rows[number], labels, own_id, path, finder)
        )


def _raw_image(image, rows, labels, image_id, path, finder):
    size = image.get("height"), image.get("width")
    is_stated = all(isinstance(x, int | float) and x > 0 for x in size)
    areas = [number_or_nan(row.get("area")) for row in rows]
    return RawImage(
        image=finder.find(image["file_name"]),
        boxes=box_array([row["bbox"] for row in rows]),
        labels=np.array(
            [labels.get(row.get("category_id"), -1) for row in rows], "int64"
        ),
        image_id=image_id,
        is_crowd=np.array([bool(row.get("iscrowd")) for row in rows], bool),
        areas=None if np.isnan(areas).all() and rows else np.array(areas),
        size=tuple(int(x) for x in size) if is_stated else None,
        where=f"{path}, {image['file_name']}",
    )


class _ImageFinder:
    """Finds the images of a file: mostly where the last one was."""

    def __init__(self, path, images, split):
        stem = path.stem.removeprefix("instances_")
        names = dict.fromkeys([split, stem, re.sub(r"[-_]?\d+$", "", stem)])
        places = [path.parent, path.parent.parent]
        self.folders = [images]
        if images is None:
            self.folders = [
                folder
                for place in places
                for folder in (
                    place,
                    place / "images",
                    *(place / name for name in names if name),
                    *(place / "images" / name for name in names if name),
                    *(place / name / "images" for name in names if name),
                )
            ]

    def find(self, name):
        """Path of an image; in the first folder where it is in none."""
        slashed = name.replace("\\", "/")
        # The last is for files that keep a path of another computer.
        names = dict.fromkeys([name, slashed, slashed.rpartition("/")[2]])
        for known in names:
            for i, folder in enumerate(self.folders):
                if os.path.isfile(folder / known):
                    self.folders.insert(0, self.folders.pop(i))
                    return folder / known
        return self.folders[0] / name
