"""Write files and folders so that readers never see a partial result.

Every writer works on a temporary name beside the target, writes it to the disk
(`fsync`) and renames it at the end, so that a power cut leaves the old or the
new content. On an error or an interrupt the temporary name is removed and
whatever the target held before is left unchanged.
"""

import contextlib
import errno
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator


@contextlib.contextmanager
def atomic_folder(
    path: str | os.PathLike[str], overwrite: bool = False
) -> Iterator[pathlib.Path]:
    """Yield a temporary folder that is renamed to `path` on success.

    Args:
        path: Folder to create. Missing parent folders are created.
        overwrite: Boolean, whether to replace a folder that is not empty.
            Defaults to `False`.

    Yields:
        The `pathlib.Path` of the folder to write into.

    Raises:
        FileExistsError: If `path` is a file, or if it is a folder that is not
            empty and `overwrite` is `False`.

    Example:
    >>> import pathlib, tempfile
    >>> from keras_efficient.atomic_writes import atomic_folder
    >>> path = pathlib.Path(tempfile.mkdtemp(), "flowers", "1")
    >>> with atomic_folder(path) as folder:
    ...     _ = (folder / "a.txt").write_text("a")
    >>> [file.name for file in path.iterdir()]
    ['a.txt']
    """
    # Resolve links, so that the folder a link points to is replaced.
    path = pathlib.Path(os.path.realpath(path))
    _check_folder(path, overwrite)
    with _temporary_folder(path) as folder:
        yield folder
        _check_folder(path, overwrite)
        _sync_all(folder)
        _move_folder(folder, path)
        _sync(path.parent)


@contextlib.contextmanager
def atomic_file(
    path: str | os.PathLike[str], overwrite: bool = True
) -> Iterator[pathlib.Path]:
    """Yield a temporary path that is renamed to `path` on success.

    The temporary path has the file name of `path`, since several writers
    (`Model.save`, for instance) choose the format by the file name.

    Args:
        path: File to create. Missing parent folders are created.
        overwrite: Boolean, whether to replace an existing file. Defaults to
            `True`.

    Yields:
        The `pathlib.Path` to write to.

    Raises:
        FileExistsError: If `path` is a folder, or if it exists and
            `overwrite` is `False`.

    Example:
    >>> import pathlib, tempfile
    >>> from keras_efficient.atomic_writes import atomic_file
    >>> path = pathlib.Path(tempfile.mkdtemp(), "names.txt")
    >>> with atomic_file(path) as temporary:
    ...     _ = temporary.write_text("cat")
    >>> path.read_text()
    'cat'
    """
    path = pathlib.Path(os.path.realpath(path))
    _check_file(path, overwrite)
    with _temporary_folder(path) as folder:
        yield folder / path.name
        _check_file(path, overwrite)
        _sync(folder / path.name)
        (folder / path.name).replace(path)
        _sync(path.parent)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 text file atomically, replacing an existing one.

    Args:
        path: File to write. Missing parent folders are created.
        text: String to write.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_free_space(path: str | os.PathLike[str], size: int) -> None:
    """Raise an error if a file would not fit on its disk.

    Args:
        path: File to write. Its folder may be missing.
        size: Integer, bytes of the file.

    Raises:
        OSError: If less is free.
    """
    folder = pathlib.Path(os.path.realpath(path)).parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(
            errno.ENOSPC,
            f"{path} needs {size / 1e6:.1f} MB, and {free / 1e6:.1f} MB are "
            "free on its disk. Delete other files, or choose another folder",
        )


@contextlib.contextmanager
def _temporary_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yield a new folder beside `path`, on the same file system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Created by `mkdir`, with the usual permissions, unlike `tempfile`.
    folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync_all(folder: pathlib.Path) -> None:
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def _sync(path: pathlib.Path) -> None:
    """Write a file, or the names in a folder, from the cache to the disk.

    Without it, a power cut after the renaming can leave an empty file.
    """
    is_windows = os.name == "nt"
    if is_windows and path.is_dir():
        return  # Windows cannot open folders.
    descriptor = os.open(path, os.O_RDWR if is_windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems do not support it for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _check_file(path: pathlib.Path, overwrite: bool) -> None:
    if path.is_dir():
        raise FileExistsError(f"{path} is a folder, not a file.")
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"The file {path} exists already. Pass `overwrite=True` to "
            "replace it, or choose another name."
        )


def _check_folder(path: pathlib.Path, overwrite: bool) -> None:
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


def _move_folder(folder: pathlib.Path, path: pathlib.Path) -> None:
    """Rename `folder` to `path`; if that fails, restore the old folder."""
    if not path.exists():
        folder.rename(path)
        return
    old = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
    path.rename(old)
    try:
        folder.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
