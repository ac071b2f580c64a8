"""What a reader of annotations finds, ahead of all checks."""

import collections
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
        areas: Float array `(number,)`, NaN where the file has none, or
            `None`.
        size: `(height, width)` as the file states it, or `None`.
        where: What to call the place in messages. Defaults to the image.
    """

    image: Any
    boxes: np.ndarray
    labels: np.ndarray
    image_id: int | str
    is_crowd: np.ndarray | None = None
    areas: np.ndarray | None = None
    size: tuple[int, int] | None = None
    where: str = ""

    def __post_init__(self):
        self.where = self.where or str(self.image)


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
    """Rows of four numbers as an array; NaN for what is no number."""
    try:
        return np.asarray(rows, "float64").reshape(-1, 4)
    except (TypeError, ValueError):
        numbers = [[number_or_nan(x) for x in row] for row in rows]
        return np.asarray(numbers, "float64").reshape(-1, 4)


def number_or_nan(value: Any) -> float:
    """A value as a float; NaN where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def distinct(names: Sequence[str], numbers: Sequence) -> tuple[str, ...]:
    """Names that differ: those that several classes have get their number.

    >>> from keras_efficient.data.readers.raw import distinct
    >>> distinct(["crane", "bus", "crane"], [1, 2, 5])
    ('crane (1)', 'bus', 'crane (5)')
    """
    counts = collections.Counter(names)
    return tuple(
        f"{name} ({number})" if counts[name] > 1 else name
        for name, number in zip(names, numbers, strict=True)
    )
