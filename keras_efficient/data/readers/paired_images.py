"""The image that an annotation file belongs to."""

import collections
import filecmp
import pathlib
import urllib.parse
from collections.abc import Iterable
from collections.abc import Sequence

from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.folder_names import is_generic
from keras_efficient.data.readers.folder_names import is_of_masks
from keras_efficient.data.readers.folder_names import is_split_name
from keras_efficient.data.readers.folder_names import num_equal_at_end
from keras_efficient.data.readers.folder_names import plain_name
from keras_efficient.data.readers.folder_names import telling_parts
from keras_efficient.data.readers.paired_files import AnnotationFile

# Levels of subfolders with images.
DEPTH = 6
# Folders of the images, the usual one first.
IMAGE_FOLDERS = ("JPEGImages", "images", "Images", "img", "")


class PairedImageFinder:
    """Finds the images of annotation files.

    An image belongs to the annotation file of the same name in the
    corresponding folder: `images/train/a.jpg` or `train/a.jpg` to
    `annotations/train/a.xml`.
    Images in other folders are only considered if they have no annotation file
    of their own.

    Args:
        listing: A `FolderListing` of the dataset.
        files: Paths of all annotation files of the dataset, not only of the
            split.
        images: Folder of the images, or `None` for all folders in the dataset.
    """

    def __init__(
        self,
        listing: FolderListing,
        files: Sequence[pathlib.Path],
        images: pathlib.Path | None = None,
    ):
        self._listing = listing
        self._root = listing.root
        self._is_given = images is not None
        self._place = images or listing.root
        self._parts: dict[pathlib.Path, tuple[str, ...]] = {}
        self._by_stem: dict[str, list[pathlib.Path]] = {}
        for path in self._images():
            self._by_stem.setdefault(plain_name(path.stem), []).append(path)
        self._taken = {
            (self._parts_of(x), name) for x in files for name in _own_names(x)
        }
        self._file_names = {name for _, name in self._taken}
        self._image_parts = {
            self._parts_of(path)
            for paths in self._by_stem.values()
            for path in paths
        }

    def _images(self) -> list[pathlib.Path]:
        found = self._listing.files_to_depth(DEPTH, EXTENSIONS, self._place)
        if not found and not self._is_given and is_generic(self._root.name):
            # The folder of the annotations was passed, not the dataset's.
            self._place = self._root.parent
            folders = (self._place / name for name in IMAGE_FOLDERS)
            found = [
                x for y in folders for x in self._listing.files(y, EXTENSIONS)
            ]
        return [x for x in found if not any(map(is_of_masks, self._above(x)))]

    def _above(self, image: pathlib.Path) -> tuple[str, ...]:
        """Names of the folders of an image inside the dataset."""
        return image.relative_to(self._place).parts[:-1]

    def _parts_of(self, path: pathlib.Path) -> tuple[str, ...]:
        """The telling names of the folder of a file."""
        folder = path.parent
        if folder not in self._parts:
            is_inside = folder.is_relative_to(self._place)
            base = self._place if is_inside else self._root
            names = telling_parts(folder.relative_to(base))
            self._parts[folder] = tuple(map(plain_name, names))
        return self._parts[folder]

    def find(
        self, path: pathlib.Path, content: AnnotationFile
    ) -> tuple[pathlib.Path | None, bool]:
        """Return the image of a file, and whether it is a clear choice.

        Args:
            path: Path of the annotation file.
            content: Its contents.

        Returns:
            A pair of the path of the image, `None` if there is none, and a
            boolean: `False` if several images fit, in different folders or
            with different endings, and the contents do not decide.
        """
        stem = path.stem
        stated = content.image_name.replace("\\", "/").rpartition("/")[2]
        for name in (stem, stated, urllib.parse.unquote(stated)):
            found = self._named(name, path)
            if name == stem:
                exact = [x for x in found if x.stem == stem or x.name == stem]
                found = exact or found
            if found:
                return self._choose(found, stated, content)
        return None, True

    def other_image(self, content: AnnotationFile, image: pathlib.Path) -> bool:
        """Return whether the contents name an existing image, but another."""
        stated = content.image_name.replace("\\", "/").rpartition("/")[2]
        known = self._by_stem.get(plain_name(pathlib.PurePath(stated).stem))
        is_same = plain_name(stated).startswith(plain_name(image.stem))
        return bool(known) and is_image(stated) and not is_same

    def expected(
        self, path: pathlib.Path, content: AnnotationFile
    ) -> pathlib.Path:
        """Return where the image of a file should be, for messages."""
        ending = pathlib.PureWindowsPath(content.image_name).suffix
        ending = ending if ending.lower() in EXTENSIONS else ".jpg"
        folders = collections.Counter(
            image.parent
            for images in self._by_stem.values()
            for image in images
            if self._parts_of(image) == self._parts_of(path)
        )
        folder = path.parent
        if folders:
            folder = folders.most_common(1)[0][0]
        elif self._is_given:
            folder = self._place
        return folder / f"{path.stem}{ending}"

    def without_file(
        self, folders: Iterable[pathlib.Path], used: set[pathlib.Path]
    ) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
        """Return the images of a split that no annotation file belongs to.

        Args:
            folders: Folders of the annotation files of the split.
            used: The images that belong to one.

        Returns:
            A pair of lists: images without a file of their name, and images
            beside a used one of the same name, with another ending.
        """
        own_parts = {self._parts_of(folder / "x") for folder in folders}
        used_folders = {path.parent for path in used}
        used_names = {(path.parent, plain_name(path.stem)) for path in used}
        missing, beside = [], []
        for stem, paths in sorted(self._by_stem.items()):
            for path in paths:
                if path in used:
                    continue
                is_own = self._parts_of(path) in own_parts
                key = (self._parts_of(path), stem)
                if (path.parent, stem) in used_names:
                    beside.append(path)
                elif (is_own and key not in self._taken) or (
                    path.parent in used_folders and stem not in self._file_names
                ):
                    missing.append(path)
        return missing, beside

    def _named(self, name: str, path: pathlib.Path) -> list[pathlib.Path]:
        """Images of a name, with or without its ending, in the best folders."""
        found = list(self._by_stem.get(plain_name(name), ()))
        if is_image(name):
            inner = plain_name(pathlib.PurePath(name).stem)
            same = self._by_stem.get(inner, ())
            found = [x for x in same if plain_name(x.name) == plain_name(name)]
            found = found or (list(same) if name != path.stem else [])
        ranks = {image: self._rank(image, path) for image in found}
        best = min((x for x in ranks.values() if x is not None), default=None)
        return [x for x in found if ranks[x] == best and best is not None]

    def _rank(self, image: pathlib.Path, path: pathlib.Path) -> int | None:
        """0 for the corresponding folder, `None` if it cannot belong to it."""
        own, other = self._parts_of(path), self._parts_of(image)
        if own == other:
            stem = plain_name(image.stem)
            is_taken = (other, stem) in self._taken
            return None if is_taken and stem not in _own_names(path) else 0
        splits = [set(filter(is_split_name, x)) for x in (own, other)]
        if (other, plain_name(image.stem)) in self._taken or (
            all(splits) and splits[0] != splits[1]
        ):
            return None
        # Copies of a lost image, such as resized ones, do not replace it.
        is_elsewhere = own in self._image_parts and not self._is_given
        if set(own) <= set(other) or set(other) <= set(own):
            is_usual = any(map(is_generic, self._above(image)))
            return None if is_elsewhere and not is_usual else 1
        return None if is_elsewhere else 2

    def _choose(
        self,
        found: Sequence[pathlib.Path],
        stated: str,
        content: AnnotationFile,
    ) -> tuple[pathlib.Path, bool]:
        """One of several images that fit equally well, if that is clear."""
        names = [plain_name(path.name) for path in found]
        if plain_name(stated) in names:
            found = [
                path
                for path, name in zip(found, names, strict=True)
                if name == plain_name(stated)
            ]
        if len(found) > 1:
            folders = f"{content.image_folder}/{content.image_name}"
            told = folders.replace("\\", "/").split("/")
            told = [plain_name(x) for x in told[:-1] if x]
            scores = [
                num_equal_at_end(told, map(plain_name, path.parent.parts))
                for path in found
            ]
            found = [
                path
                for path, score in zip(found, scores, strict=True)
                if score == max(scores)
            ]
        first = found[0]
        is_clear = all(
            filecmp.cmp(first, other, shallow=False) for other in found[1:]
        )
        return first, is_clear


def _own_names(path: pathlib.Path) -> set[str]:
    """Names of the images of a file: those of "a.jpg.xml" too."""
    name = pathlib.PurePath(path.stem)
    return {
        plain_name(x)
        for x in (name.name, name.stem)
        if x == name.name or is_image(name.name)
    }
