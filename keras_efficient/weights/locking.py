"""One process at a time."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows: downloads there are not guarded.
    fcntl = None


@contextlib.contextmanager
def locked(path: pathlib.Path) -> Iterator[None]:
    """Holds the lock of a file, waiting for whoever holds it.

    The lock is a file of its own, which goes when the last holder leaves.

    Args:
        path: The file to guard; it need not exist.

    Yields:
        Nothing.

    Returns:
        A context manager.

    Example:
    >>> import pathlib, tempfile
    >>> from keras_efficient.weights.locking import locked
    >>> with locked(pathlib.Path(tempfile.mkdtemp(), "a.h5")):
    ...     pass
    """
    if fcntl is None:
        yield
        return
    lock_path = path.with_name(f".{path.name}.lock")
    file = _acquire(lock_path)
    try:
        yield
    finally:
        # Unlinked while held: whoever waits sees that its file is gone.
        lock_path.unlink(missing_ok=True)
        os.close(file)


def _acquire(lock_path: pathlib.Path) -> int:
    while True:
        file = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(file, fcntl.LOCK_EX)
        if _is_at(file, lock_path):
            return file
        os.close(file)


def _is_at(file: int, path: pathlib.Path) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(file), there)
