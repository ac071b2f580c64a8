"""Search for the label file of each image of a YOLO dataset."""

import collections
import dataclasses
import os
import pathlib
import urllib.parse
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TypeAlias

from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import normalize_name
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.folder_names import IMAGE_WORDS
from keras_efficient.data.readers.upload_names import upload_name
from keras_efficient.data.readers.upload_names import without_upload_prefix
from keras_efficient.data.records import listed

# Names of folders beside those that all layouts have.
IMAGE_FOLDERS = IMAGE_WORDS | {"pics", "frames"}
LABEL_FOLDERS = frozenset(
    "txt txts yolo annos bboxes bbox boxes targets".split()
)
# Parts of other names of folders with labels.
LABEL_WORDS = ("label", "annot", "anns")
# Last parts of a path by which images and label files are matched.
MAX_TAIL = 3

# How a folder of labels follows from one of images: the kind of step, depths
# of the folders that were added and removed, and the name that was added.
Step: TypeAlias = tuple[str, int, int, str]


@dataclasses.dataclass
class LabelFiles:
    """Label files of images.

    Attributes:
        of_image: Dict from the path of an image to that of its label file, or
            `None` if it has none.
        without_image: Label files that belong to no image.
        uncertain: Dict from images that have no label file for certain to one
            that may be theirs.
        searched: Folders in which the label files were searched for.
    """

    of_image: dict[pathlib.Path, pathlib.Path | None]
    without_image: list[pathlib.Path]
    uncertain: dict[pathlib.Path, pathlib.Path]
    searched: list[pathlib.Path]


def is_image_folder(name: str) -> bool:
    """Return whether a folder usually contains images."""
    return name.lower() in IMAGE_FOLDERS


def is_label_folder(name: str) -> bool:
    """Return whether a folder usually contains label files."""
    low = name.lower()
    return low in LABEL_FOLDERS or any(word in low for word in LABEL_WORDS)


def find_labels(
    listing: FolderListing,
    images: Sequence[pathlib.Path],
    roots: Sequence[pathlib.Path],
    ignored: Collection[pathlib.Path] = (),
    ignored_names: Collection[str] = (),
) -> LabelFiles:
    """Find the label file of each image.

    A label file has the name of its image and lies beside it, or in the same
    place below a folder of labels: `labels/a/1.txt` for `images/a/1.jpg`. Of
    several such folders, the one that fits most images is used. If there is
    none for any image, files of the same name anywhere below the roots are
    used, provided that the name is that of one image and one file.

    Args:
        listing: A `FolderListing` of the dataset.
        images: Paths of the images.
        roots: Folders of the dataset, above the images.
        ignored: Text files that are not label files.
        ignored_names: Names of such files, in any folder.

    Returns:
        A `LabelFiles`.
    """
    search = _Search(listing, roots, ignored, ignored_names)
    of_image = search.mirrored(images)
    uncertain = _with_one_file(of_image)
    if images and not any(of_image.values()):
        texts, others = search.unclaimed_texts(), search.all_images()
        of_image = search.of_unique_name(images, texts, others)
        used = {path for path in of_image.values() if path is not None}
        known = {_tail(path, 1) for path in others} if used else set()
        orphans = [
            path
            for path in texts
            if path not in used and _tail(path, 1) not in known
        ]
    else:
        used = {path for path in of_image.values() if path is not None}
        orphans = search.orphans(used, images)
    missing = [image for image, text in of_image.items() if text is None]
    if missing and used:
        texts = [x for x in search.unclaimed_texts() if x not in used]
        by_name = {_tail(text, 1): text for text in texts}
        found = {image: by_name.get(_tail(image, 1)) for image in missing}
        uncertain.update({x: y for x, y in found.items() if y is not None})
    places = search.places_of(images)
    return LabelFiles(of_image, orphans, uncertain, places)


def find_labels_elsewhere(
    listing: FolderListing,
    images: Sequence[pathlib.Path],
    texts: Sequence[pathlib.Path],
) -> LabelFiles:
    """Find the label files of images in a folder of their own, by name.

    Args:
        listing: A `FolderListing` of the dataset.
        images: Paths of the images.
        texts: Paths of the label files.

    Returns:
        A `LabelFiles`.
    """
    search = _Search(listing, (), (), ())
    of_image = search.of_unique_name(images, texts, images)
    used = set(of_image.values())
    known = {_tail(path, 0) for path in images}
    orphans = [x for x in texts if x not in used and _tail(x, 0) not in known]
    by_name = {_tail(text, 0): text for text in texts if text not in used}
    uncertain = {
        image: by_name[_tail(image, 0)]
        for image, text in of_image.items()
        if text is None and _tail(image, 0) in by_name
    }
    places = list(dict.fromkeys(text.parent for text in texts))
    return LabelFiles(of_image, orphans, uncertain, places)


def _with_one_file(
    of_image: Mapping[pathlib.Path, pathlib.Path | None],
) -> dict[pathlib.Path, pathlib.Path]:
    """Images of several folders that have the same label file."""
    folders: dict[pathlib.Path, set[pathlib.Path]] = {}
    found = {x: text for x, text in of_image.items() if text is not None}
    for image, text in found.items():
        folders.setdefault(text, set()).add(image.parent)
    return {x: text for x, text in found.items() if len(folders[text]) > 1}


class _Search:
    """Label files below some folders."""

    def __init__(
        self,
        listing: FolderListing,
        roots: Sequence[pathlib.Path],
        ignored: Collection[pathlib.Path],
        ignored_names: Collection[str],
    ) -> None:
        self._listing = listing
        self._roots = tuple(roots)
        self._ignored = set(ignored)
        self._ignored_names = set(ignored_names)
        self._texts: dict[pathlib.Path, dict[str, pathlib.Path]] = {}
        self._steps: dict[pathlib.Path, list[tuple[Step, pathlib.Path]]] = {}
        self._folders: dict[pathlib.Path, list[str]] = {}

    def mirrored(
        self, images: Sequence[pathlib.Path]
    ) -> dict[pathlib.Path, pathlib.Path | None]:
        """Label files at the place that the path of the image implies."""
        members: dict[pathlib.Path, list[pathlib.Path]] = {}
        for image in images:
            members.setdefault(image.parent, []).append(image)
        votes: collections.Counter[Step] = collections.Counter()
        found: dict[pathlib.Path, list[tuple[Step, pathlib.Path]]] = {}
        for folder, own in members.items():
            places = [(x, self._texts_in(y)) for x, y in self.steps(folder)]
            for image in own:
                found[image] = [
                    (step, text)
                    for step, texts in places
                    if (text := _text_of(image.name, texts)) is not None
                ]
                votes.update(step for step, _ in found[image])

        def rank(step: Step) -> tuple[int, int]:
            return _rank_of_name(step), -votes[step]

        best = {step: rank(step) for step in votes}
        return {
            image: min(found[image], key=lambda x: best[x[0]])[1]
            if found[image]
            else None
            for image in images
        }

    def steps(self, folder: pathlib.Path) -> list[tuple[Step, pathlib.Path]]:
        """Folders that may contain the labels for a folder of images."""
        if folder in self._steps:
            return self._steps[folder]
        top = next(
            (x for x in self._roots if folder.is_relative_to(x)),
            _top_of(folder),
        )
        parts = folder.relative_to(top).parts
        found: list[tuple[Step, pathlib.Path]] = [(("", 0, 0, ""), folder)]
        for i in reversed(range(len(parts) + 1)):
            above, inner = top.joinpath(*parts[:i]), parts[i:]
            for name in self._label_folders(above):
                if inner and inner[0] == name:
                    continue
                for j in reversed(range(len(inner))):
                    if is_image_folder(inner[j]):
                        rest = inner[:j] + inner[j + 1 :]
                        place = above.joinpath(name, *rest)
                        found.append((("replaced", i, j, name), place))
                place = above.joinpath(name, *inner)
                found.append((("added", i, 0, name), place))
        self._steps[folder] = [x for x in found if x[1].is_dir()]
        return self._steps[folder]

    def of_unique_name(
        self,
        images: Sequence[pathlib.Path],
        texts: Sequence[pathlib.Path],
        others: Sequence[pathlib.Path],
    ) -> dict[pathlib.Path, pathlib.Path | None]:
        """Label files whose name occurs once, as does that of the image.

        Names that Label Studio changed are compared last.
        """
        of_image: dict[pathlib.Path, pathlib.Path | None] = dict.fromkeys(
            images
        )
        for length in (*range(1, MAX_TAIL + 1), 0):
            owner: dict[tuple[str, ...], list[pathlib.Path]] = {}
            for text in texts:
                owner.setdefault(_tail(text, length), []).append(text)
            counts = collections.Counter(_tail(x, length) for x in others)
            for image in images:
                tail = _tail(image, length)
                found = owner.get(tail, [])
                if len(found) == 1 and counts[tail] == 1:
                    of_image[image] = of_image[image] or found[0]
        return of_image

    def unclaimed_texts(self) -> list[pathlib.Path]:
        """Text files in folders that belong to no folder of images."""
        claimed = {
            text.parent
            for text in self.mirrored(self.all_images()).values()
            if text is not None
        }
        return [x for x in self.all_texts() if x.parent not in claimed]

    def orphans(
        self,
        used: Collection[pathlib.Path],
        images: Sequence[pathlib.Path],
    ) -> list[pathlib.Path]:
        """Text files beside used ones to which no image on disk belongs."""
        folders = {text.parent for text in used}
        sources = {image.parent for image in images}
        claimed: set[pathlib.Path] = set()
        for source in sources:
            names = self._listing.names(source)[1]
            for _, folder in self.steps(source):
                if folder in folders:
                    texts = self._texts_in(folder)
                    own = (_text_of(x, texts) for x in names if is_image(x))
                    claimed.update(x for x in own if x is not None)
        return [
            text
            for folder in sorted(folders)
            for text in self._texts_in(folder).values()
            if text not in claimed
        ]

    def all_texts(self) -> list[pathlib.Path]:
        """Text files below the roots."""
        return [path for path in self._all_files() if self._is_text(path)]

    def all_images(self) -> list[pathlib.Path]:
        """Images below the roots."""
        return [path for path in self._all_files() if is_image(path)]

    def _is_text(self, path: pathlib.Path) -> bool:
        is_other = path in self._ignored or path.name in self._ignored_names
        return path.name.lower().endswith(".txt") and not is_other

    def _all_files(self) -> list[pathlib.Path]:
        below = self._listing.files_below
        return list(dict.fromkeys(x for y in self._roots for x in below(y)))

    def places_of(self, images: Sequence[pathlib.Path]) -> list[pathlib.Path]:
        """Folders in which the labels of the first image are searched for."""
        if not images:
            return []
        folder = images[0].parent
        found = [place for _, place in self.steps(folder)]
        return list(dict.fromkeys([_usual_place(folder), *found]))

    def _label_folders(self, folder: pathlib.Path) -> list[str]:
        if folder not in self._folders:
            names = self._listing.folders(folder)
            self._folders[folder] = [x for x in names if is_label_folder(x)]
        return self._folders[folder]

    def _texts_in(self, folder: pathlib.Path) -> dict[str, pathlib.Path]:
        """Text files by name without extension."""
        if folder not in self._texts:
            found: dict[str, pathlib.Path] = {}
            for path in filter(self._is_text, self._listing.files(folder)):
                found.setdefault(normalize_name(path.name[:-4]), path)
            self._texts[folder] = found
        return self._texts[folder]


def _text_of(
    image: str, texts: Mapping[str, pathlib.Path]
) -> pathlib.Path | None:
    """The label file of an image: `a.txt` or `a.jpg.txt` for `a.jpg`."""
    stem = normalize_name(image.rpartition(".")[0])
    return texts.get(stem) or texts.get(normalize_name(image))


def _top_of(folder: pathlib.Path) -> pathlib.Path:
    """The folder above the images, for images outside the dataset."""
    near = [folder, *folder.parents][:MAX_TAIL]
    tops = [x.parent for x in near if is_image_folder(x.name)]
    return tops[-1] if tops else folder.parent


def _usual_place(folder: pathlib.Path) -> pathlib.Path:
    """The folder in which Ultralytics searches for the labels."""
    parts = list(folder.parts)
    for i in reversed(range(len(parts))):
        if parts[i].lower() == "images":
            parts[i] = "labels"
            return pathlib.Path(*parts)
    return folder


def _rank_of_name(step: Step) -> int:
    """The usual name first, then files beside the images, then others."""
    kind, _, _, name = step
    if name.lower() == "labels":
        return 0
    return 2 if kind else 1


def _tail(path: pathlib.Path, length: int) -> tuple[str, ...]:
    """The last parts without extension; 0 for the name as uploads have it."""
    stem = path.name.rpartition(".")[0]
    if not length:
        stem = without_upload_prefix(urllib.parse.unquote(stem))
        return (upload_name(normalize_name(stem)),)
    return tuple(
        normalize_name(part) for part in (*path.parts[:-1], stem)[-length:]
    )


def without_labels_message(source: str, labels: LabelFiles, count: int) -> str:
    """Return an error message for images none of which has a label file."""
    places = listed([os.fspath(path) for path in labels.searched])
    others = [os.fspath(path) for path in labels.without_image]
    return (
        f"None of the {count} images of {source} has a label file. Searched "
        f"in {places}. Label files without an image: "
        f"{listed(others) or 'none'}. A label file must have the name of "
        "its image, and lie beside it or in the same place "
        "below `labels` as the image below `images`."
    )
