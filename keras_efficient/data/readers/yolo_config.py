"""What files state about a YOLO dataset: data.yaml, obj.data, class names."""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_efficient.data.readers.annotations import MAX_UNNAMED_CLASSES
from keras_efficient.data.readers.annotations import is_whole_number
from keras_efficient.data.readers.files import MAX_PARTS
from keras_efficient.data.readers.files import MAX_PATH
from keras_efficient.data.readers.files import is_within
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.safe_yaml import parse_yaml
from keras_efficient.data.records import listed
from keras_efficient.data.records import shown_text

YAML_ENDINGS = (".yaml", ".yml")
DARKNET_ENDING = ".data"
# Names that are preferred if several files state class names.
USUAL_NAMES = ("data", "dataset", "obj")
SPLIT_KEYS = ("train", "val", "valid", "validation", "test")
# Text files with one class in a line.
NAME_FILES = (
    "classes.txt",
    "obj.names",
    "_darknet.labels",
    "classes.names",
    "_classes.txt",
)


@dataclasses.dataclass(frozen=True)
class Config:
    """Contents of `data.yaml` or of Darknet's `obj.data`.

    Attributes:
        root: Folder of the dataset.
        folder: Folder of the file.
        keys: The contents; values are strings, lists or dicts.
        conflict: Error message if several files differ, or an empty string.
    """

    root: pathlib.Path
    folder: pathlib.Path
    keys: Mapping[str, Any]
    conflict: str = ""

    @property
    def keypoints(self) -> tuple[int, int] | None:
        """Number of keypoints, and of the numbers for each."""
        stated = self.keys.get("kpt_shape")
        numbers = stated if isinstance(stated, list) else []
        if len(numbers) != 2 or not all(map(_is_index, numbers)):
            return None
        count, size = (int(x) for x in numbers)
        return (count, size) if count and size else None

    def splits(self) -> dict[str | None, tuple[pathlib.Path, ...]]:
        """Return folders of images or text files that list them.

        Keys other than the usual ones are splits if they name a text file, as
        CVAT writes for splits of any name.
        """
        found: dict[str | None, tuple[pathlib.Path, ...]] = {}
        guessed: set[str] = set()
        bases = self.bases()
        for key, stated in self.keys.items():
            values = stated if isinstance(stated, list) else [stated]
            values = [x for x in values if isinstance(x, str) and x]
            is_list = all(x.lower().endswith(".txt") for x in values)
            if not values or not (key.lower() in SPLIT_KEYS or is_list):
                continue
            places = [find_place(x, bases) for x in values]
            if not all(map(self._is_usable, places)):
                continue
            found[key] = tuple(dict.fromkeys(places))
            for value, place in zip(values, places, strict=True):
                if not any(place == _joined(base, value) for base in bases):
                    guessed.add(key)
        # Tails of different paths that lead to one place: a split is missing.
        counts = collections.Counter(found.values())
        return {
            split: places
            for split, places in found.items()
            if counts[places] == 1 or split not in guessed
        }

    def bases(self) -> tuple[pathlib.Path, ...]:
        """Return the folders that paths may be relative to."""
        stated = str(self.keys.get("path") or "")
        within = find_place(stated, (self.root,)) if stated else self.root
        is_folder = os.path.isdir(within) and self._is_usable(within)
        within = within if is_folder else self.root
        return tuple(dict.fromkeys([within, self.root, self.folder]))

    def _is_usable(self, place: pathlib.Path) -> bool:
        """Whether a place exists, and may be read or searched.

        Searching for files below `/`, far above the data set, takes minutes.
        """
        # Of the files outside, only lists of images are read.
        if os.path.isfile(place) and place.suffix.lower() != ".txt":
            return is_within(place, (self.root, self.folder))
        above = pathlib.Path(os.path.abspath(self.root)).parent.parents
        is_far_above = pathlib.Path(os.path.abspath(place)) in above
        return os.path.exists(place) and not is_far_above


def _joined(base: pathlib.Path, stated: str) -> pathlib.Path:
    return pathlib.Path(os.path.normpath(base / stated.replace("\\", "/")))


def find_place(
    stated: str, bases: Sequence[pathlib.Path], must_be: str = "exists"
) -> pathlib.Path:
    """Return the path that a file states, often from another computer.

    Args:
        stated: String, a path with slashes or backslashes.
        bases: Folders that it may be relative to.
        must_be: Name of the function of `os.path` that the path must satisfy.

    Returns:
        The stated path, or the longest tail of it that exists below a base;
        the stated path below the first base if there is none.
    """
    if len(stated) > MAX_PATH:  # no operating system has such a path
        return bases[0] / shown_text(stated).replace("/", "_")
    path = pathlib.PurePosixPath(stated.strip().replace("\\", "/"))
    inner = tuple(x for x in path.parts if x not in ("..", "/"))
    # Roboflow writes "../train/images" for "train/images".
    tries: list[pathlib.PurePosixPath] = []
    if ".." in path.parts and inner:
        tries.append(pathlib.PurePosixPath(*inner))
    tries.append(path)
    first = max(0, len(inner) - MAX_PARTS)
    tries += [
        pathlib.PurePosixPath(*inner[i:]) for i in range(first, len(inner))
    ]
    is_there = getattr(os.path, must_be)
    for part in tries:
        for base in bases:
            if is_there(base / part):
                return pathlib.Path(os.path.normpath(base / part))
    return bases[0] / path


def find_config(listing: FolderListing, path: pathlib.Path) -> Config:
    """Return the configuration of a folder, or the one in a file.

    Args:
        listing: A `FolderListing` of the dataset.
        path: Path of a folder, of a yaml file or of Darknet's data file.

    Returns:
        A `Config`, without keys if the folder has no such file.
    """
    if path.is_file():
        is_yaml = path.suffix.lower() in YAML_ENDINGS
        keys = read_yaml(path) if is_yaml else _read_darknet(path)
        return Config(path.parent, path.parent, keys)
    found = _configs_in(listing, path)
    if not found:  # such as `data/obj.data` and `data/obj`
        inner = [_configs_in(listing, path / x) for x in listing.folders(path)]
        inner = [x for x in inner if x]
        found = inner[0] if len(inner) == 1 else {}
    if not found:
        return Config(path, path, {})
    best = min(found, key=lambda x: (_rank(x), str(x)))
    others = [
        x for x in found
        if found[x].get("names") and _rank(x) == _rank(best)
        and found[x]["names"] != found[best].get("names")
    ]  # fmt: skip
    conflict = ""
    if others and found[best].get("names"):
        names = listed([x.name for x in (best, *others)])
        conflict = (
            f"{path} has several configurations with different class names: "
            f"{names}. Pass the path of one of them."
        )
    return Config(path, best.parent, found[best], conflict)


def _rank(path: pathlib.Path) -> int:
    stem = path.stem.lower()
    return USUAL_NAMES.index(stem) if stem in USUAL_NAMES else len(USUAL_NAMES)


def _configs_in(
    listing: FolderListing, folder: pathlib.Path
) -> dict[pathlib.Path, dict[str, Any]]:
    """Files with the names of classes or splits."""
    found = {}
    for path in listing.files(folder, (*YAML_ENDINGS, DARKNET_ENDING)):
        is_yaml = path.suffix.lower() in YAML_ENDINGS
        try:
            keys = read_yaml(path) if is_yaml else _read_darknet(path)
        except ValueError:  # a file for something else
            continue
        if "names" in keys or ("nc" in keys and "train" in keys):
            found[path] = keys
    return found


def read_yaml(path: pathlib.Path) -> dict[str, Any]:
    """Return the contents of a yaml file, `{}` if it is not a mapping.

    All values are strings, so that the class "no" keeps its name.

    Raises:
        ValueError: If the file is not valid YAML, or has aliases that repeat
            more than it contains.
    """
    keys = parse_yaml(read_text(path), path)
    if not isinstance(keys, dict):
        return {}
    return {str(key): value for key, value in keys.items()}


def _read_darknet(path: pathlib.Path) -> dict[str, Any]:
    """Lines `<key> = <value>`; keys of Darknet itself in lower case."""
    keys: dict[str, Any] = {}
    for line in read_text(path).splitlines():
        key, sign, value = (x.strip() for x in line.partition("="))
        if sign and value and not key.startswith("#"):
            is_own = key.lower() in ("names", "classes", "backup")
            keys[key.lower() if is_own else key] = value
    if "classes" in keys:
        keys["nc"] = keys.pop("classes")
    return keys


def read_class_names(
    config: Config, folders: Iterable[pathlib.Path]
) -> tuple[list[str] | None, str]:
    """Return the names of the classes as files state them.

    Args:
        config: A `Config`.
        folders: Folders that may contain a text file with the names.

    Returns:
        A pair of the names, `None` if no file states them, and a remark on
        what files state differently, or an empty string.

    Raises:
        ValueError: If files with names contradict each other.
    """
    if config.conflict:
        raise ValueError(config.conflict)
    names = _stated_names(config)
    places = dict.fromkeys([config.root, config.root / "labels", *folders])
    files = [place / name for place in places for name in NAME_FILES]
    found = {path: _read_names(path) for path in files if path.is_file()}
    if names is None and found:
        # labelImg appends classes to the file of each folder.
        first = max(found, key=lambda path: len(found[path]))
        for path, other in found.items():
            if other != found[first][: len(other)]:
                raise ValueError(
                    "Files with class names differ, so that a number does not "
                    f"mean one class: {first} has {listed(found[first])}, "
                    f"{path} has {listed(other)}. Read the folders one by one, "
                    "or state `names` in data.yaml."
                )
        names = found[first]
    if names is None:
        return None, ""
    stated = str(config.keys.get("nc", ""))
    if stated.isdecimal() and stated.lstrip("0") != str(len(names)):
        stated = shown_text(stated)
        return names, f"{stated} classes are stated, {len(names)} are named"
    return names, ""


def _read_names(path: pathlib.Path) -> list[str]:
    return [x.strip() for x in read_text(path).rstrip().splitlines()]


def _stated_names(config: Config) -> list[str] | None:
    """Names in the configuration: a list, a dict, a file or one string."""
    names = config.keys.get("names")
    if isinstance(names, str) and names.strip():
        file = find_place(names, config.bases(), "isfile")
        is_file = os.path.isfile(file) and _may_have_names(file, config)
        return _read_names(file) if is_file else _split_names(names)
    if isinstance(names, list) and names:
        if not all(isinstance(x, dict) for x in names):
            return [str(x) for x in names]
        if all("name" in x for x in names):
            rows = [x for x in names if isinstance(x, dict)]
            names = {str(x.get("id", i)): x["name"] for i, x in enumerate(rows)}
        else:
            names = {k: v for x in names for k, v in x.items()}
    if not isinstance(names, dict) or not names:
        return None
    if not any(_is_index(x) for x in names):
        names = {v: k for k, v in names.items() if isinstance(v, str)}
    if not names or not all(_is_index(x) for x in names):
        raise ValueError(
            f"`names` in the yaml file of {config.folder} must be a list of "
            "names, or a dict from numbers to names. Received: "
            f"names={shown_text(config.keys['names'])}"
        )
    by_index = {int(str(index)): str(name) for index, name in names.items()}
    highest = max(by_index)
    if highest >= max(MAX_UNNAMED_CLASSES, len(by_index)):
        raise ValueError(
            f"`names` in the yaml file of {config.folder} has {len(by_index)} "
            f"names, with numbers up to {highest}. Numbers must be below "
            f"{MAX_UNNAMED_CLASSES}; renumber the classes from 0 on."
        )
    return [by_index.get(i, "") for i in range(1 + highest)]


def _may_have_names(file: pathlib.Path, config: Config) -> bool:
    """Whether a stated file is read: not any file of the computer."""
    is_usual = file.suffix.lower() in (".names", ".txt", ".labels")
    return is_usual or is_within(file, config.bases())


def _split_names(names: str) -> list[str]:
    return [x.strip() for x in names.split(",")]


def _is_index(value: object) -> bool:
    return isinstance(value, str | int) and is_whole_number(str(value))
