"""The files of a data set on a RAM disk, and what is opened elsewhere."""

import os
import pathlib
import shutil
import sys
import tempfile
from typing import Any

from tests.fuzz.mutations import Content
from tests.fuzz.mutations import Files
from tests.fuzz.mutations import Special

RAM_DISK = "/dev/shm"
# Files that annotations name and nobody asked for.
FOREIGN = ("/etc/passwd",)
WRITES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink")


class Workspace:
    """A folder of data set files, with a canary image beside it.

    Attributes:
        folder: Path of the data set.
    """

    def __init__(self, canary: bytes) -> None:
        base = RAM_DISK if os.path.isdir(RAM_DISK) else None
        self._root = pathlib.Path(tempfile.mkdtemp(prefix="fuzz_", dir=base))
        self.folder = self._root / "set"
        self.outside = self._root / "outside"
        self.temporary = self._root / "temporary"
        for place in (self.folder, self.outside, self.temporary):
            place.mkdir()
        (self.outside / "canary.png").write_bytes(canary)
        self._files: Files = {}

    def write(self, files: Files) -> None:
        """Make the folder contain these files and no others."""
        is_plain = not any(
            isinstance(x, Special)
            for x in (*files.values(), *self._files.values())
        )
        if not is_plain or set(files) != set(self._files):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            self._files = {}
        for name, content in files.items():
            if self._files.get(name) != content:
                self._write_one(name, content)
        self._files = dict(files)

    def clear_temporary(self) -> None:
        """Remove what the reader wrote to its temporary folder."""
        for path in self.temporary.iterdir():
            shutil.rmtree(path, ignore_errors=True)

    def remove(self) -> None:
        """Remove all files."""
        shutil.rmtree(self._root, ignore_errors=True)

    def _write_one(self, name: str, content: Content) -> None:
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            elif content is Special.DIRECTORY:
                path.mkdir()
            elif content is Special.LOOP:
                path.symlink_to(path.name)
            elif content is Special.DANGLING:
                path.symlink_to("nothing")
            elif content is Special.PIPE:
                os.mkfifo(path)
            else:
                path.symlink_to(self.folder)
        except OSError:  # a name that the disk refuses, or a file as a folder
            return


class Watch:
    """Records which files are opened outside a folder.

    Python offers no way to remove such a hook, so that there is one for all.
    """

    def __init__(self) -> None:
        self._workspace: Workspace | None = None
        self.found: list[str] = []
        self._is_hooked = False

    def start(self, workspace: Workspace) -> None:
        """Begin to record."""
        if not self._is_hooked:
            sys.addaudithook(self._hook)
            self._is_hooked = True
        self.found = []
        self._workspace = workspace

    def stop(self) -> None:
        """End to record."""
        self._workspace = None

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        workspace = self._workspace
        if workspace is None or (event != "open" and event not in WRITES):
            return
        path = arguments[0]
        if not isinstance(path, str | os.PathLike):
            return
        text = os.path.normpath(os.fspath(path))
        if event == "open":
            is_foreign = text in FOREIGN
            if text.startswith(str(workspace.outside)) or is_foreign:
                self.found.append(f"read {text}")
            flags = arguments[2] or 0
            if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        allowed = (str(workspace.temporary), "/dev/")
        is_own = text.startswith(str(workspace.folder.parent))
        if not text.startswith(allowed) or (
            is_own and not text.startswith(str(workspace.temporary))
        ):
            self.found.append(f"write {event} {text}")


WATCH = Watch()
