"""Annotations in the json files of labelme, and of tools like it."""

import base64
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_efficient.data.images import load_image
from keras_efficient.data.readers import paired_folders
from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import number_or_nan
from keras_efficient.data.readers.annotations import stated_size
from keras_efficient.data.readers.enclosing import box_around_ellipse
from keras_efficient.data.readers.enclosing import box_around_points
from keras_efficient.data.readers.files import open_file
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.json_files import parse_json
from keras_efficient.data.readers.paired_files import AnnotationFile
from keras_efficient.data.readers.paired_files import FileKind
from keras_efficient.data.readers.paired_folders import PairedSplit
from keras_efficient.data.readers.paired_reading import read_paired

# Kinds of shapes whose points surround an object. Old files of polygons do
# not state the kind; "rotation" is written by X-AnyLabeling.
AREAS = (
    "rectangle",
    "polygon",
    "mask",
    "oriented_rectangle",
    "rotation",
    "quadrilateral",
    "cuboid",
    None,
    "",
)
SIDES = ("Height", "Width")
# Bytes that show whether a file, possibly of many megabytes, is labelme's.
HEAD = 65_536


def find_splits(
    listing: FolderListing,
) -> Mapping[str | None, PairedSplit]:
    """Return the splits of a folder, `None` for annotations as a whole."""
    return paired_folders.find_splits(listing, KIND)


def read(split: PairedSplit, options: ReadOptions) -> RawAnnotations:
    """Read the json files of a split; see `paired_reading.read_paired`.

    Polygons, circles and rotated boxes are replaced by the box around them.
    Points and lines are not read: an image that has only such shapes is left
    out. The image in a file (`imageData`) is used if its own file is missing.
    Flags and groups of shapes are ignored.
    """
    return read_paired(KIND, split, options)


def read_labelme_file(path: pathlib.Path) -> AnnotationFile | None:
    """Return the contents of a file, `None` if it is of another kind.

    Raises:
        ValueError: If the file is not a complete json file.
    """
    content = _load(path)
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list):
        return None
    names, boxes, unread = [], [], []
    for shape in shapes:
        shape = shape if isinstance(shape, dict) else {}
        label, box = str(shape.get("label") or "").strip(), _box(shape)
        if box is None:
            unread.append(f"{shape.get('shape_type')} {label!r}")
        else:
            names.append(label)
            boxes.append(box)
    stated = str(content.get("imagePath") or "").replace("\\", "/")
    return AnnotationFile(
        image_name=stated.rpartition("/")[2],
        image_folder=stated.rpartition("/")[0],
        size=stated_size(*(content.get(f"image{x}") for x in SIDES)),
        names=tuple(names),
        boxes=tuple(boxes),
        unread=tuple(unread),
        has_image=bool(content.get("imageData")),
    )


def _load(path: pathlib.Path) -> Any:
    return parse_json(read_text(path), path)


def _box(shape: Mapping[str, Any]) -> list[float] | None:
    """The box around a shape, `None` if it has no area or no numbers."""
    kind = shape.get("shape_type")
    try:
        points = [
            (number_or_nan(x), number_or_nan(y)) for x, y in shape["points"]
        ]
    except (KeyError, TypeError, ValueError):
        return None
    if kind == "circle" and len(points) == 2:
        (cx, cy), (x, y) = points
        radius = math.hypot(x - cx, y - cy)
        return box_around_ellipse(cx, cy, radius, radius)
    return box_around_points(points) if kind in AREAS else None


def _read_image(path: pathlib.Path) -> np.ndarray:
    """The image that a file contains."""
    try:
        data = base64.b64decode(_load(path)["imageData"])
        return load_image(data)
    except (KeyError, TypeError, ValueError) as e:
        raise ValueError(f"{path} contains no complete image: {e}") from e


def _is_labelme(path: pathlib.Path) -> bool:
    with open_file(path) as file:
        head = file.read(HEAD)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"{") and b'"shapes"' in head


KIND = FileKind(
    title="labelme json",
    ending=".json",
    a_file="a json file",
    is_ours=_is_labelme,
    read=read_labelme_file,
    read_image=_read_image,
)
LAYOUT = Layout(
    name="labelme",
    title=KIND.title,
    expected="one json file of labelme for each image, beside it or in "
    "another folder, also in one folder for each split",
    find_splits=find_splits,
    read=read,
    endings=(".json",),
    has_images_option=True,
)
