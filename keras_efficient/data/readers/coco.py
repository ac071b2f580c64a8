"""Annotations in COCO's json files."""

import dataclasses
import json
import os
import pathlib
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.class_names import distinct_names
from keras_efficient.data.readers.files import files_to_depth
from keras_efficient.data.readers.files import read_text

KEYS = ("images", "annotations", "categories")
# Names of files that do not contain the name of a split.
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
# COCO's files for other tasks, which list the same images.
OTHER_TASKS = ("captions_", "person_keypoints_", "stuff_", "panoptic_")
# Bytes that show whether a file, possibly of gigabytes, is COCO's.
HEAD = 65_536


@dataclasses.dataclass(frozen=True)
class COCOSplit:
    """The json files of a split.

    Attributes:
        files: Paths of the files.
    """

    files: tuple[pathlib.Path, ...]


def find_splits(path: pathlib.Path) -> Mapping[str | None, COCOSplit]:
    """Return the json files of a folder by split, or the file itself."""
    if path.is_file():
        return {None: COCOSplit((path,))}
    found: dict[str | None, pathlib.Path] = {}
    files = files_to_depth(path, 1, ".json")
    # Files in the folder itself and in "annotations" have precedence.
    files.sort(key=lambda x: x.parent not in (path, path / "annotations"))
    for file in files:
        if not file.stem.startswith(OTHER_TASKS) and _is_coco(file):
            folder = "" if file.parent == path else file.parent.name
            found.setdefault(_split_of(folder, file), file)
    # The only file of a split's folder stands for the split, and "train" for
    # "train2017" if there is no other year.
    for pattern in (r"^(.+)/.*$", r"^([^/]*[^\d/_-])[-_]?\d+$"):
        _shorten(found, pattern)
    return {split: COCOSplit((file,)) for split, file in found.items()}


def _split_of(folder: str, file: pathlib.Path) -> str | None:
    """Name of the split of a file, from its own name and its folder's."""
    is_split_folder = folder not in ("", "annotations")
    if file.stem in PLAIN_NAMES:
        return folder if is_split_folder else None
    split = file.stem.removeprefix("instances_")
    return f"{folder}/{split}" if is_split_folder else split


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
    with open(path, "rb") as file:
        head = file.read(HEAD)
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and any(
        f'"{key}"'.encode() in head for key in KEYS
    )


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
    contents = [_load(path) for path in split.files]
    classes: dict[str, Any] = {}  # name to number, in the order of labels
    categories = []  # for each file: number to name
    for path, content in zip(split.files, contents, strict=True):
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
        layout=LAYOUT.title,
        source=", ".join(map(str, split.files)),
    )
    for path, content, named in zip(
        split.files, contents, categories, strict=True
    ):
        labels = {number: label_of[name] for number, name in named.items()}
        finder = _ImageFinder(path, options.images, options.split)
        _read_file(raw, path, content, labels, finder)
    return raw


def _unused(classes: Mapping[str, Any]) -> int:
    return 1 + max(n for n in classes.values() if isinstance(n, int))


def _load(path: pathlib.Path) -> dict[str, list]:
    try:
        content = json.loads(read_text(path))
    except FileNotFoundError as e:
        raise FileNotFoundError(f"No such file: {path}") from e
    except json.JSONDecodeError as e:
        raise ValueError(f"{path} is not a complete json file: {e}") from e
    is_list = [
        isinstance(content, dict) and isinstance(content.get(key), list)
        for key in KEYS
    ]
    if not all(is_list):
        received: Any = type(content).__name__
        if isinstance(content, dict):
            received = sorted(content)
        raise ValueError(
            f"{path} must contain lists named {list(KEYS)}, as COCO's files "
            f"do. Received: {received}"
        )
    return content


def _categories(path: pathlib.Path, content: dict[str, list]) -> dict[Any, str]:
    """Names of the classes by number, in the order of the numbers."""
    try:
        rows = {row["id"]: str(row["name"]) for row in content["categories"]}
        numbers = sorted(rows)
    except (KeyError, TypeError) as e:
        raise ValueError(
            f"{path} must have categories with an integer 'id' and a 'name'. "
            f"Received: {content['categories'][:3]}"
        ) from e
    names = distinct_names([rows[n].strip() for n in numbers], numbers)
    return dict(zip(numbers, names, strict=True))


def _read_file(
    raw: RawAnnotations,
    path: pathlib.Path,
    content: dict[str, list],
    labels: Mapping[Any, int],
    finder: "_ImageFinder",
) -> None:
    """Add the images of one file to `raw`."""
    images = _images_by_id(raw, path, content["images"])
    rows = _rows_by_image(raw, path, content["annotations"], images)
    taken = {image.image_id for image in raw.images}
    for number, image in images.items():
        image_id = number
        if number in taken:  # another file starts with the same number
            image_id = f"{path.parent.name}/{path.stem}:{number}"
        own = rows[number]
        raw.images.append(
            RawImage(
                image=finder.find(image["file_name"]),
                boxes=[row["bbox"] for row in own],
                labels=[labels.get(row.get("category_id"), -1) for row in own],
                image_id=image_id,
                is_crowd=[bool(row.get("iscrowd")) for row in own],
                areas=[row.get("area") for row in own],
                size=_stated_size(image),
                where=f"{path}, {image['file_name']}",
            )
        )


def _stated_size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    sides = [image.get("height"), image.get("width")]
    height, width = (
        int(side) if isinstance(side, int | float) and side > 0 else 0
        for side in sides
    )
    return (height, width) if height and width else None


def _images_by_id(
    raw: RawAnnotations, path: pathlib.Path, images: Sequence[dict]
) -> dict[Any, dict]:
    found: dict[Any, dict] = {}
    for i, image in enumerate(images):
        number, name = image.get("id"), image.get("file_name")
        if number is None or not isinstance(name, str) or not name:
            reason = "images without an id or a file name"
            raw.dropped.append((reason, f"{path}, image {i}"))
        elif number in found:
            # Its boxes are those of the first image with this id.
            reason = "images with the id of an earlier image"
            raw.dropped.append((reason, f"{path}, {number!r}"))
        else:
            found[number] = image
    return found


def _rows_by_image(
    raw: RawAnnotations,
    path: pathlib.Path,
    annotations: Sequence[dict],
    images: Mapping[Any, dict],
) -> dict[Any, list[dict]]:
    rows: dict[Any, list[dict]] = {number: [] for number in images}
    for row in annotations:
        box, reason = row.get("bbox"), None
        if row.get("image_id") not in images:
            reason = "annotations of images that are not listed"
        elif not isinstance(box, list) or len(box) != 4:
            reason = "annotations without a box of four numbers"
        if reason is None:
            rows[row["image_id"]].append(row)
        else:
            where = f"{path}, annotation {row.get('id')}"
            raw.dropped.append((reason, where))
    return rows


class _ImageFinder:
    """Finds the images of a file, usually where the previous one was."""

    def __init__(
        self, path: pathlib.Path, images: pathlib.Path | None, split: str | None
    ):
        stem = path.stem.removeprefix("instances_")
        names = dict.fromkeys([split, stem, re.sub(r"[-_]?\d+$", "", stem)])
        if images is not None:
            self.folders = [images]
        else:
            self.folders = [
                folder
                for place in (path.parent, path.parent.parent)
                for folder in (
                    place,
                    place / "images",
                    *(place / name for name in names if name),
                    *(place / "images" / name for name in names if name),
                    *(place / name / "images" for name in names if name),
                )
            ]

    def find(self, name: str) -> pathlib.Path:
        """Return the path of an image, in the first folder if it is missing."""
        slashed = name.replace("\\", "/")
        # The last name is for files with paths of another computer.
        names = dict.fromkeys([name, slashed, slashed.rpartition("/")[2]])
        for known in names:
            for i, folder in enumerate(self.folders):
                if os.path.isfile(folder / known):
                    self.folders.insert(0, self.folders.pop(i))
                    return folder / known
        return self.folders[0] / name


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
