"""Folders of annotation files of which each belongs to one image."""

import dataclasses
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

from keras_efficient.data.readers.files import MAX_PARTS
from keras_efficient.data.readers.files import open_file
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.folder_names import is_generic
from keras_efficient.data.readers.folder_names import is_split_name
from keras_efficient.data.readers.folder_names import num_shared
from keras_efficient.data.readers.folder_names import split_of
from keras_efficient.data.readers.folder_names import telling_parts
from keras_efficient.data.readers.paired_files import FileKind

# Levels of subfolders with annotation files.
DEPTH = 6
# Files of a folder that are looked into, to find one of a kind.
NUM_TRIED = 20


@dataclasses.dataclass(frozen=True)
class PairedSplit:
    """Where a split is stored.

    Attributes:
        root: Folder of the dataset.
        folders: Folders of the annotation files of the split.
        all_folders: Those of all splits. All of their classes count, so that
            the splits have the same labels.
        list_file: Text file with the names of its images, or `None` for all.
    """

    root: pathlib.Path
    folders: tuple[pathlib.Path, ...]
    all_folders: tuple[pathlib.Path, ...]
    list_file: pathlib.Path | None = None


def find_splits(
    listing: FolderListing, kind: FileKind
) -> Mapping[str | None, PairedSplit]:
    """Return the splits of a folder, `None` for annotations as a whole."""
    root = listing.root
    folders = _annotation_folders(listing, kind)
    parts = {x: telling_parts(x.relative_to(root)) for x in folders}
    shared = num_shared(parts.values())
    members: dict[str | None, list[pathlib.Path]] = {}
    lists: dict[str | None, list[pathlib.Path]] = {}
    for folder in folders:
        home = _home_with_lists(listing, folder)
        if home is None:
            split = split_of(parts[folder][shared:])
        else:
            names = telling_parts(home.relative_to(root))[shared:]
            split = "/".join(names) or None
            lists[split] = list_files(listing, home)
        members.setdefault(split, []).append(folder)
    homes = {_home(root, folder) for folder in folders}
    is_divided = any(is_split_name(x.split("/")[-1]) for x in members if x)
    if len(homes) == 1 and None not in members and not is_divided:
        members[None] = folders
    found = {
        split: PairedSplit(root, tuple(own), tuple(folders))
        for split, own in members.items()
    }
    for split, files in lists.items():
        for file in files:
            name = file.stem if split is None else f"{split}/{file.stem}"
            found[name] = dataclasses.replace(found[split], list_file=file)
    return found


def files_in(
    listing: FolderListing, folders: Iterable[pathlib.Path], kind: FileKind
) -> list[pathlib.Path]:
    """Return the files of folders that have the ending of a kind."""
    return [
        path
        for folder in folders
        for path in listing.files(folder, kind.ending)
    ]


def _annotation_folders(
    listing: FolderListing, kind: FileKind
) -> list[pathlib.Path]:
    by_folder: dict[pathlib.Path, list[pathlib.Path]] = {}
    for path in listing.files_to_depth(DEPTH, kind.ending):
        by_folder.setdefault(path.parent, []).append(path)
    return [
        folder
        for folder, files in by_folder.items()
        if any(map(kind.is_ours, files[:NUM_TRIED]))
    ]


def _home(root: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The folder that contains both the annotations and the images."""
    home = root
    for name in folder.relative_to(root).parts:
        if is_generic(name):
            return home
        home /= name
    return home


def _home_with_lists(
    listing: FolderListing, folder: pathlib.Path
) -> pathlib.Path | None:
    for place in (folder, *folder.parents):
        if list_files(listing, place):
            return place
        if place == listing.root:
            return None
    return None


def list_files(
    listing: FolderListing, home: pathlib.Path
) -> list[pathlib.Path]:
    """Return the text files with the names of the images of each split."""
    sets = home / "ImageSets"
    files = listing.files(sets / "Main", ".txt")
    if not files:
        places = [sets, *(sets / name for name in listing.folders(sets))]
        folders = [listing.files(place, ".txt") for place in places]
        files = next(filter(None, folders), [])
    stems = {path.stem for path in files}
    # VOC has another file for each class and split: "cat_train.txt".
    own = [
        x for x in files if x.stem.rpartition("_")[2] not in stems - {x.stem}
    ]
    return own or [x for x in listing.files(home, ".txt") if _has_pairs(x)]


def _has_pairs(path: pathlib.Path) -> bool:
    """Whether the first line names an image and its xml file.

    PaddlePaddle writes such lists.
    """
    with open_file(path) as file:
        line = file.readline(4096).decode("utf-8", "replace")
    return len(line.split()) > 1 and line.strip().lower().endswith(".xml")


class ListedFiles:
    """Finds the annotation files that the lines of a list mean.

    Args:
        files: Paths of the annotation files of the dataset.
        root: Folder of the dataset.
    """

    def __init__(self, files: Sequence[pathlib.Path], root: pathlib.Path):
        self._is_flat = len({path.parent for path in files}) == 1
        self._by_name: dict[str, set[pathlib.Path]] = {}
        for path in files:
            name = path.relative_to(root).with_suffix("")
            for i in range(len(name.parts)):
                key = "/".join(name.parts[i:])
                self._by_name.setdefault(key, set()).add(path)

    def read(
        self, list_file: pathlib.Path
    ) -> tuple[list[pathlib.Path], list[str]]:
        """Return the files of a list, and the lines without a single file."""
        found, missing = [], []
        for line in read_text(list_file).splitlines():
            if not line.strip():
                continue
            names = _names_in(line.strip())
            paths = next(filter(None, map(self._find, names)), set())
            if len(paths) > 1:
                # One folder for each split, and lists of names without it.
                split = list_file.stem
                paths = {x for x in paths if split in x.parts} or paths
            if len(paths) == 1:
                found.append(next(iter(paths)))
            else:
                missing.append(names[-1])
        return found, missing

    def _find(self, name: str) -> set[pathlib.Path]:
        parts = name.replace("\\", "/").removeprefix("./").split("/")
        parts = parts[-MAX_PARTS:]
        stem, dot, ending = parts[-1].rpartition(".")
        lasts = [parts[-1], stem] if dot and len(ending) < 6 else [parts[-1]]
        # Paths of images, also on another computer.
        places = [i for i, x in enumerate(parts[:-1]) if is_generic(x)]
        for start in (0, *(i + 1 for i in reversed(places))):
            for last in lasts:
                key = "/".join([*parts[start:-1], last])
                if key in self._by_name:
                    return self._by_name[key]
        if self._is_flat and len(parts) > 1:
            return self._find(parts[-1])
        return set()


def _names_in(line: str) -> list[str]:
    """Texts of a line that may be a name, which may contain spaces.

    Numbers after the name state whether the image shows a class. PaddlePaddle
    writes the names of the image and of the xml file.
    """
    names = [line, line.strip("\"'")]
    first, _, last = line.replace("\t", " ").rpartition(" ")
    if last in ("0", "1", "-1"):
        names.append(first.strip("\"' "))
    elif last.lower().endswith(".xml"):
        names.append(last)
    return names
