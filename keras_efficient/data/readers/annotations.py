"""What readers of annotations offer, receive and return."""

import dataclasses
import pathlib
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.records import shown_text

# Characters of the place of an image, which each of its boxes may repeat.
MAX_WHERE = 4096
# Reasons why an image has no boxes and trains as background, each after a
# number in a report.
NO_ANNOTATIONS = "images without annotations"
EMPTY_LABEL_FILE = "images with an empty label file"
NO_LABEL_FILE = "images without a label file"
# Digits of the largest number of a class, which 64 bits hold.
MAX_DIGITS = 18
# Largest height and width that a file may state. A larger one is no size.
MAX_SIDE = 2**31
# Largest number of classes that files only number. Names are made for all of
# them, so that a single wrong number would otherwise fill the memory.
MAX_UNNAMED_CLASSES = 100_000
# What boxes around groups of objects may be.
CROWDS = ("ignore", "objects")


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """Options of one call of a reader.

    Attributes:
        listing: A `FolderListing` of the dataset.
        split: Name of the split, which may help to find its images.
        images: Folder of the images, or `None` for the usual places.
        class_names: Names of the classes for files that only number them.
        crowds: `"ignore"` or `"objects"`; see `load_detection`, which applies
            it to the boxes of all layouts. Readers need it for notes only.
        box_format: Format of the boxes of layouts that do not state one, or
            `None` for their usual one.
        root: Folder of the data set. Annotations that name images outside it
            are not followed; see `image_finder.ImageFinder`. `None` for
            several files, which have no common folder.
    """

    listing: FolderListing
    split: str | None = None
    images: pathlib.Path | None = None
    class_names: Sequence[str] | None = None
    crowds: str = "ignore"
    box_format: str | None = None
    root: pathlib.Path | None = None


@dataclasses.dataclass
class RawImage:
    """One image with its annotations as a file states them.

    Attributes:
        image: Path of the file, or an array.
        boxes: Rows of four numbers, in the format of the file; becomes a
            float64 array of shape `(number, 4)`, NaN for what is not a number.
        labels: Indices into the names of the classes, -1 for a class that the
            file does not name; becomes an int64 array of shape `(number,)`.
        image_id: Integer or string.
        is_crowd: Boolean for each box, or `None` for no crowds.
        areas: Number for each box; becomes a float64 array with NaN for
            missing ones, or `None` if all are missing.
        size: `(height, width)` as the file states it, or `None`.
        where: Name of the place in messages. Defaults to the path.
        num_unread: Number of objects that the file states and that the reader
            cannot represent as boxes. An image that has only such objects is
            left out: trained as background, it would teach that the objects
            are none.
        background: Reason why the file states no object, such as
            `NO_LABEL_FILE`. Defaults to `NO_ANNOTATIONS`.
    """

    image: Any
    boxes: Any
    labels: Any
    image_id: int | str
    is_crowd: Any = None
    areas: Any = None
    size: tuple[int, int] | None = None
    where: str = ""
    num_unread: int = 0
    background: str = NO_ANNOTATIONS

    def __post_init__(self) -> None:
        self.boxes = _box_array(self.boxes)
        self.labels = np.asarray(self.labels, "int64").reshape(-1)
        if self.is_crowd is not None:
            self.is_crowd = np.asarray(self.is_crowd, bool).reshape(-1)
        if self.areas is not None:
            areas = np.array([number_or_nan(x) for x in self.areas], "float64")
            is_missing = len(areas) > 0 and bool(np.isnan(areas).all())
            self.areas = None if is_missing else areas
        self.where = shown_text(self.where or self.image, MAX_WHERE)


@dataclasses.dataclass
class RawAnnotations:
    """The annotations of one split, before validation.

    Attributes:
        images: The images.
        class_names: Names of the classes, in the order of their labels.
        category_ids: Numbers of the classes in the file, in the same order.
        box_format: Format of the boxes, such as `"xywh"`.
        layout: Name of the layout, for the report.
        source: Path of the files, for messages.
        dropped: Pairs `(reason, where)` of what the reader dropped.
        repaired: Pairs `(reason, where)` of what the reader repaired.
        noted: Pairs `(reason, where)` of what the reader used unchanged and
            users should know.
    """

    images: list[RawImage]
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    box_format: str
    layout: str
    source: pathlib.Path | str
    dropped: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    repaired: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    noted: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def empty_annotations(
    box_format: str,
    layout: str,
    source: pathlib.Path | str | Sequence[pathlib.Path],
) -> RawAnnotations:
    """Return annotations without images, which a reader fills.

    Args:
        box_format: Format of the boxes, such as `"xywh"`.
        layout: Name of the layout, for the report.
        source: Path or paths of the files, or a description of them.

    Returns:
        A `RawAnnotations` without images and classes.
    """
    if not isinstance(source, pathlib.Path | str):
        source = ", ".join(map(str, source))
    return RawAnnotations([], (), (), box_format, layout, source)


@dataclasses.dataclass(frozen=True)
class Layout:
    """A layout of annotations and its reader; see `data.readers`.

    Attributes:
        name: Value of the argument `layout` of `load_detection`.
        title: Name in reports and messages.
        expected: The files that `find_splits` searches for, for messages.
        find_splits: Function from the `FolderListing` of a folder or file to a
            dict from names of splits to objects that `read` accepts.
        read: Function from such an object and `ReadOptions` to
            `RawAnnotations`.
        endings: Endings of its annotation files. `find_splits` is not called
            for folders without such files.
        source_endings: Endings of single files that `find_splits` accepts.
        join_files: Function that merges a sequence of such objects, for
            annotation files that are passed directly. `None` if files of this
            layout have names of splits, or are never passed directly.
        has_images_option: Whether `ReadOptions.images` is used.
        has_box_format_option: Whether `ReadOptions.box_format` is used.
        accepts_any_file: Whether `find_splits` accepts every file, so that
            `read` states what the file lacks. Other layouts have precedence.
    """

    name: str
    title: str
    expected: str
    find_splits: Callable[[FolderListing], Mapping[str | None, Any]]
    read: Callable[[Any, ReadOptions], RawAnnotations]
    endings: tuple[str, ...]
    source_endings: tuple[str, ...] = ()
    join_files: Callable[[Sequence[Any]], Any] | None = None
    has_images_option: bool = False
    has_box_format_option: bool = False
    accepts_any_file: bool = False


def number_or_nan(value: Any) -> float:
    """Return a value as a float, NaN if it is not a number."""
    try:
        return float(value)
    except (OverflowError, TypeError, ValueError):
        return float("nan")


def is_whole_number(text: str) -> bool:
    """Return whether a text is a number that is used as one of a class.

    Python refuses to convert texts of thousands of digits.

    >>> from keras_efficient.data.readers.annotations import is_whole_number
    >>> is_whole_number("12"), is_whole_number("-1"), is_whole_number("9" * 99)
    (True, False, False)
    """
    return text.strip().isdecimal() and len(text) <= MAX_DIGITS


def stated_size(height: Any, width: Any) -> tuple[int, int] | None:
    """Return the stated size of an image, `None` if it cannot be one.

    Args:
        height: Number or text, or anything else that a file states.
        width: The same.

    Returns:
        `(height, width)`, integers in `[1, 2**31]`. Some tools write 0 for an
        unknown size.

    >>> from keras_efficient.data.readers.annotations import stated_size
    >>> stated_size("480", 640.0), stated_size(0, 640), stated_size(1, "1e99")
    ((480, 640), None, None)
    """
    sides = number_or_nan(height), number_or_nan(width)
    if not all(1 <= side <= MAX_SIDE for side in sides):
        return None
    return int(sides[0]), int(sides[1])


def _box_array(rows: Any) -> np.ndarray:
    try:
        array = np.asarray(rows, "float64")
    except (OverflowError, TypeError, ValueError):
        array = np.zeros(())
    if array.shape == (0,) or array.shape == (len(rows), 4):
        return array.reshape(-1, 4)
    numbers = [[number_or_nan(x) for x in row] for row in rows]
    return np.asarray(numbers, "float64").reshape(-1, 4)
