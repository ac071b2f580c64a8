"""The names in the folders of a dataset."""

import os
import pathlib
from collections.abc import Iterator

from keras_efficient.data.readers.files import is_image
from keras_efficient.data.records import listed
from keras_efficient.types import PathLike

NONE: frozenset[tuple[int, int]] = frozenset()


class FolderListing:
    """The names in the folders of a dataset, each folder read once.

    All readers that are asked about a dataset share one listing, so that a
    dataset on a network drive is listed once and not once for each layout.
    Files that are added later are not seen. Hidden files and folders, whose
    names begin with a period, are left out.

    Args:
        source: Path of an existing folder or file.

    Attributes:
        source: The same path.
        is_file: Whether it is a file.
        root: The folder, or the folder of the file.
    """

    def __init__(self, source: PathLike) -> None:
        self.source = pathlib.Path(source)
        self.is_file = self.source.is_file()
        self.root = self.source.parent if self.is_file else self.source
        self._read: dict[str, tuple[list[str], list[str]]] = {}

    def names(
        self, folder: PathLike | None = None
    ) -> tuple[list[str], list[str]]:
        """Return the sorted names of the subfolders and files of a folder.

        Args:
            folder: Path of a folder; both lists are empty if it does not
                exist. Defaults to `None`: `root`.

        Raises:
            OSError: If the folder cannot be read.
        """
        key = os.fspath(self.root if folder is None else folder)
        if key not in self._read:
            is_there = os.path.isdir(key)
            self._read[key] = list_folder(key) if is_there else ([], [])
        return self._read[key]

    def folders(self, folder: PathLike | None = None) -> list[str]:
        """Return the sorted names of the subfolders of a folder."""
        return self.names(folder)[0]

    def files(
        self, folder: pathlib.Path, ending: str | tuple[str, ...] = ""
    ) -> list[pathlib.Path]:
        """Return the files of a folder that end so.

        Args:
            folder: Path of a folder, which may not exist.
            ending: String or tuple of strings, lower case.

        Returns:
            A sorted list of paths.
        """
        names = self.names(folder)[1]
        return [folder / x for x in names if x.lower().endswith(ending)]

    def files_to_depth(
        self,
        depth: int,
        ending: str | tuple[str, ...] = "",
        folder: pathlib.Path | None = None,
    ) -> list[pathlib.Path]:
        """Return the files of a folder and its subfolders that end so.

        Args:
            depth: Integer, levels of subfolders; links to folders are
                followed.
            ending: String or tuple of strings, lower case. Defaults to all
                files.
            folder: Path of a folder. Defaults to `None`: `root`.

        Returns:
            A list of paths: those of the folder, then of each subfolder,
            sorted.
        """
        return [
            path
            for place in self._walk(folder or self.root, depth)
            for path in self.files(place, ending)
        ]

    def endings_to_depth(self, depth: int) -> set[str]:
        """Return the extensions of all files of `root` and its subfolders.

        Args:
            depth: Integer, levels of subfolders; links to folders are
                followed.

        Returns:
            A set of strings such as `".json"`, lower case.
        """
        return {
            os.path.splitext(name)[1].lower()
            for place in self._walk(self.root, depth)
            for name in self.names(place)[1]
        }

    def _walk(
        self,
        folder: pathlib.Path,
        depth: int,
        above: frozenset[tuple[int, int]] = NONE,
    ) -> Iterator[pathlib.Path]:
        if not os.path.isdir(folder):
            return
        found = os.stat(folder)
        place = found.st_dev, found.st_ino
        if place in above:  # a link to a folder that contains it
            return
        yield folder
        for name in self.folders(folder) if depth > 0 else ():
            yield from self._walk(folder / name, depth - 1, above | {place})

    def folders_below(self, folder: PathLike) -> Iterator[str]:
        """Yield a folder and all folders below it.

        Links to folders are not followed, because they may form a circle,
        except for `folder` itself. Folders that cannot be read are left out.
        """
        place = os.fspath(folder)
        try:
            names = self.folders(place)
        except OSError:
            return
        yield place
        for name in names:
            inner = os.path.join(place, name)
            if not os.path.islink(inner):
                yield from self.folders_below(inner)

    def files_below(
        self, folder: PathLike, ending: str | tuple[str, ...] = ""
    ) -> list[pathlib.Path]:
        """Return the files of a folder and of all folders below it.

        Args:
            folder: Path of a folder, which may not exist.
            ending: String or tuple of strings, lower case.

        Returns:
            A list of paths, sorted as strings.
        """
        paths = [
            os.path.join(place, name)
            for place in self.folders_below(folder)
            for name in self.names(place)[1]
            if name.lower().endswith(ending)
        ]
        return list(map(pathlib.Path, sorted(paths)))

    def has_images(self, folder: PathLike) -> bool:
        """Return whether there is an image in a folder or below it."""
        return any(
            any(map(is_image, self.names(place)[1]))
            for place in self.folders_below(folder)
        )


def list_folder(folder: PathLike) -> tuple[list[str], list[str]]:
    """Return the names of the subfolders and files, without hidden ones.

    Raises:
        OSError: If the folder does not exist or cannot be read.
    """
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
