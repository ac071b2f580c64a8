"""Annotations in COCO's json files."""

import json
import pathlib

import numpy as np

from keras_efficient.data.readers.raw import RawAnnotations
from keras_efficient.data.readers.raw import RawImage
from keras_efficient.data.readers.raw import box_array

LAYOUT = "COCO json"
KEYS = {"images", "annotations", "categories"}
# Where exporters put the file of a split, or of the whole set.
SPLIT_FILES = (
    "annotations/instances_{split}.json",
    "annotations/instances_{split}2017.json",
    "annotations/{split}.json",
    "{split}/_annotations.coco.json",
    "{split}/annotations.json",
    "{split}/instances.json",
    "instances_{split}.json",
    "{split}.json",
)
WHOLE_FILES = (
    "_annotations.coco.json",
    "annotations.json",
    "instances.json",
    "annotations/instances.json",
)


def find_coco(folder: pathlib.Path, split: str | None) -> pathlib.Path | None:
    """The json file of a split of a folder, or `None`."""
    names = WHOLE_FILES
    if split is not None:
        names = [name.format(split=split) for name in SPLIT_FILES]
    paths = [folder / name for name in names]
    if split is None:
        paths += sorted(folder.glob("*.json"))
    return next(
        (path for path in paths if path.is_file() and _is_coco(path)), None
    )


def _is_coco(path):
    try:
        return KEYS <= set(_load(path))
    except ValueError:
        return False


def _load(path):
    try:
        content = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise ValueError(f"{path} is no whole json file: {e}") from e
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} must hold an object with {sorted(KEYS)}. "
            f"Received: {type(content).__name__}"
        )
    return content


def read_coco(
    paths: list[pathlib.Path],
    images: pathlib.Path | None = None,
    split: str | None = None,
) -> RawAnnotations:
    """Reads one file, or several with the same categories.

    Args:
        paths: Paths of the json files.
        images: Folder of the images. Defaults to where they usually lie:
            beside the file, in `images/`, or in a folder of the split's name.
        split: String, name of the split, to find that folder.

    Returns:
        A `RawAnnotations`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is no COCO json, or two differ in categories.
    """
    contents = []
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path}")
        content = _load(path)
        if not set(content) >= KEYS:
            raise ValueError(
                f"{path} must hold {sorted(KEYS)}, as COCO's files. "
                f"Received: {sorted(content)}"
            )
        contents.append(content)
    categories = _categories(paths, contents)
    names = tuple(categories[i] for i in sorted(categories))
    label_of = {number: i for i, number in enumerate(sorted(categories))}
    raw = RawAnnotations(
        images=[],
        class_names=names,
        category_ids=tuple(sorted(categories)),
        box_format="xywh",
        layout=LAYOUT,
        source=", ".join(map(str, paths)),
    )
    for path, content in zip(paths, contents, strict=True):
        _read_file(raw, path, content, images, split, label_of)
    return raw


def _categories(paths, contents):
    """Number to name, the same in all files."""
    categories = {}
    for path, content in zip(paths, contents, strict=True):
        for category in content["categories"]:
            number, name = category["id"], str(category["name"])
            if categories.setdefault(number, name) != name:
                raise ValueError(
                    f"{path} calls category {number} {name!r}; it was "
                    f"{categories[number]!r} before."
                )
    names = list(categories.values())
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(
            f"{paths[0]} has several categories with one name: {doubled}"
        )
    return categories


def _read_file(raw, path, content, images, split, label_of):
    rows = {}
    known = {image["id"] for image in content["images"]}
    for row in content["annotations"]:
        if row.get("image_id") not in known:
            raw.dropped.append(
                ("annotations of images that are not listed", str(path))
            )
        elif len(row.get("bbox", ())) != 4:
            raw.dropped.append(
                ("annotations without a box", f"{path}, id {row.get('id')}")
            )
        else:
            rows.setdefault(row["image_id"], []).append(row)
    for image in content["images"]:
        own = rows.get(image["id"], [])
        boxes = box_array([row["bbox"] for row in own])
        has_areas = all("area" in row for row in own)
        size = (image.get("height"), image.get("width"))
        raw.images.append(
            RawImage(
                image=_find_image(path, image["file_name"], images, split),
                boxes=boxes,
                labels=np.array(
                    [label_of.get(row["category_id"], -1) for row in own],
                    "int64",
                ),
                image_id=image["id"],
                is_crowd=np.array(
                    [bool(row.get("iscrowd", 0)) for row in own], bool
                ),
                areas=np.array([row["area"] for row in own], "float32")
                if has_areas
                else None,
                size=None if None in size else size,
            )
        )


def _find_image(path, name, images, split):
    """Where an image lies; the first place where it is missing everywhere."""
    if images is not None:
        return images / name
    stem = path.stem.removeprefix("instances_")
    parents = [path.parent, path.parent.parent]
    folders = [
        folder
        for parent in parents
        for folder in (
            parent,
            parent / "images",
            parent / stem,
            parent / "images" / stem,
            *([parent / split] if split else []),
            *([parent / "images" / split] if split else []),
        )
    ]
    places = [folder / name for folder in folders]
    return next((place for place in places if place.is_file()), places[0])
