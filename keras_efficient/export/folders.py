"""Folders and files that are there whole or not at all."""

import contextlib
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator


@contextlib.contextmanager
def new_folder(path: str | os.PathLike, overwrite: bool = False):
    """Gives a folder to fill, which takes its name when all went well.

    It is made beside `path` under a hidden name; on an error it goes again.
    What lay at `path` before stays until then.

    Args:
        path: Where the folder is to be. The folders above it are made.
        overwrite: Boolean, whether to replace a folder that is not empty.
            Defaults to `False`.

    Returns:
        A context manager that gives the `pathlib.Path` to write into.

    Raises:
        FileExistsError: If there is a file, or a folder that is not empty and
            `overwrite` is `False`.

    Example:
    >>> import pathlib, tempfile
    >>> from keras_efficient.export.folders import new_folder
    >>> path = pathlib.Path(tempfile.mkdtemp(), "flowers", "1")
    >>> with new_folder(path) as folder:
    ...     _ = (folder / "a.txt").write_text("a")
    >>> [file.name for file in path.iterdir()]
    ['a.txt']
    """
    # Through a link to the folder it stands for, which can be replaced.
    path = pathlib.Path(os.path.realpath(path))
    _check_target(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    # With the rights of any other folder, unlike those of `tempfile`.
    folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    folder.mkdir()
    try:
        yield folder
        _check_target(path, overwrite)
        _move(folder, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def new_file(path: str | os.PathLike, overwrite: bool = False):
    """Gives the path of a file to write, which takes its name in the end.

    Args:
        path: Where the file is to be. The folders above it are made.
        overwrite: Boolean, whether to replace a file. Defaults to `False`.

    Returns:
        A context manager that gives the `pathlib.Path` to write.

    Raises:
        FileExistsError: If there is a folder, or a file and `overwrite` is
            `False`.
    """
    path = pathlib.Path(os.path.realpath(path))
    _check_file(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    folder.mkdir()
    try:
        yield folder / path.name
        _check_file(path, overwrite)
        (folder / path.name).replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_file(path: pathlib.Path, overwrite: bool) -> None:
    if path.is_dir():
        raise FileExistsError(f"{path} is a folder, not a file.")
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"The file {path} is there already. Pass `overwrite=True` to "
            "replace it, or choose another name."
        )


def _check_target(path: pathlib.Path, overwrite: bool) -> None:
    if path.exists() and not path.is_dir():
        raise FileExistsError(f"{path} is a file, not a folder.")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise FileExistsError(
            f"The folder {path} is not empty. Pass `overwrite=True` to "
            "replace it, or choose another one, such as the next version: "
            f"{path.with_name(_next_name(path.name))}"
        )


def _next_name(name: str) -> str:
    return str(int(name) + 1) if name.isdecimal() else f"{name}-2"


def _move(folder: pathlib.Path, path: pathlib.Path) -> None:
    """Puts `folder` at `path`; on failure, what was there comes back."""
    if not path.exists():
        folder.rename(path)
        return
    with _set_aside(path):
        folder.rename(path)


@contextlib.contextmanager
def _set_aside(path: pathlib.Path) -> Iterator[None]:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
    path.rename(aside)
    try:
        yield
    except BaseException:
        aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)
