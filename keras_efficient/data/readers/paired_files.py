"""Annotation files of which each belongs to one image."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class AnnotationFile:
    """Contents of an annotation file.

    Attributes:
        image_name: Stated name of the image, possibly with folders, or `""`.
        image_folder: Stated path or name of its folder, or `""`.
        size: `(height, width)`, or `None`.
        names: Class of each box.
        boxes: Four edges `xyxy` of each box, NaN for what is not a number.
        unread: Descriptions of the objects without a box.
        encoding: Encoding of the file if it is not the declared one.
        has_image: Whether the file contains the image itself.
    """

    image_name: str
    image_folder: str
    size: tuple[int, int] | None
    names: tuple[str, ...]
    boxes: tuple[list[float], ...]
    unread: tuple[str, ...]
    encoding: str | None = None
    has_image: bool = False


@dataclasses.dataclass(frozen=True)
class FileKind:
    """A form of annotation files.

    Attributes:
        title: Name of the layout in reports.
        ending: Ending of the files, lower case.
        a_file: Word for such a file with its article, such as `"an xml file"`.
        is_ours: Function from a path to whether the file seems to be in this
            form. It must be quick.
        read: Function from a path to an `AnnotationFile`; `None` if the file
            is in another form. It raises a `ValueError` if it is broken.
        read_image: Function from a path to the image in the file, a uint8
            array of shape `(height, width, 3)`; it raises a `ValueError` if it
            is broken. `None` if no such file contains an image.
    """

    title: str
    ending: str
    a_file: str
    is_ours: Callable[[pathlib.Path], bool]
    read: Callable[[pathlib.Path], AnnotationFile | None]
    read_image: Callable[[pathlib.Path], np.ndarray] | None = None
