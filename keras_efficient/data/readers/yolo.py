"""Annotations in YOLO's text files."""

import dataclasses
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import yaml

from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.class_names import distinct_names
from keras_efficient.data.readers.class_names import standardize_class_names
from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import files_below
from keras_efficient.data.readers.files import files_with_ending
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import list_folder
from keras_efficient.data.readers.files import read_text

YAML_ENDINGS = (".yaml", ".yml")
SPLIT_KEYS = ("train", "val", "valid", "test")
NAME_FILES = ("classes.txt", "obj.names", "_darknet.labels", "classes.names")


@dataclasses.dataclass(frozen=True)
class YOLOSplit:
    """Where a split is stored.

    Attributes:
        root: Folder of the dataset.
        images: Folders of images, or text files that list images.
        keys: Contents of `data.yaml`.
    """

    root: pathlib.Path
    images: tuple[pathlib.Path, ...]
    keys: dict[Any, Any]


def find_splits(path: pathlib.Path) -> Mapping[str | None, YOLOSplit]:
    """Return the splits of a folder, or of its `data.yaml`."""
    root = path if path.is_dir() else path.parent
    keys = _read_yaml(path) if path.is_file() else _find_yaml(root)
    found = _splits_in_folders(root)
    for split in SPLIT_KEYS:
        stated = keys.get(split)
        stated = stated if isinstance(stated, list) else [stated]
        places = [_resolve(root, keys, x) for x in stated if x]
        if places and all(place.exists() for place in places):
            found[split] = tuple(places)
    return {
        split: YOLOSplit(root, places, keys) for split, places in found.items()
    }


def _splits_in_folders(
    root: pathlib.Path,
) -> dict[str | None, tuple[pathlib.Path, ...]]:
    """Folders of the images of each split, as folders are usually named."""
    found: dict[str | None, tuple[pathlib.Path, ...]] = {}
    folders, files = list_folder(root)
    if (root / "images").is_dir() and (root / "labels").is_dir():
        for name in list_folder(root / "images")[0]:
            if any(map(is_image, files_below(root / "images" / name))):
                found[name] = (root / "images" / name,)
        if files_with_ending(root / "images", EXTENSIONS):
            found[None] = (root / "images",)
    elif _are_paired(files):
        found[None] = (root,)
    for name in folders:
        place = root / name
        if (place / "images").is_dir() and (place / "labels").is_dir():
            found[name] = (place / "images",)
        elif _are_paired(list_folder(place)[1]):
            found[name] = (place,)
    return found


def _find_yaml(root: pathlib.Path) -> dict[Any, Any]:
    """Contents of the yaml file with the names of classes or splits."""
    for path in files_with_ending(root, YAML_ENDINGS):
        try:
            keys = _read_yaml(path)
        except ValueError:  # a file for something else
            continue
        if "names" in keys or ("nc" in keys and "train" in keys):
            return keys
    return {}


def _read_yaml(path: pathlib.Path) -> dict[Any, Any]:
    """Contents of a yaml file; all values are strings, so that "no" stays."""
    try:
        keys = yaml.load(read_text(path), yaml.BaseLoader)
    except yaml.YAMLError as e:
        raise ValueError(f"{path} is not valid YAML: {e}") from e
    return keys if isinstance(keys, dict) else {}


def _are_paired(files: Sequence[str]) -> bool:
    """Whether there is an image with a text file of the same name."""
    texts = {name[:-4] for name in files if name.lower().endswith(".txt")}
    return any(
        is_image(name) and name.rpartition(".")[0] in texts for name in files
    )


def _resolve(
    root: pathlib.Path, keys: Mapping[Any, Any], stated: object
) -> pathlib.Path:
    """A path of `data.yaml`, which often was written on another computer."""
    path = pathlib.PurePosixPath(str(stated).replace("\\", "/"))
    # Roboflow writes "../train/images" for "train/images".
    inner = pathlib.PurePosixPath(*(x for x in path.parts if x != ".."))
    bases = [root / str(keys.get("path") or ""), root]
    places = [base / x for x in (path, inner) for base in bases]
    return next((place for place in places if place.exists()), places[0])


def read(split: YOLOSplit, options: ReadOptions) -> RawAnnotations:
    """Read text files with lines `<class> <x> <y> <width> <height>`.

    Lines with more coordinates are polygons, of which the bounding boxes are
    used. Images without a text file, or with an empty one, have no boxes.

    Args:
        split: A `YOLOSplit`.
        options: A `ReadOptions`. `class_names` are used if no file contains
            the names; they default to the numbers of the classes.

    Returns:
        A `RawAnnotations`.
    """
    raw = RawAnnotations(
        images=[],
        class_names=(),
        category_ids=(),
        box_format="rel_center_xywh",
        layout=LAYOUT.title,
        source=", ".join(map(str, split.images)),
    )
    pairs = _images_and_texts(split)
    _drop_texts_without_image(split, {text for _, text in pairs}, raw)
    has_keypoints = "kpt_shape" in split.keys
    ids = _image_ids([path for path, _ in pairs])
    for (path, text), image_id in zip(pairs, ids, strict=True):
        labels, boxes = _read_file(text, has_keypoints, raw)
        raw.images.append(
            RawImage(path, boxes, labels, image_id, where=str(text))
        )
    highest = max(
        (int(image.labels.max(initial=-1)) for image in raw.images), default=-1
    )
    folders = dict.fromkeys(x.parent for pair in pairs for x in pair)
    raw.class_names = _class_names(split, folders, highest, options.class_names)
    raw.category_ids = tuple(range(len(raw.class_names)))
    for image in raw.images:
        image.labels[image.labels >= len(raw.class_names)] = -1
    return raw


def _images_and_texts(
    split: YOLOSplit,
) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """Pairs of the path of an image and that of its text file."""
    images: list[pathlib.Path] = []
    for place in split.images:
        if place.is_file():
            lines = read_text(place).splitlines()
            images += [_listed(split, place, x.strip()) for x in lines if x]
        elif place == split.root or _are_paired(list_folder(place)[1]):
            images += files_with_ending(place, EXTENSIONS)
        else:
            paths = map(pathlib.Path, files_below(place))
            images += [path for path in paths if is_image(path)]
    return [(path, _text_of(path)) for path in images]


def _listed(
    split: YOLOSplit, list_file: pathlib.Path, line: str
) -> pathlib.Path:
    """An image of a list, relative to the list or to the dataset's folder."""
    places = [list_file.parent / line, _resolve(split.root, split.keys, line)]
    return next((place for place in places if place.is_file()), places[0])


def _text_of(path: pathlib.Path) -> pathlib.Path:
    """In `labels` for the last `images` of the path, or beside the image."""
    parts = list(path.parts)
    beside = path.with_suffix(".txt")
    for i in reversed(range(len(parts) - 1)):
        if parts[i] == "images":
            parts[i] = "labels"
            text = pathlib.Path(*parts).with_suffix(".txt")
            return text if text.is_file() or not beside.is_file() else beside
    return beside


def _drop_texts_without_image(
    split: YOLOSplit, texts: set[pathlib.Path], raw: RawAnnotations
) -> None:
    for folder in dict.fromkeys(sorted(text.parent for text in texts)):
        for path in files_with_ending(folder, ".txt"):
            is_other = path in split.images or path.name in NAME_FILES
            if path not in texts and not is_other:
                raw.dropped.append(("text files without an image", str(path)))


def _read_file(
    path: pathlib.Path, has_keypoints: bool, raw: RawAnnotations
) -> tuple[list[int], list[list[float]]]:
    """Classes and boxes of a text file; none if it does not exist."""
    labels: list[int] = []
    boxes: list[list[float]] = []
    if not path.is_file():
        return labels, boxes
    try:
        lines = read_text(path).splitlines()
    except ValueError as e:
        raw.dropped.append(("text files that cannot be read", str(e)))
        return labels, boxes
    for i, line in enumerate(lines):
        if not line.strip():
            continue
        parsed = _parse(line, has_keypoints)
        if parsed is None:
            reason = "lines that are not `<class> <x> <y> <width> <height>`"
            raw.dropped.append((reason, f"{path}, line {i + 1}: {line}"))
        else:
            labels.append(parsed[0])
            boxes.append(parsed[1])
    return labels, boxes


def _parse(line: str, has_keypoints: bool) -> tuple[int, list[float]] | None:
    """Class and box of a line, or `None` if it has another form."""
    try:
        number, *values = (float(part) for part in line.split())
    except ValueError:
        return None
    if not number.is_integer():
        return None
    label = max(int(number), -1)
    if len(values) == 4 or (has_keypoints and len(values) > 4):
        return label, values[:4]
    if len(values) < 6 or len(values) % 2:
        return None
    corners = np.array(values).reshape(-1, 2)
    low, high = corners.min(0), corners.max(0)
    return label, [*((low + high) / 2), *(high - low)]


def _image_ids(paths: Sequence[pathlib.Path]) -> list[str]:
    """Names without extension, with the folder if several share a name."""
    folders: dict[str, set[pathlib.Path]] = {}
    for path in paths:
        folders.setdefault(path.stem, set()).add(path.parent)
    return [
        f"{path.parent.as_posix()}/{path.stem}"
        if len(folders[path.stem]) > 1
        else path.stem
        for path in paths
    ]


def _class_names(
    split: YOLOSplit,
    folders: Iterable[pathlib.Path],
    highest: int,
    class_names: Sequence[str] | None,
) -> tuple[str, ...]:
    """Names in `data.yaml`, in a text file, as passed, or the numbers."""
    names = split.keys.get("names")
    if isinstance(names, dict) and names:
        count = 1 + max(int(number) for number in names)
        names = {int(number): name for number, name in names.items()}
        names = [names.get(i, i) for i in range(count)]
    if not isinstance(names, list) or not names:
        places = dict.fromkeys([split.root, split.root / "labels", *folders])
        files = [place / name for place in places for name in NAME_FILES]
        file = next((path for path in files if path.is_file()), None)
        names = read_text(file).strip().splitlines() if file else None
    if names is None and class_names is not None:
        return standardize_class_names(class_names)
    if names is None:
        text = str(split.keys.get("nc", ""))
        stated = int(text) if text.isdecimal() else 0
        names = range(max(highest + 1, stated))
    names = [str(name).strip() for name in names]
    return distinct_names(names, range(len(names)))


LAYOUT = Layout(
    name="yolo",
    title="YOLO",
    expected="data.yaml, images/<split>/ with labels/<split>/*.txt, or "
    "<split>/images/ with <split>/labels/*.txt",
    find_splits=find_splits,
    read=read,
    endings=(".txt", *YAML_ENDINGS),
    source_endings=YAML_ENDINGS,
)
