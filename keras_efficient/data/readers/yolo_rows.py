"""Text files with one line for each image, as for YOLOv4 and keras-yolo3."""

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.readers.annotations import MAX_DIGITS
from keras_efficient.data.readers.annotations import MAX_UNNAMED_CLASSES
from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import empty_annotations
from keras_efficient.data.readers.class_names import distinct_names
from keras_efficient.data.readers.class_names import standardize_class_names
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.yolo_config import NAME_FILES
from keras_efficient.data.readers.yolo_config import Config
from keras_efficient.data.readers.yolo_config import find_place
from keras_efficient.data.readers.yolo_config import read_class_names

# Names of the files, the first of which Roboflow writes.
PLAIN_NAMES = ("_annotations.txt", "annotations.txt")
SPLIT_FILES = ("train.txt", "val.txt", "valid.txt", "test.txt")
# `<left>,<top>,<right>,<bottom>,<class>`
NUMBER = r"-?\d+(?:\.\d+)?"
BOX = re.compile(rf"{NUMBER}(?:,{NUMBER}){{3}},\d{{1,{MAX_DIGITS}}}")
OTHER_LINE = (
    "lines that are not `<image> <left>,<top>,<right>,<bottom>,<class>`"
)
OTHER_BOX = "boxes that are not `<left>,<top>,<right>,<bottom>,<class>`"


@dataclasses.dataclass(frozen=True)
class RowsSplit:
    """Where a split is stored.

    Attributes:
        root: Folder of the dataset.
        file: Text file with its images and boxes.
    """

    root: pathlib.Path
    file: pathlib.Path


def find_splits(listing: FolderListing) -> Mapping[str | None, RowsSplit]:
    """Return the text files of a folder by split, or the file itself."""
    root = listing.root
    files = [listing.source]
    if not listing.is_file:
        named = (*PLAIN_NAMES, *SPLIT_FILES)
        files = listing.files_to_depth(1, named)
        files = [file for file in files if file.name.lower() in named]
    found: dict[str | None, RowsSplit] = {}
    for file in files:
        if _has_rows(file):
            is_plain = file.name.lower() in PLAIN_NAMES
            name: str | None = file.parent.name if is_plain else file.stem
            if listing.is_file or (is_plain and file.parent == root):
                name = None
            found.setdefault(name, RowsSplit(root, file))
    return found


def _has_rows(path: pathlib.Path) -> bool:
    """Whether one of the first lines has an image and a box."""
    try:
        lines = read_text(path).splitlines()[:100]
    except ValueError:
        return False
    return any(
        found is not None and any(map(BOX.fullmatch, found[1]))
        for found in map(_divide, lines)
    )


def _divide(line: str) -> tuple[str, list[str]] | None:
    """The path of the image and the boxes, or `None` for another line."""
    words = line.strip().split(" ")
    start = len(words)
    # The last word shows whether a name is that of an image.
    while start > 1 and not is_image(words[start - 1]):
        start -= 1
    name = " ".join(words[:start])
    boxes = [word for word in words[start:] if word]
    return (name, boxes) if is_image(name) else None


def read(split: RowsSplit, options: ReadOptions) -> RawAnnotations:
    """Read a text file with lines `<image> <box> <box>`.

    A box is `<left>,<top>,<right>,<bottom>,<class>` in pixels. A line without
    boxes is an image of background.

    Args:
        split: A `RowsSplit`.
        options: A `ReadOptions`. `class_names` are used if there is no
            `_classes.txt` or `classes.txt`; they default to the numbers.

    Returns:
        A `RawAnnotations`.
    """
    raw = empty_annotations("xyxy", LAYOUT.title, split.file)
    folder = split.file.parent
    bases = tuple(dict.fromkeys([folder, split.root]))
    if options.images is not None:
        bases = (options.images,)
    for i, line in enumerate(read_text(split.file).splitlines()):
        where = f"{split.file}, line {i + 1}"
        divided = _divide(line)
        if divided is not None:
            name, boxes = divided
            path = find_place(name, bases, "isfile")
            raw.images.append(_image(path, boxes, where, raw))
        elif line.strip():
            raw.dropped.append((OTHER_LINE, f"{where}: {line[:80]}"))
    raw.class_names = _class_names(split, raw.images, options.class_names)
    raw.category_ids = tuple(range(len(raw.class_names)))
    for image in raw.images:
        image.labels[image.labels >= len(raw.class_names)] = -1
    return raw


def _image(
    path: pathlib.Path, boxes: Sequence[str], where: str, raw: RawAnnotations
) -> RawImage:
    good = [box for box in boxes if BOX.fullmatch(box)]
    rows = [[float(number) for number in box.split(",")] for box in good]
    for box in boxes:
        if BOX.fullmatch(box) is None:
            raw.dropped.append((OTHER_BOX, f"{where}: {box[:80]}"))
    return RawImage(
        image=path,
        boxes=[row[:4] for row in rows],
        labels=[int(row[4]) for row in rows],
        image_id=path.as_posix(),
        where=where,
        num_unread=len(boxes) - len(rows),
    )


def _class_names(
    split: RowsSplit,
    images: Sequence[RawImage],
    class_names: Sequence[str] | None,
) -> tuple[str, ...]:
    folder = split.file.parent
    near = [x for x in (folder, split.root) if _has_names(x)][:1]
    names, _ = read_class_names(Config(folder, folder, {}), near)
    if names is None and class_names is not None:
        names = list(standardize_class_names(class_names))
    if names is None:
        labels = np.concatenate([[0], *(x.labels for x in images)])
        usable = labels[labels < MAX_UNNAMED_CLASSES]
        names = [""] * (int(usable.max()) + 1)
    names = [name or str(i) for i, name in enumerate(names)]
    return distinct_names(names, range(len(names)))


def _has_names(folder: pathlib.Path) -> bool:
    return any((folder / name).is_file() for name in NAME_FILES)


LAYOUT = Layout(
    name="yolo_rows",
    title="YOLOv4 text",
    expected="_annotations.txt or <split>/_annotations.txt with lines "
    "`<image> <left>,<top>,<right>,<bottom>,<class>`, and _classes.txt",
    find_splits=find_splits,
    read=read,
    endings=(".txt",),
    source_endings=(".txt",),
    has_images_option=True,
)
