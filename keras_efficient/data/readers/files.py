"""Files of images, and those beside them."""

import os
import pathlib

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")


def is_image(path: str | os.PathLike) -> bool:
    """Whether a file is named as an image."""
    return os.fspath(path).lower().endswith(EXTENSIONS)


def list_folder(folder: str | os.PathLike) -> tuple[list[str], list[str]]:
    """Names of the folders and of the files in a folder; no hidden ones."""
    folders, files = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                (folders if entry.is_dir() else files).append(entry.name)
    return sorted(folders), sorted(files)


def files_below(folder: str | os.PathLike) -> list[str]:
    """Paths of all files below a folder, sorted; none where it is missing.

    Links to folders count for the folder itself, not below it, where they
    might lead in a circle.
    """
    paths = []
    for parent, folders, files in os.walk(folder):
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
    """Paths of the files in a folder that end so; none where it is missing."""
    if not folder.is_dir():
        return []
    names = list_folder(folder)[1]
    return [folder / name for name in names if name.lower().endswith(ending)]


def read_text(path: pathlib.Path) -> str:
    """The text of a file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no text in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise ValueError(f"{path} is no text in UTF-8: {e}") from e
