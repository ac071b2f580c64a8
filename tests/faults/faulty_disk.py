"""A folder whose process is killed, or whose disk fails, at any write.

Python announces every opening, renaming and removal of a file to its audit
hooks. `FaultyDisk` counts those below a folder. At a chosen one it stops the
program as a kill would: from then on nothing changes in the folder any more,
not even by the clean-up of the program.

A power cut also loses what was not written to the disk by `fsync`: files that
were not synchronized are cut to a random part, and renames and removals in a
folder that was not synchronized afterwards are undone.

With "kill -9" the system ends the process, which must be a child of the test.
A "read-only disk" refuses every change from the write on, as Linux does after
an error of the disk.
"""

import contextlib
import errno
import os
import pathlib
import secrets
import signal
import sys

KILL = "kill -9"
MODES = ("kill", "power cut", "full disk", "read-only disk", KILL)
_ERRORS = {"full disk": errno.ENOSPC, "read-only disk": errno.EROFS}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_active = []


class Stopped(BaseException):
    """The process has been killed, or the power cut."""


def _hook(event, arguments):
    if _active and event in _PATHS:
        _active[-1].event(event, arguments)


# Positions of the paths in the arguments of each event.
_PATHS = {
    "open": (0,),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.truncate": (0,),
}
sys.addaudithook(_hook)


class FaultyDisk:
    """Counts the writes below a folder, and fails at one of them.

    Args:
        root: Path of the folder.
        fail_at: Number of the write, from 1. Defaults to 0: none fails.
        mode: One of `MODES`.
        rng: `random.Random` for the sizes of cut files.
    """

    def __init__(self, root, fail_at=0, mode="kill", rng=None):
        self.root = pathlib.Path(root).resolve()
        self.fail_at = fail_at
        self.mode = mode
        self.rng = rng
        self.count = 0
        self._is_stopped = False
        self._kept = self.root.with_name(f"{self.root.name}.kept")
        self._synced = {}  # size and time of files by inode
        # Changes since the last synchronization of their folder.
        self._renames = []
        self._removals = []

    @property
    def has_failed(self):
        return 0 < self.fail_at <= self.count

    @contextlib.contextmanager
    def watched(self):
        """Count and fail during the block; `Stopped` ends there."""
        self._kept.mkdir(exist_ok=True)
        for path in self.root.rglob("*"):
            status = path.stat()
            self._synced[status.st_ino] = _version(status)
        fsync = os.fsync

        def synced(descriptor):
            if self._is_stopped:
                raise OSError(errno.EIO, "no power")
            fsync(descriptor)
            self._note_sync(descriptor)

        os.fsync = synced
        _active.append(self)
        try:
            yield self
        except Stopped:
            pass
        finally:
            _active.pop()
            os.fsync = fsync
            if self.mode == "power cut" and self._is_stopped:
                self._lose()

    def event(self, name, arguments):
        paths = [_path(arguments[i]) for i in _PATHS[name]]
        inside = [x for x in paths if x is not None and self._contains(x)]
        if not inside or (name == "open" and not _writes(arguments)):
            return
        if self._is_stopped:
            # An `OSError`, which clean-up ignores.
            raise OSError(errno.EIO, "the process was killed")
        self.count += 1
        if self.mode in _ERRORS:
            grows = name in ("open", "os.mkdir")
            if self.has_failed and (grows or self.mode == "read-only disk"):
                number = _ERRORS[self.mode]
                raise OSError(number, os.strerror(number))
        elif self.has_failed:
            if self.mode == KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            self._is_stopped = True
            raise Stopped
        self._journal(name, paths)

    def _contains(self, path):
        return self.root == path or self.root in path.parents

    def _journal(self, name, paths):
        if self.mode != "power cut":
            return
        _active.pop()
        try:
            if name == "os.rename":
                self._renames.append((*paths, self._keep(paths[1])))
            elif name == "os.remove":
                self._removals.append((paths[0], self._keep(paths[0])))
        finally:
            _active.append(self)

    def _keep(self, path):
        """Keep the content of a file that is replaced or removed."""
        if not path.is_file():
            return None
        kept = self._kept / secrets.token_hex(8)
        os.link(path, kept)
        return kept

    def _note_sync(self, descriptor):
        path = pathlib.Path(f"/proc/self/fd/{descriptor}").resolve()
        status = os.fstat(descriptor)
        self._synced[status.st_ino] = _version(status)
        # A folder: its names are on the disk now.
        self._renames = [x for x in self._renames if x[1].parent != path]
        self._removals = [x for x in self._removals if x[0].parent != path]

    def _lose(self):
        for source, target, kept in reversed(self._renames):
            if not target.exists() or self.rng.random() < 0.5:
                continue  # The disk had written it by itself.
            if source.parent.is_dir():
                target.rename(source)
            elif target.is_file():
                target.unlink()
            if kept is not None:
                os.link(kept, target)
        for path, kept in self._removals:
            is_lost = kept is not None and path.parent.is_dir()
            if is_lost and not path.exists() and self.rng.random() < 0.5:
                os.link(kept, path)
        for path in self.root.rglob("*"):
            status = path.stat()
            known = self._synced.get(status.st_ino)
            if path.is_file() and known != _version(status):
                os.truncate(path, self.rng.randint(0, status.st_size))


def _version(status):
    return status.st_size, status.st_mtime_ns


def _path(value):
    if isinstance(value, int) or value is None:
        return None
    return pathlib.Path(os.path.abspath(os.fsdecode(value)))


def _writes(arguments):
    _, mode, flags = arguments
    if isinstance(mode, str):
        return not set(mode).isdisjoint("wax+")
    return bool((flags or 0) & _WRITES)
