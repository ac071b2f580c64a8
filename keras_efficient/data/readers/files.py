"""Folders, image files and text files."""

import os
import pathlib
from collections.abc import Iterator

from keras_efficient.data.records import listed
from keras_efficient.types import PathLike

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")


def is_image(path: PathLike) -> bool:
    """Return whether a file has the extension of an image."""
    return os.fspath(path).lower().endswith(EXTENSIONS)


def list_folder(folder: PathLike) -> tuple[list[str], list[str]]:
    """Return the names of the subfolders and files, without hidden ones."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(os.fspath(folder)) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                (folders if entry.is_dir() else files).append(entry.name)
    return sorted(folders), sorted(files)


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
    folder: pathlib.Path, depth: int
) -> Iterator[tuple[pathlib.Path, list[str]]]:
    folders, files = list_folder(folder)
    yield folder, files
    for name in folders if depth > 0 else ():
        yield from _walk(folder / name, depth - 1)


def files_below(folder: PathLike) -> list[str]:
    """Return the sorted paths of all files below a folder; `[]` if missing.

    Links to folders are not followed, because they may form a circle, except
    for `folder` itself.
    """
    paths: list[str] = []
    for parent, folders, files in os.walk(os.fspath(folder)):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [
            os.path.join(parent, name)
            for name in files
            if not name.startswith(".")
        ]
    return sorted(paths)


def files_with_ending(
    folder: pathlib.Path, ending: str | tuple[str, ...]
) -> list[pathlib.Path]:
    """Return the files of a folder that end so; `[]` if it is missing."""
    if not folder.is_dir():
        return []
    names = list_folder(folder)[1]
    return [folder / name for name in names if name.lower().endswith(ending)]


def read_text(path: pathlib.Path) -> str:
    """Return the text of a UTF-8 file.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise ValueError(f"{path} is not UTF-8 text: {e}") from e
