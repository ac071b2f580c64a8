"""The image files of annotations that state names or paths of images."""

import filecmp
import os
import pathlib
import re
import urllib.parse
from collections.abc import Iterable
from collections.abc import Sequence
from typing import TypeAlias

from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.files import MAX_PARTS
from keras_efficient.data.readers.files import MAX_PATH
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import is_within
from keras_efficient.data.readers.files import loose_name
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.upload_names import without_upload_prefix
from keras_efficient.data.records import listed
from keras_efficient.data.records import shown_text

# Stated paths by each of their ends.
_Tails: TypeAlias = dict[tuple[str, ...], list[str]]

OUTSIDE = (
    "images that are stated as files outside the data set (not used; to use "
    "them, pass their folder with `images=`, in commands: --images, or pass a "
    "folder that contains both)"
)
AMBIGUOUS = "images whose file is not certain (several have the same name)"
IMAGE_FOLDERS = ("images", "image", "data", "img", "imgs", "jpegimages")
ANNOTATION_FOLDERS = (
    "annotations",
    "annotation",
    "labels",
    "json",
    "csv_folder",
)
# Names of the same split.
SAME_SPLITS = (
    ("train", "training"),
    ("val", "valid", "validation"),
    ("test", "testing"),
)
# Levels of subfolders in which an image is searched by its name.
MAX_DEPTH = 4
# Where Label Studio serves local files.
LOCAL_FILES = "/data/local-files/?d="


class AmbiguousImageError(ValueError):
    """Several different files may be the image that annotations state."""


class OutsideError(ValueError):
    """The image that annotations state is outside the data set."""


class ImageFinder:
    """Finds the images that an annotation file states.

    A stated path may be one of another computer, a URL, or written in another
    form of Unicode. It is used as it is if possible. Otherwise the file with
    the longest equal end of the path is used, such as `cam1/0.jpg`, and
    finally the only one with the same name.

    Files outside the data set are never used, so that annotations from
    another person cannot make other images of this computer part of it. Links
    on the disk are followed, wherever they lead.

    Args:
        listing: A `FolderListing` of the dataset.
        folders: Folders to which stated paths may be relative, in groups:
            a group is only searched if no earlier one has the image. Folders
            that do not exist are left out.
        stated: All names that the annotation file states.
        roots: Folders below which images are searched by name.
        splits: Names of the split. Folders of other splits are not searched by
            name. An empty sequence for all splits.
        within: Folders in which images must be.
    """

    def __init__(
        self,
        listing: FolderListing,
        folders: Sequence[Sequence[pathlib.Path]],
        stated: Iterable[str],
        roots: Sequence[pathlib.Path] = (),
        splits: Sequence[str] = (),
        within: Sequence[pathlib.Path] = (),
    ):
        self._listing = listing
        self._within = within
        self._groups = [
            [x for x in dict.fromkeys(group) if x.is_dir()] for group in folders
        ]
        existing = [x for group in self._groups for x in group]
        self._first = [*existing, *(x for group in folders for x in group)][0]
        self._roots = [x for x in dict.fromkeys(roots) if x.is_dir()]
        own = {alias for name in splits for alias in split_aliases(name)}
        every = {name for names in SAME_SPLITS for name in names}
        passed = {part.lower() for root in self._roots for part in root.parts}
        self._foreign = every - own - passed if own & every else set()
        self._in_folder: dict[pathlib.Path, dict[str, list[str]]] = {}
        self._below: dict[str, list[pathlib.Path]] | None = None
        # Stated paths by their last part, and those with the same last parts.
        self._stated: dict[str, set[tuple[str, ...]]] = {}
        self._same_tails: dict[str, _Tails] = {}
        for name in stated:
            parts = path_parts(name)
            self._stated.setdefault(loose_name(parts[-1]), set()).add(parts)

    def find(self, name: str) -> pathlib.Path:
        """Return the path of an image, in the first folder if it is missing.

        Args:
            name: String, one of the names that the annotation file states.

        Returns:
            A path.

        Raises:
            AmbiguousImageError: If several different files fit equally.
            OutsideError: If the name states an existing file outside the
                data set, and there is none inside.
        """
        if os.path.isabs(name) and os.path.isfile(name):
            if is_within(name, self._within):
                return pathlib.Path(name)
        stated = path_parts(name)
        unquoted = tuple(urllib.parse.unquote(part) for part in stated)
        plain = without_upload_prefix(unquoted[-1])
        spellings = dict.fromkeys([stated, unquoted, (*unquoted[:-1], plain)])
        for parts in spellings:
            found = self._in_folders(parts)
            if found:
                return _only(name, found)
        for parts in spellings:
            for length in range(len(parts), 0, -1):
                tail = parts[-length:]
                found = self._in_folders(tail) or self._below_roots(tail)
                if found:
                    self._check_stated(stated, length)
                    return _only(name, found)
        existing = [x for group in self._groups for x in group]
        if is_outside(name, existing, self._within):
            raise OutsideError(name)
        return self._first / plain_path(stated[-1])

    def find_or_drop(
        self, name: str, where: str, dropped: list[tuple[str, str]]
    ) -> pathlib.Path | None:
        """Return the path of an image, `None` if its file is not certain.

        Args:
            name: String, one of the names that the annotation file states.
            where: String, the place of the name, for the report.
            dropped: List of pairs `(reason, where)`, to which an image whose
                file is not certain is added.
        """
        try:
            return self.find(name)
        except AmbiguousImageError as e:
            dropped.append((AMBIGUOUS, f"{where}: {e}"))
            return None
        except OutsideError:
            dropped.append((OUTSIDE, where))
            return None

    def _check_stated(self, stated: tuple[str, ...], length: int) -> None:
        """Raise an error if another stated path has the same end."""
        key = loose_name(stated[-1])
        if key not in self._same_tails:
            self._same_tails[key] = _by_tails(self._stated.get(key, ()))
        same = self._same_tails[key].get(stated[-length:], [])
        if len(same) > 1:
            raise AmbiguousImageError(f"one file for {listed(same)}")

    def _in_folders(self, parts: tuple[str, ...]) -> list[pathlib.Path]:
        for group in self._groups:
            found = []
            for folder in group:
                place = folder.joinpath(*parts[:-1])
                if not is_within(place, self._within):
                    continue
                names = self._names(place).get(loose_name(parts[-1]), [])
                exact = [name for name in names if name == parts[-1]]
                found += [place / name for name in exact or names]
            if found:
                return found
        return []

    def _names(self, folder: pathlib.Path) -> dict[str, list[str]]:
        """Names of the files of a folder by their keys."""
        if folder not in self._in_folder:
            by_key: dict[str, list[str]] = {}
            for name in self._listing.names(folder)[1]:
                by_key.setdefault(loose_name(name), []).append(name)
            self._in_folder[folder] = by_key
        return self._in_folder[folder]

    def _below_roots(self, tail: tuple[str, ...]) -> list[pathlib.Path]:
        if self._below is None:
            self._below = {}
            for root in self._roots:
                for path in self._listing.files_to_depth(MAX_DEPTH, "", root):
                    self._below.setdefault(loose_name(path.name), []).append(
                        path
                    )
        found = []
        for path in self._below.get(loose_name(tail[-1]), ()):
            stop = len(path.parts) - len(tail)
            passed = {part.lower() for part in path.parts[:stop]}
            if path.parts[stop:-1] == tail[:-1] and not passed & self._foreign:
                found.append(path)
        return list(dict.fromkeys(found))


def path_parts(name: str) -> tuple[str, ...]:
    r"""Return the parts of a stated path or URL, without its root.

    >>> path_parts("C:\\set\\a.jpg"), path_parts("https://x.org/b/a.jpg?v=1")
    (('set', 'a.jpg'), ('b', 'a.jpg'))
    """
    if name.startswith(LOCAL_FILES):
        name = name.removeprefix(LOCAL_FILES)
    elif "://" in name:
        try:
            name = urllib.parse.urlsplit(name).path
        except ValueError:  # such as "http://[": not an address
            name = name.partition("://")[2]
    elif re.match(r"^[A-Za-z]:[\\/]", name):
        name = name[2:]
    parts = name[-MAX_PATH:].replace("\\", "/").split("/")
    parts = [part for part in parts if part not in ("", ".")]
    return tuple(parts[-MAX_PARTS:]) or (name,)


def plain_path(name: str) -> str:
    """Return the last part of a stated path, for where a file should be.

    >>> plain_path("../../etc/a.jpg"), plain_path("..")
    ('a.jpg', 'unnamed')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    return shown_text(last) if last not in ("", ".", "..") else "unnamed"


def expected_path(
    folder: pathlib.Path, name: str, within: Sequence[pathlib.Path]
) -> pathlib.Path:
    """Return where the file of a stated path should be, never outside."""
    path = folder / name.replace("\\", "/")
    is_usable = len(name) <= MAX_PATH and is_within(path, within)
    return path if is_usable else folder / plain_path(name)


def is_outside(
    name: str,
    folders: Sequence[pathlib.Path],
    within: Sequence[pathlib.Path],
) -> bool:
    """Return whether a stated path is that of a file, but not one to use.

    Args:
        name: String, the stated path.
        folders: Folders to which it may be relative.
        within: Folders in which files must be.
    """
    if len(name) > MAX_PATH:
        return False
    places = [folder / name.replace("\\", "/") for folder in folders]
    return any(os.path.isfile(x) and not is_within(x, within) for x in places)


def allowed_folders(
    path: pathlib.Path, options: ReadOptions
) -> list[pathlib.Path]:
    """Return the folders in which the images of an annotation file must be.

    Args:
        path: Path of the annotation file.
        options: A `ReadOptions`.

    Returns:
        The folder `images`, if it is given. Otherwise the folder of the data
        set, that of the file, and the one above if the file has a folder for
        annotations.
    """
    if options.images is not None:
        return [options.images]
    place = path.parent
    folders = [place, *([options.root] if options.root else [])]
    if place.name.lower() in ANNOTATION_FOLDERS:
        folders.append(place.parent)
    return folders


def _by_tails(paths: Iterable[tuple[str, ...]]) -> _Tails:
    found: _Tails = {}
    for parts in sorted(paths):
        for length in range(1, len(parts) + 1):
            found.setdefault(parts[-length:], []).append("/".join(parts))
    return found


def split_aliases(split: str) -> tuple[str, ...]:
    """Return the usual names of a split, its own first, in lower case."""
    own = split.lower()
    others = (x for names in SAME_SPLITS if own in names for x in names)
    return tuple(dict.fromkeys([own, *others]))


def finder_beside(
    path: pathlib.Path,
    options: ReadOptions,
    splits: Sequence[str],
    stated: Iterable[str],
) -> ImageFinder:
    """Return a finder for the images of one annotation file.

    Args:
        path: Path of the annotation file.
        options: A `ReadOptions`. `images` is the folder of the images, or
            `None` for the usual places: the folder of the file, `images/` or
            `data/`, or a folder with the name of the split, beside the file or
            its folder.
        splits: Names of the split; an empty sequence for all splits.
        stated: All names that the annotation file states.

    Returns:
        An `ImageFinder`.
    """
    listing = options.listing
    images, within = options.images, allowed_folders(path, options)
    if images is not None:
        return ImageFinder(
            listing, [[images]], stated, [images], splits, within
        )
    place = path.parent
    # A file beside images is about these, not about those above.
    is_beside = any(map(is_image, listing.names(place)[1]))
    places = [place] if is_beside else [place, place.parent]
    names = {alias for name in splits for alias in split_aliases(name)}
    own, common = [], []
    for folder in places:
        shared = _subfolders(listing, folder, set(IMAGE_FOLDERS))
        common += shared
        for split in _subfolders(listing, folder, names):
            own += [split, *_subfolders(listing, split, set(IMAGE_FOLDERS))]
        own += [x for y in shared for x in _subfolders(listing, y, names)]
    others = [*own, *common, *places[1:]]
    is_apart = place.name.lower() in ANNOTATION_FOLDERS
    roots = own or common or places[: 2 if is_apart else 1]
    within += [*own, *common]
    return ImageFinder(
        listing, [[place], others], stated, roots, splits, within
    )


def _subfolders(
    listing: FolderListing, folder: pathlib.Path, names: set[str]
) -> list[pathlib.Path]:
    return [folder / x for x in listing.folders(folder) if x.lower() in names]


def _only(name: str, found: Sequence[pathlib.Path]) -> pathlib.Path:
    """The first of several files if all have the same content."""
    for other in found[1:]:
        if not filecmp.cmp(found[0], other, shallow=False):
            raise AmbiguousImageError(
                f"{shown_text(name)!r} may be {listed(found)}"
            )
    return found[0]
