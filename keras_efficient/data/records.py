"""What readers give: plain records, and a report of what they found."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

# As many names as fit into a report that is still read.
MAX_LISTED = 10


@dataclasses.dataclass(frozen=True)
class ClassificationRecord:
    """One labelled image.

    Attributes:
        image: Path of the file, or the image itself: an array `(height,
            width, 3)`, uint8.
        label: Integer from 0, the index into the class names.
    """

    image: Any
    label: int


@dataclasses.dataclass(frozen=True)
class DetectionRecord:
    """One image with boxes around the objects in it.

    Attributes:
        image: Path of the file, or the image itself: an array `(height,
            width, 3)`, uint8.
        boxes: Float32 array `(number, 4)`, `xyxy` in pixels of the image.
        labels: Int32 array `(number,)`, from 0, indices into the class names.
        is_crowd: Boolean array `(number,)`, whether a box is around a group
            that nobody counted. Such boxes are not trained on, and what is
            found in them is not counted in evaluation.
        size: `(height, width)` of the image, in pixels.
        image_id: Integer or string that names the image in its data set.
        areas: Float32 array `(number,)`, the objects' areas in pixels, which
            decide what is small, medium and large in evaluation; `None` for
            those of the boxes.
    """

    image: Any
    boxes: np.ndarray
    labels: np.ndarray
    is_crowd: np.ndarray
    size: tuple[int, int]
    image_id: int | str
    areas: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class ClassificationReport:
    """What a reader found.

    Attributes:
        source: Where it read.
        class_counts: Number of images of each class, in the order of labels.
        dropped: Pairs `(path, reason)` of what was left out.
        ignored: Number of files that are no images, or lie outside the
            folders of the classes.
        left_out: Classes that are there, but not asked for.
    """

    source: str
    class_counts: dict[str, int]
    dropped: Sequence[tuple[pathlib.Path, str]] = ()
    ignored: int = 0
    left_out: Sequence[str] = ()

    @property
    def num_images(self) -> int:
        """Number of images of all classes."""
        return sum(self.class_counts.values())

    def __str__(self):
        lines = [
            f"{self.num_images} images of {len(self.class_counts)} classes "
            f"in {self.source}"
        ]
        empty = [name for name, count in self.class_counts.items() if not count]
        if empty:
            lines.append(f"classes without images: {listed(empty)}")
        if self.left_out:
            lines.append(
                f"left out, not in `class_names`: {listed(self.left_out)}"
            )
        if self.ignored:
            lines.append(f"{self.ignored} files are no images, ignored")
        if self.dropped:
            lines.append(f"{len(self.dropped)} images dropped:")
        lines += [f"  {reason}" for _, reason in self.dropped[:MAX_LISTED]]
        if len(self.dropped) > MAX_LISTED:
            lines.append(f"  and {len(self.dropped) - MAX_LISTED} more")
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class DetectionReport:
    """What a reader of boxes found.

    Attributes:
        source: Where it read.
        layout: String, the layout that it recognised.
        num_images: Number of images that can be used.
        class_counts: Number of boxes of each class, in the order of labels.
        num_empty: Number of images without boxes. They teach what is
            background.
        num_crowd: Number of boxes around groups.
        repaired: Dict of what was mended to a pair: how often, and where each
            time.
        dropped: Dict of why something was left out to such a pair.
        left_out: Classes that are there, but not asked for.
    """

    source: str
    layout: str
    num_images: int
    class_counts: dict[str, int]
    num_empty: int = 0
    num_crowd: int = 0
    repaired: dict[str, tuple[int, Sequence[str]]] = dataclasses.field(
        default_factory=dict
    )
    dropped: dict[str, tuple[int, Sequence[str]]] = dataclasses.field(
        default_factory=dict
    )
    left_out: Sequence[str] = ()

    @property
    def num_boxes(self) -> int:
        """Number of boxes of all classes."""
        return sum(self.class_counts.values())

    def __str__(self):
        lines = [
            f"{self.num_images} images with {self.num_boxes} boxes of "
            f"{len(self.class_counts)} classes in {self.source} "
            f"({self.layout})"
        ]
        # Of many classes the most frequent ones.
        counts = sorted(self.class_counts.items(), key=lambda item: -item[1])
        if len(counts) <= MAX_LISTED:
            counts = self.class_counts.items()
        counts = [f"{name}: {count}" for name, count in counts if count]
        rest = len(counts) - MAX_LISTED
        if counts:
            lines.append(
                f"  {', '.join(counts[:MAX_LISTED])}"
                + (f" and {rest} more classes" if rest > 0 else "")
            )
        empty = [name for name, count in self.class_counts.items() if not count]
        if empty:
            lines.append(f"classes without boxes: {listed(empty)}")
        if self.num_empty:
            lines.append(f"{self.num_empty} images without boxes")
        if self.num_crowd:
            lines.append(f"{self.num_crowd} boxes around crowds")
        if self.left_out:
            lines.append(
                f"left out, not in `class_names`: {listed(self.left_out)}"
            )
        for verb, notes in (
            ("repaired", self.repaired),
            ("dropped", self.dropped),
        ):
            for reason, (count, places) in notes.items():
                lines.append(f"{verb}: {count} {reason}:")
                lines += [f"  {place}" for place in places[:MAX_LISTED]]
                if len(places) > MAX_LISTED:
                    lines.append(f"  and {len(places) - MAX_LISTED} more")
        return "\n".join(lines)


def listed(names: Sequence[str]) -> str:
    """The first of many names, for a message.

    >>> listed(["a", "b"])
    "'a', 'b'"
    """
    shown = ", ".join(repr(str(name)) for name in names[:MAX_LISTED])
    rest = len(names) - MAX_LISTED
    return f"{shown} and {rest} more" if rest > 0 else shown
