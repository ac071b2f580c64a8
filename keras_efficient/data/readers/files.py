"""Folders, image files and text files."""

import functools
import os
import pathlib
import stat
import unicodedata
import urllib.parse
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import BinaryIO

from keras_efficient.data.image_formats import EXTENSIONS
from keras_efficient.data.records import listed
from keras_efficient.types import PathLike

# Characters of the longest path that an operating system accepts.
MAX_PATH = 4096
# Last parts of a stated path that are searched for.
MAX_PARTS = 32
# Listings of folders kept in memory for names that are not found directly.
MAX_LISTINGS = 256
NONE: frozenset[tuple[int, int]] = frozenset()


def is_image(path: PathLike) -> bool:
    """Return whether a file has an ending of images that PIL can decode."""
    return os.fspath(path).lower().endswith(EXTENSIONS)


def find_file(
    folders: Sequence[pathlib.Path],
    name: str,
    within: Sequence[pathlib.Path] | None = None,
) -> pathlib.Path | None:
    """Return the file that annotations mean by a name, or `None`.

    The name is tried as it is stated in all folders, then with backslashes
    as separators, URL-decoded (`%20`), and as a path below the folders if it
    begins with a separator; at last without regard to Unicode normalization
    (files from macOS) and to the case of the extension. Folders that the name
    states are never left out, so that another file of the same name is not
    mistaken for it. Files outside the folders are found only if the name is
    an absolute path that exists, or leads there with `..`, and only inside
    the folders `within`.

    Args:
        folders: Sequence of paths, tried in this order.
        name: String, a relative or absolute path.
        within: Folders in which the file must be. Defaults to `None`: anywhere.

    Returns:
        The path of an existing file; `None` if there is none, or if several
        files match the name equally well and none exactly.
    """
    if len(name) > MAX_PATH:
        return None
    places = [
        (folder, spelling)
        for spelling in _spellings(name)
        for folder in folders
        if within is None or is_within(folder / spelling, within)
    ]
    for folder, spelling in places:
        if os.path.isfile(folder / spelling):
            return folder / spelling
    for folder, spelling in places:
        found = _find_similar(folder, spelling)
        if found is not None:
            return found
    return None


def is_within(path: PathLike, folders: Sequence[pathlib.Path]) -> bool:
    """Return whether a path leads into one of some folders.

    Links are not resolved: who has put them there wants them to be followed.
    """
    place = pathlib.Path(os.path.abspath(path))
    return any(place.is_relative_to(os.path.abspath(x)) for x in folders)


def normalize_name(name: str) -> str:
    """Return a name in NFC, by which names of files can be compared."""
    return unicodedata.normalize("NFC", name)


def _spellings(name: str) -> list[str]:
    """Forms of a stated name, the most literal first; none if it is empty."""
    slashed = name.replace("\\", "/")
    forms = [name, slashed, urllib.parse.unquote(slashed)]
    # Shares and servers write paths that begin at their own root.
    forms += [form.lstrip("/") for form in forms]
    return [form for form in dict.fromkeys(forms) if form]


def _find_similar(folder: pathlib.Path, spelling: str) -> pathlib.Path | None:
    """A file whose name differs in normalization or in its extension's case."""
    parts = pathlib.PurePosixPath(spelling).parts
    if not parts or parts[0] == "/" or len(parts) > MAX_PARTS:
        return None
    *parents, name = parts
    for parent in parents:
        if not os.path.isdir(folder / parent):
            same, _ = _similar_names(folder, parent)
            if len(same) != 1:
                return None
            parent = same[0]
        folder = folder / parent
    for names in _similar_names(folder, name):
        files = [folder / x for x in names if os.path.isfile(folder / x)]
        if files:
            return files[0] if len(files) == 1 else None
    return None


def _similar_names(
    folder: pathlib.Path, name: str
) -> tuple[list[str], tuple[str, ...]]:
    """Names equal after normalization, and those of another extension case."""
    try:
        # A changed folder has another time, and is listed again.
        changed = os.stat(folder).st_mtime_ns
        names = _names_by_key(folder, changed).get(loose_name(name), ())
    except (OSError, ValueError):
        return [], ()
    wanted = normalize_name(name)
    return [x for x in names if normalize_name(x) == wanted], names


@functools.lru_cache(maxsize=MAX_LISTINGS)
def _names_by_key(
    folder: pathlib.Path, changed: int
) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(os.listdir(folder)):
        key = loose_name(name)
        found[key] = (*found.get(key, ()), name)
    return found


def loose_name(name: str) -> str:
    """Return a name in NFC with its ending in lower case."""
    stem, ending = os.path.splitext(normalize_name(name))
    return stem + ending.lower()


def list_folder(folder: PathLike) -> tuple[list[str], list[str]]:
    """Return the names of the subfolders and files, without hidden ones."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(os.fspath(folder)) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                (folders if _is_folder(entry) else files).append(entry.name)
    return sorted(folders), sorted(files)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, which cannot be read as a file either
        return False


def describe_folder(path: pathlib.Path) -> str:
    """Return the contents of a folder as text for an error message."""
    if not path.is_dir():
        return f"the file {path.name!r}" if path.exists() else "nothing"
    folders, files = list_folder(path)
    if not folders and not files:
        return "an empty folder"
    return f"folders {listed(folders)}; files {listed(files)}"


def files_to_depth(
    folder: pathlib.Path, depth: int, ending: str | tuple[str, ...]
) -> list[pathlib.Path]:
    """Return the files of a folder and its subfolders that end so.

    Args:
        folder: Path of an existing folder.
        depth: Integer, levels of subfolders; links to folders are followed.
        ending: String or tuple of strings, lower case.

    Returns:
        A list of paths: those of the folder, then of each subfolder, sorted.
    """
    return [
        place / name
        for place, names in _walk(folder, depth)
        for name in names
        if name.lower().endswith(ending)
    ]


def endings_to_depth(folder: pathlib.Path, depth: int) -> set[str]:
    """Return the extensions of all files of a folder and its subfolders.

    Args:
        folder: Path of an existing folder.
        depth: Integer, levels of subfolders; links to folders are followed.

    Returns:
        A set of strings such as `".json"`, lower case.
    """
    return {
        os.path.splitext(name)[1].lower()
        for _, names in _walk(folder, depth)
        for name in names
    }


def _walk(
    folder: pathlib.Path, depth: int, above: frozenset[tuple[int, int]] = NONE
) -> Iterator[tuple[pathlib.Path, list[str]]]:
    found = os.stat(folder)
    place = found.st_dev, found.st_ino
    if place in above:  # a link to a folder that contains it
        return
    folders, files = list_folder(folder)
    yield folder, files
    for name in folders if depth > 0 else ():
        yield from _walk(folder / name, depth - 1, above | {place})


def files_below(folder: PathLike) -> list[str]:
    """Return the sorted paths of all files below a folder; `[]` if missing.

    Links to folders are not followed, because they may form a circle, except
    for `folder` itself.
    """
    return sorted(_paths_below(folder))


def has_images(folder: PathLike) -> bool:
    """Return whether there is an image below a folder; stops at the first."""
    return any(map(is_image, _paths_below(folder)))


def _paths_below(folder: PathLike) -> Iterator[str]:
    for parent, folders, files in os.walk(os.fspath(folder)):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                yield os.path.join(parent, name)


def files_with_ending(
    folder: pathlib.Path, ending: str | tuple[str, ...]
) -> list[pathlib.Path]:
    """Return the files of a folder that end so; `[]` if it is missing."""
    if not folder.is_dir():
        return []
    names = list_folder(folder)[1]
    return [folder / name for name in names if name.lower().endswith(ending)]


def open_file(path: PathLike) -> BinaryIO:
    """Open a file for reading.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is a pipe or a device, which may wait forever.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ValueError(
            f"{os.fspath(path)} is a pipe or a device, not a file. Remove it, "
            "or copy its contents to a file."
        )
    return open(path, "rb")


def read_text(path: pathlib.Path) -> str:
    """Return the text of a UTF-8 file.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not UTF-8 text, or no regular file.
    """
    with open_file(path) as file:
        data = file.read()
    try:
        # As Python reads text: with the ends of lines of any system.
        text = data.decode("utf-8-sig")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as e:
        raise ValueError(f"{path} is not UTF-8 text: {e}") from e
