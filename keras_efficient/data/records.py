"""Records and reports that readers return."""

import dataclasses
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

# Names listed in full in a report or message.
MAX_LISTED = 10
# Characters of a name or place in a report or message. Files may state names
# of megabytes.
MAX_SHOWN = 400


@dataclasses.dataclass(frozen=True)
class ClassificationRecord:
    """One labelled image.

    Attributes:
        image: Path of the file, or the image itself: a uint8 array of shape
            `(height, width, channels)`.
        label: Integer, index into the class names; or a tuple of integers in
            a multi-label dataset, the classes that the image belongs to.
    """

    image: Any
    label: int | tuple[int, ...]

    @property
    def labels(self) -> tuple[int, ...]:
        """The classes that the image belongs to."""
        return self.label if isinstance(self.label, tuple) else (self.label,)


@dataclasses.dataclass(frozen=True)
class DetectionRecord:
    """One image with boxes around its objects.

    Attributes:
        image: Path of the file, or the image itself: a uint8 array of shape
            `(height, width, channels)`.
        boxes: Float32 array of shape `(number, 4)`, `xyxy` in pixels of the
            image.
        labels: Int32 array of shape `(number,)`, indices into the class names.
        is_crowd: Boolean array of shape `(number,)`, whether a box contains a
            group of objects that were not annotated one by one. Training
            ignores such boxes, evaluation ignores detections in them.
        size: `(height, width)` of the image, in pixels.
        image_id: Integer or string, unique in its dataset.
        areas: Float32 array of shape `(number,)`, areas of the objects in
            pixels, by which evaluation distinguishes small, medium and large
            objects; `None` for the areas of the boxes.
        background: String, why the image trains as background, such as
            `"images with an empty label file"`. Empty if it has boxes that
            are trained.
    """

    image: Any
    boxes: np.ndarray
    labels: np.ndarray
    is_crowd: np.ndarray
    size: tuple[int, int]
    image_id: int | str
    areas: np.ndarray | None = None
    background: str = ""


@dataclasses.dataclass(frozen=True)
class ClassificationReport:
    """Result of reading a dataset for classification; `print` shows it.

    Attributes:
        source: Path of the dataset.
        class_counts: Number of images of each class, in the order of labels.
        dropped: Pairs `(path, reason)` of the images that were dropped.
        ignored: Number of files that are not images, or are outside the
            folders of the classes.
        left_out: Classes of the dataset that were not requested.
        multi_label_images: Number of images of a multi-label dataset, where
            each counts for all its classes; `None` for other datasets.
        noted: Dict from a note to a pair `(count, places)` of the images that
            were used, but are unusual.
    """

    source: str
    class_counts: dict[str, int]
    dropped: Sequence[tuple[pathlib.Path, str]] = ()
    ignored: int = 0
    left_out: Sequence[str] = ()
    multi_label_images: int | None = None
    noted: Mapping[str, tuple[int, Sequence[str]]] = dataclasses.field(
        default_factory=dict
    )

    @property
    def num_images(self) -> int:
        """Number of images of all classes."""
        if self.multi_label_images is not None:
            return self.multi_label_images
        return sum(self.class_counts.values())

    @property
    def num_problems(self) -> int:
        """Number of images that were dropped."""
        return len(self.dropped)

    @property
    def num_notes(self) -> int:
        """Number of images that were noted."""
        return sum(count for count, _ in self.noted.values())

    def __str__(self) -> str:
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
            lines.append(f"ignored: {self.ignored} other files")
        lines += _issue_lines("noted", self.noted)
        if self.dropped:
            lines.append(f"dropped: {len(self.dropped)} images:")
            lines += _first_places([reason for _, reason in self.dropped])
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class DetectionReport:
    """Result of reading a dataset for detection; `print` shows it.

    Attributes:
        source: Path of the dataset.
        layout: String, the layout that was recognized.
        num_images: Number of usable images.
        class_counts: Number of boxes of each class, in the order of labels.
        num_empty: Number of images without boxes; they are examples of
            background.
        num_crowd: Number of boxes around groups of objects.
        repaired: Dict from a reason to a pair `(count, places)` of the
            annotations that were repaired.
        dropped: Dict from a reason to a pair `(count, places)` of the
            annotations and images that were dropped.
        left_out: Classes of the dataset that were not requested.
        background: Dict of the same form, why images train as background.
        noted: Dict of the same form, what was used unchanged but may be
            unintended.
    """

    source: str
    layout: str
    num_images: int
    class_counts: dict[str, int]
    num_empty: int = 0
    num_crowd: int = 0
    repaired: Mapping[str, tuple[int, Sequence[str]]] = dataclasses.field(
        default_factory=dict
    )
    dropped: Mapping[str, tuple[int, Sequence[str]]] = dataclasses.field(
        default_factory=dict
    )
    left_out: Sequence[str] = ()
    background: Mapping[str, tuple[int, Sequence[str]]] = dataclasses.field(
        default_factory=dict
    )
    noted: Mapping[str, tuple[int, Sequence[str]]] = dataclasses.field(
        default_factory=dict
    )

    @property
    def num_boxes(self) -> int:
        """Number of boxes of all classes."""
        return sum(self.class_counts.values())

    @property
    def num_problems(self) -> int:
        """Number of annotations and images that were repaired or dropped."""
        groups = (self.repaired, self.dropped)
        return sum(count for x in groups for count, _ in x.values())

    @property
    def num_notes(self) -> int:
        """Number of annotations and images that were noted."""
        return sum(count for count, _ in self.noted.values())

    def __str__(self) -> str:
        lines = [
            f"{self.num_images} images with {self.num_boxes} boxes of "
            f"{len(self.class_counts)} classes in {self.source} "
            f"({self.layout})"
        ]
        lines += self._count_lines()
        empty = [name for name, count in self.class_counts.items() if not count]
        if empty:
            lines.append(f"classes without boxes: {listed(empty)}")
        if self.background:
            count = sum(count for count, _ in self.background.values())
            lines.append(f"{count} images without boxes, used as background")
            lines += [f"  {n} {x}" for x, (n, _) in self.background.items()]
        if self.num_crowd:
            lines.append(f"{self.num_crowd} boxes around crowds")
        if self.left_out:
            lines.append(
                f"left out, not in `class_names`: {listed(self.left_out)}"
            )
        for verb, issues in (
            ("noted", self.noted),
            ("repaired", self.repaired),
            ("dropped", self.dropped),
        ):
            lines += _issue_lines(verb, issues)
        return "\n".join(lines)

    def _count_lines(self) -> list[str]:
        """Counts of the classes, only the most frequent of many."""
        pairs = [pair for pair in self.class_counts.items() if pair[1]]
        if len(self.class_counts) > MAX_LISTED:
            pairs.sort(key=lambda pair: -pair[1])
        if not pairs:
            return []
        counts = [f"{shown_text(name)}: {n}" for name, n in pairs[:MAX_LISTED]]
        rest = len(pairs) - MAX_LISTED
        more = f" and {rest} more classes" if rest > 0 else ""
        return [f"  {', '.join(counts)}{more}"]


def background_reasons(
    records: Iterable[DetectionRecord],
) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Return why images train as background, as reports contain it.

    Args:
        records: The records of a dataset.

    Returns:
        A dict from a reason to a pair `(count, places)`.
    """
    places: dict[str, list[str]] = {}
    for record in records:
        if record.background:
            is_array = isinstance(record.image, np.ndarray)
            place = record.image_id if is_array else record.image
            places.setdefault(record.background, []).append(str(place))
    return {reason: (len(x), tuple(x)) for reason, x in places.items()}


def listed(names: Sequence[object]) -> str:
    """Return the first of many names, quoted, for a message.

    >>> listed(["a", "b"])
    "'a', 'b'"
    """
    shown = ", ".join(repr(shown_text(x)) for x in names[:MAX_LISTED])
    rest = len(names) - MAX_LISTED
    return f"{shown} and {rest} more" if rest > 0 else shown


def shown_text(value: object, limit: int = MAX_SHOWN) -> str:
    """Return a value as text for a message, without the middle if it is long.

    >>> shown_text("abcdefghij", 5)
    'ab...ij'
    """
    text = str(value)
    if len(text) <= limit:
        return text
    return f"{text[: limit // 2]}...{text[len(text) - limit // 2 :]}"


def joined_names(names: Iterable[str]) -> str:
    """Return the classes of an image for a caption, `"none"` without any."""
    return ", ".join(names) or "none"


def _issue_lines(
    verb: str, issues: Mapping[str, tuple[int, Sequence[str]]]
) -> list[str]:
    lines = []
    for reason, (count, places) in issues.items():
        lines.append(f"{verb}: {count} {reason}:")
        lines += _first_places(places)
    return lines


def _first_places(places: Sequence[str]) -> list[str]:
    lines = [f"  {shown_text(place)}" for place in places[:MAX_LISTED]]
    if len(places) > MAX_LISTED:
        lines.append(f"  and {len(places) - MAX_LISTED} more")
    return lines
