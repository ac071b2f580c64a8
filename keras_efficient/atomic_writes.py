"""Write files and folders so that readers never see a partial result.

Every writer works on a temporary name beside the target, writes it to the disk
(`fsync`) and renames it at the end, so that a power cut leaves the old or the
new content. On an error or an interrupt the temporary name is removed and
whatever the target held before is left unchanged.

A process that is killed leaves its hidden workspace, `.<name>.<8 digits>.tmp`,
beside the target. The next writer of the same name removes it; that of a
process that is still running is locked and stays. Where the system cannot
exchange two folders in one step (Linux can), replacing a folder takes two
renames. If the process is killed between them, the old folder is in the
workspace, and the next writer, or `restore_folder`, moves it back.
"""

import contextlib
import ctypes
import errno
import os
import pathlib
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Longest wait for a process that renames folders, which takes milliseconds.
LOCK_SECONDS = 10.0
# Temporary folders of this process, which are locked as long as they exist.
_own_workspaces: set[pathlib.Path] = set()
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


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
    restore_folder(path)
    _check_folder(path, overwrite)
    with _workspace(path) as workspace:
        folder = workspace / path.name
        folder.mkdir()
        yield folder
        _sync_all(folder)
        with _locked(path.parent):
            _check_folder(path, overwrite)
            _move_folder(folder, path)


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
    with _workspace(path) as workspace:
        yield workspace / path.name
        _sync(workspace / path.name)
        with _locked(path.parent):
            _check_file(path, overwrite)
            (workspace / path.name).replace(path)
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


def restore_folder(path: str | os.PathLike[str]) -> None:
    """Finish what processes that were killed while they wrote `path` began.

    An old folder that was moved away and not yet replaced is moved back;
    their temporary files are removed.

    Args:
        path: Folder that may be missing.

    Example:
    >>> from keras_efficient.atomic_writes import restore_folder
    >>> restore_folder("no such folder/1")
    """
    path = pathlib.Path(os.path.realpath(path))
    if path.parent.is_dir():
        with _locked(path.parent):
            _finish_interrupted(path)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Finish what killed processes began to write in a folder.

    As `restore_folder`, for all names.

    Args:
        folder: Folder that may be missing.

    Example:
    >>> from keras_efficient.atomic_writes import remove_leftovers
    >>> remove_leftovers("no such folder")
    """
    folder = pathlib.Path(os.path.realpath(folder))
    if not folder.is_dir():
        return
    names = [x.name for x in folder.iterdir()]
    found = (re.fullmatch(r"\.(.+)\.[0-9a-f]{8}\.tmp", x) for x in names)
    for name in {x[1] for x in found if x}:
        restore_folder(folder / name)


@contextlib.contextmanager
def _workspace(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yield a new locked folder beside `path`, on the same file system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    workspace = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    lock = None
    try:
        with _locked(path.parent):
            _finish_interrupted(path)
            workspace.mkdir()  # with usual permissions, unlike `tempfile`
            lock = _lock(workspace)
            _own_workspaces.add(workspace)
        yield workspace
    finally:
        _own_workspaces.discard(workspace)
        try:
            with _locked(path.parent):
                is_done = _finish(workspace, path)
            if is_done:
                shutil.rmtree(workspace, ignore_errors=True)
        finally:
            if lock is not None:
                os.close(lock)


def _finish_interrupted(path: pathlib.Path) -> None:
    """Finish the work of dead processes; the parent folder is locked."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.tmp")
    with os.scandir(path.parent) as entries:
        names = [x.name for x in entries if pattern.fullmatch(x.name)]
    for name in names:
        workspace = path.with_name(name)
        lock = _lock(workspace)
        if lock is not None:
            # The system releases the lock of a process that has ended.
            if _finish(workspace, path):
                shutil.rmtree(workspace, ignore_errors=True)
            os.close(lock)
        elif fcntl is None:
            # Whether the process has ended is unknown: nothing is deleted.
            _restore(workspace, path)


def _finish(workspace: pathlib.Path, path: pathlib.Path) -> bool:
    """Return whether a workspace has nothing that must be kept."""
    if not _restore(workspace, path):
        return False
    old = _old_name(workspace, path)
    try:
        if os.path.lexists(old):
            # Under its name, a half-deleted folder would be moved back.
            os.rename(old, workspace / "discarded")
    except OSError:
        return False
    return True


def _restore(workspace: pathlib.Path, path: pathlib.Path) -> bool:
    """Move an old folder back if nothing has replaced it."""
    old = _old_name(workspace, path)
    is_missing = not os.path.lexists(path) or _is_empty_folder(path)
    if is_missing and os.path.lexists(old):
        try:
            os.rename(old, path)
            _sync(path.parent)
        except OSError:
            return False
    return True


def _old_name(workspace: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
    return workspace / f"{path.name}.replaced"


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    """Wait for other writers that rename files in a folder, if possible."""
    # A file in a workspace may be written atomically; that is locked already.
    lock = None if folder in _own_workspaces else _lock(folder, LOCK_SECONDS)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _lock(folder: pathlib.Path, seconds: float = 0.0) -> int | None:
    """Return a descriptor that locks a folder until it is closed.

    `None` if another process or thread has the lock after `seconds`, or if
    the file system has no locks.
    """
    if fcntl is None:
        return None
    end = time.monotonic() + seconds
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        descriptor = os.open(folder, flags)
    except OSError:
        return None
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() >= end:
                    break
                time.sleep(0.005)
            except OSError:
                break
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


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


def _is_empty_folder(path: pathlib.Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _check_folder(path: pathlib.Path, overwrite: bool) -> None:
    if path.exists() and not path.is_dir():
        raise FileExistsError(f"{path} is a file, not a folder.")
    if path.is_dir() and not _is_empty_folder(path) and not overwrite:
        raise FileExistsError(
            f"The folder {path} is not empty. Pass `overwrite=True` to "
            "replace it, or choose another one, such as the next version: "
            f"{path.with_name(_next_name(path.name))}"
        )


def _next_name(name: str) -> str:
    return str(int(name) + 1) if name.isdecimal() else f"{name}-2"


def _move_folder(folder: pathlib.Path, path: pathlib.Path) -> None:
    """Rename `folder`, which is in a workspace, to `path`.

    The workspace then contains the old folder. If this is interrupted between
    two renames, `_restore` moves it back.
    """
    workspace = folder.parent
    is_new = not path.exists()
    if is_new:
        os.rename(folder, path)
    elif not _exchange(folder, path):
        os.rename(path, _old_name(workspace, path))
        os.rename(folder, path)
    _sync(path.parent)
    if not is_new:
        _sync(workspace)  # before the old folder is deleted


def _exchange(first: pathlib.Path, second: pathlib.Path) -> bool:
    """Exchange two names in one step; return whether the system can do it."""
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "renameat2"):
        return False
    status = library.renameat2(
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(first)),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(second)),
        ctypes.c_uint(_RENAME_EXCHANGE),
    )
    return status == 0
