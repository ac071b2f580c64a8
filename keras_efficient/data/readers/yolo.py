"""Annotations in YOLO's text files."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.readers.class_names import standardize_class_names
from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import files_below
from keras_efficient.data.readers.files import files_with_ending
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import list_folder
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.raw import RawAnnotations
from keras_efficient.data.readers.raw import RawImage
from keras_efficient.data.readers.raw import box_array
from keras_efficient.data.readers.raw import distinct
from keras_efficient.data.readers.yaml_keys import read_yaml_keys

LAYOUT = "YOLO"
LOOKED_FOR = (
    "YOLO: data.yaml, images/<split>/ with labels/<split>/*.txt, or "
    "<split>/images/ with <split>/labels/*.txt"
)
SPLIT_KEYS = ("train", "val", "valid", "test")
NAME_FILES = ("classes.txt", "obj.names", "_darknet.labels", "classes.names")
BROKEN_LINE = "lines that are not `<class> <x> <y> <width> <height>`"
NO_IMAGE = "text files without an image"


@dataclasses.dataclass(frozen=True)
class YOLOPart:
    """Where a split lies.

    Attributes:
        root: Folder of the whole set.
        images: Folders of images, or text files that list them.
        keys: Content of `data.yaml`.
    """

    root: pathlib.Path
    images: tuple[pathlib.Path, ...]
    keys: dict


def find_yolo(path: pathlib.Path) -> dict[str | None, YOLOPart]:
    """Parts of a folder, or of its `data.yaml`, by split."""
    root = path if path.is_dir() else path.parent
    yaml = path if path.is_file() else _find_yaml(root)
    keys = read_yaml_keys(read_text(yaml)) if yaml else {}
    found = {}
    folders, files = list_folder(root)
    if (root / "images").is_dir() and (root / "labels").is_dir():
        for name in list_folder(root / "images")[0]:
            if any(map(is_image, files_below(root / "images" / name))):
                found[name] = root / "images" / name
        if files_with_ending(root / "images", EXTENSIONS):
            found[None] = root / "images"
    elif _are_paired(root, files):
        found[None] = root
    for name in folders:
        place = root / name
        if (place / "images").is_dir() and (place / "labels").is_dir():
            found[name] = place / "images"
        elif _are_paired(place, list_folder(place)[1]):
            found[name] = place
    found = {split: (place,) for split, place in found.items()}
    for split in SPLIT_KEYS:
        stated = keys.get(split)
        stated = stated if isinstance(stated, list) else [stated]
        places = [_resolve(root, keys, x) for x in stated if x]
        if places and all(place.exists() for place in places):
            found[split] = tuple(places)
    return {
        split: YOLOPart(root, places, keys) for split, places in found.items()
    }


def _find_yaml(root):
    """The yaml file that names classes or splits."""
    for path in files_with_ending(root, (".yaml", ".yml")):
        keys = read_yaml_keys(read_text(path))
        if "names" in keys or ("nc" in keys and "train" in keys):
            return path
    return None


def _are_paired(folder, files):
    """Whether an image of a folder has a text file of its name beside it."""
    texts = {name[:-4] for name in files if name.lower().endswith(".txt")}
    return any(
        is_image(name) and name.rpartition(".")[0] in texts for name in files
    )


def _resolve(root, keys, stated):
    """A path of `data.yaml`, which often comes from another computer."""
    stated = pathlib.PurePosixPath(str(stated).replace("\\", "/"))
    # Roboflow writes "../train/images" where it means "train/images".
    inner = pathlib.PurePosixPath(*(x for x in stated.parts if x != ".."))
    bases = [root / str(keys.get("path") or ""), root]
    places = [base / x for x in (stated, inner) for base in bases]
    return next((place for place in places if place.exists()), places[0])


def read_yolo(
    part: YOLOPart, class_names: Sequence[str] | None = None
) -> RawAnnotations:
    """Reads `<class> <x> <y> <width> <height>` files.

    Lines with more corners are polygons; their boxes are taken. Images
    without a text file, or with an empty one, have no boxes.

    Args:
        part: A `YOLOPart`.
        class_names: Sequence of strings, names of the classes where no file
            has them. Defaults to their numbers.

    Returns:
        A `RawAnnotations`.
    """
    raw = RawAnnotations(
        images=[],
        class_names=(),
        category_ids=(),
        box_format="rel_center_xywh",
        layout=LAYOUT,
        source=", ".join(map(str, part.images)),
    )
    pairs = _images_and_texts(part)
    texts = {text for _, text in pairs}
    for folder in dict.fromkeys(text.parent for text in texts):
        for path in files_with_ending(folder, ".txt"):
            is_other = path in part.images or path.name in NAME_FILES
            if path not in texts and not is_other:
                raw.dropped.append((NO_IMAGE, str(path)))
    has_keypoints = "kpt_shape" in part.keys
    for path, text in pairs:
        numbers, boxes = _read_file(text, has_keypoints, raw)
        raw.images.append(
            RawImage(
                image=path,
                boxes=box_array(boxes),
                labels=np.array(numbers, "int64"),
                image_id=path.stem,
                where=str(text),
            )
        )
    _name_by_folder(raw.images)
    highest = max(
        (int(image.labels.max(initial=-1)) for image in raw.images), default=-1
    )
    folders = dict.fromkeys(x.parent for pair in pairs for x in pair)
    raw.class_names = _class_names(part, folders, highest, class_names)
    raw.category_ids = tuple(range(len(raw.class_names)))
    for image in raw.images:
        image.labels[image.labels >= len(raw.class_names)] = -1
    return raw


def _images_and_texts(part):
    """Pairs of an image's path and that of its text file."""
    images = []
    for place in part.images:
        if place.is_file():
            lines = read_text(place).splitlines()
            images += [_listed(part, place, x.strip()) for x in lines if x]
        elif place == part.root or _are_paired(place, list_folder(place)[1]):
            images += files_with_ending(place, EXTENSIONS)
        else:
            paths = map(pathlib.Path, files_below(place))
            images += [path for path in paths if is_image(path)]
    return [(path, _text_of(path)) for path in images]


def _listed(part, list_file, line):
    """An image of a text file, from its folder or that of the whole set."""
    places = [list_file.parent / line, _resolve(part.root, part.keys, line)]
    return next((place for place in places if place.is_file()), places[0])


def _text_of(path):
    """In `labels` for the last `images` of the path, or beside the image."""
    parts = list(path.parts)
    beside = path.with_suffix(".txt")
    for i in reversed(range(len(parts) - 1)):
        if parts[i] == "images":
            parts[i] = "labels"
            text = pathlib.Path(*parts).with_suffix(".txt")
            return text if text.is_file() or not beside.is_file() else beside
    return beside


def _read_file(path, has_keypoints, raw):
    """Classes and boxes of a text file; none where there is no file."""
    numbers, boxes = [], []
    if not path.is_file():
        return numbers, boxes
    try:
        lines = read_text(path).splitlines()
    except ValueError as e:
        raw.dropped.append(("text files that cannot be read", str(e)))
        return numbers, boxes
    for i, line in enumerate(lines):
        if not line.strip():
            continue
        number, box = _parse(line, has_keypoints)
        if box is None:
            raw.dropped.append((BROKEN_LINE, f"{path}, line {i + 1}: {line}"))
        else:
            numbers.append(number)
            boxes.append(box)
    return numbers, boxes


def _parse(line, has_keypoints):
    """Class and box of a line, or twice `None`."""
    try:
        number, *values = (float(part) for part in line.split())
    except ValueError:
        return None, None
    if not number.is_integer():
        return None, None
    number = max(int(number), -1)
    if len(values) == 4 or (has_keypoints and len(values) > 4):
        return number, values[:4]
    if len(values) < 6 or len(values) % 2:
        return None, None
    corners = np.array(values).reshape(-1, 2)
    low, high = corners.min(0), corners.max(0)
    return number, [*((low + high) / 2), *(high - low)]


def _name_by_folder(images):
    """Images of one name in several folders get the folders in their ids."""
    folders = {}
    for image in images:
        folders.setdefault(image.image_id, set()).add(image.image.parent)
    for image in images:
        if len(folders[image.image_id]) > 1:
            parent = image.image.parent.as_posix()
            image.image_id = f"{parent}/{image.image_id}"


def _class_names(part, folders, highest, class_names):
    names = part.keys.get("names")
    if isinstance(names, dict) and names:
        count = 1 + max(int(number) for number in names)
        names = {int(number): name for number, name in names.items()}
        names = [names.get(i, i) for i in range(count)]
    if not isinstance(names, list) or not names:
        places = dict.fromkeys([part.root, part.root / "labels", *folders])
        files = [place / name for place in places for name in NAME_FILES]
        file = next((path for path in files if path.is_file()), None)
        names = read_text(file).strip().splitlines() if file else None
    if names is None and class_names is not None:
        return standardize_class_names(class_names)
    if names is None:
        count = part.keys.get("nc", 0)
        names = range(max(highest + 1, count if isinstance(count, int) else 0))
    names = [str(name).strip() for name in names]
    return distinct(names, range(len(names)))
