"""Annotations in YOLO's text files."""

import ast
import pathlib

import numpy as np

from keras_efficient.data.readers.image_folder import EXTENSIONS
from keras_efficient.data.readers.raw import RawAnnotations
from keras_efficient.data.readers.raw import RawImage
from keras_efficient.data.readers.raw import box_array

LAYOUT = "YOLO"
YAML_NAMES = ("data.yaml", "dataset.yaml", "data.yml")
BROKEN = "lines that are no box"


def find_yolo(folder: pathlib.Path, split: str | None) -> pathlib.Path | None:
    """Folder of the images of a split, with text files beside, or `None`."""
    for images in _image_folders(folder, split):
        if images.is_dir() and _has_labels(images):
            return images
    return None


def _image_folders(folder, split):
    if split is None:
        yield from (folder / "images", folder)
        return
    named = _yaml(folder).get(split)
    if isinstance(named, str):
        # Roboflow writes "../train/images" where it means "train/images".
        yield from (folder / named, folder / named.removeprefix("../"))
    yield from (
        folder / "images" / split,
        folder / split / "images",
        folder / split,
    )


def _label_folder(images):
    """`labels` in the place of the last `images`, else the same folder."""
    parts = list(images.parts)
    for i in reversed(range(len(parts))):
        if parts[i] == "images":
            parts[i] = "labels"
            return pathlib.Path(*parts)
    return images


def _has_labels(images):
    labels = _label_folder(images)
    return any(
        (labels / path.with_suffix(".txt").name).is_file()
        for path in _images_in(images)
    )


def _images_in(folder):
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
    )


def read_yolo(images: pathlib.Path, folder: pathlib.Path) -> RawAnnotations:
    """Reads `<class> <x> <y> <width> <height>` files, or polygons.

    Args:
        images: Folder that `find_yolo` gave.
        folder: Root of the set, with `data.yaml` or `classes.txt`.

    Returns:
        A `RawAnnotations`. Images without a text file have no boxes.
    """
    labels = _label_folder(images)
    raw = RawAnnotations(
        images=[],
        class_names=(),
        category_ids=(),
        box_format="rel_center_xywh",
        layout=LAYOUT,
        source=images,
    )
    for path in _images_in(images):
        text = labels / path.with_suffix(".txt").name
        numbers, boxes = [], []
        lines = text.read_text().splitlines() if text.is_file() else ()
        for i, line in enumerate(lines):
            parsed = _parse(line)
            if parsed is None and line.strip():
                raw.dropped.append((BROKEN, f"{text}, line {i + 1}: {line}"))
            elif parsed is not None:
                numbers.append(parsed[0])
                boxes.append(parsed[1])
        raw.images.append(
            RawImage(
                image=path,
                boxes=box_array(boxes),
                labels=np.array(numbers, "int64"),
                image_id=path.stem,
                where=str(text),
            )
        )
    highest = max(
        (int(x.labels.max()) for x in raw.images if len(x.labels)), default=-1
    )
    names = _class_names(folder, images, labels, highest)
    raw.class_names = names
    raw.category_ids = tuple(range(len(names)))
    for image in raw.images:
        image.labels[image.labels >= len(names)] = -1
    return raw


def _parse(line):
    """Class and box of a line; `None` if it is none."""
    try:
        number, *values = (float(part) for part in line.split())
    except ValueError:
        return None
    if number < 0 or number != int(number):
        return None
    if len(values) >= 6 and len(values) % 2 == 0:  # corners of a polygon
        xs, ys = values[::2], values[1::2]
        low, high = (min(xs), min(ys)), (max(xs), max(ys))
        values = [
            (low[0] + high[0]) / 2,
            (low[1] + high[1]) / 2,
            high[0] - low[0],
            high[1] - low[1],
        ]
    # A fifth number may say how sure somebody was.
    return (int(number), values[:4]) if len(values) in (4, 5) else None


def _class_names(folder, images, labels, highest):
    names = _yaml(folder).get("names")
    if isinstance(names, dict):
        count = max(map(int, names), default=-1) + 1
        names = [names.get(i, names.get(str(i), i)) for i in range(count)]
    if not names:
        files = (place / "classes.txt" for place in (folder, labels, images))
        file = next((path for path in files if path.is_file()), None)
        names = file.read_text().split("\n") if file else range(highest + 1)
    return tuple(str(name).strip() for name in names if str(name).strip())


def _yaml(folder):
    """The few keys of `data.yaml`, without a library for all of yaml."""
    path = next(
        (folder / n for n in YAML_NAMES if (folder / n).is_file()), None
    )
    if path is None:
        return {}
    found, key = {}, None
    for line in path.read_text().splitlines():
        line = line.split(" #")[0].rstrip()
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] in " -" and key:
            _add_item(found, key, line.strip())
            continue
        key, _, value = line.partition(":")
        found[key.strip()] = _value(value.strip())
        key = key.strip()
    return found


def _add_item(found, key, item):
    """An indented line: an entry of a list or of a mapping."""
    if item.startswith("- "):
        if not isinstance(found[key], list):
            found[key] = []
        found[key].append(_value(item[2:].strip()))
    else:
        name, _, value = item.partition(":")
        if not isinstance(found[key], dict):
            found[key] = {}
        found[key][_value(name.strip())] = _value(value.strip())


def _value(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        pass
    if text.startswith("[") and text.endswith("]"):  # names without quotes
        return [part.strip().strip("'\"") for part in text[1:-1].split(",")]
    return text.strip("'\"")
