"""What a reader of annotations finds, ahead of all checks."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass
class RawImage:
    """One image as an annotation file has it.

    Attributes:
        image: Path of the file, or an array.
        boxes: Float array `(number, 4)`, in the format of the file.
        labels: Integer array `(number,)`, indices into the found classes; -1
            for a class that the file does not name.
        image_id: Integer or string.
        is_crowd: Boolean array `(number,)`, or `None` for none.
        areas: Float array `(number,)`, or `None`.
        size: `(height, width)` as the file states it, or `None`.
        where: What to call the place in messages.
    """

    image: Any
    boxes: np.ndarray
    labels: np.ndarray
    image_id: int | str
    is_crowd: np.ndarray | None = None
    areas: np.ndarray | None = None
    size: tuple[int, int] | None = None
    where: str = ""


@dataclasses.dataclass
class RawAnnotations:
    """What one reader found.

    Attributes:
        images: The images.
        class_names: Names of the classes, in the order of labels.
        category_ids: The numbers of the classes in the file.
        box_format: How `boxes` are written, by Keras' names.
        layout: Name of the layout, for the report.
        source: Where it was read.
        dropped: Pairs `(reason, where)` of what the reader itself left out.
    """

    images: Sequence[RawImage]
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    box_format: str
    layout: str
    source: pathlib.Path | str
    dropped: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def box_array(rows: Sequence) -> np.ndarray:
    """Rows of four numbers as an array, also where there are none."""
    return np.asarray(rows, "float64").reshape(-1, 4)
