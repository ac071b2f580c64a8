"""Folders, image files and text files."""

import functools
import os
import pathlib
import stat
import unicodedata
import urllib.parse
from collections.abc import Mapping
from collections.abc import Sequence
from typing import BinaryIO

from keras_efficient.data.image_formats import EXTENSIONS
from keras_efficient.types import PathLike

# Characters of the longest path that an operating system accepts.
MAX_PATH = 4096
# Last parts of a stated path that are searched for.
MAX_PARTS = 32
# Listings of folders kept in memory for names that are not found directly.
MAX_LISTINGS = 256


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
