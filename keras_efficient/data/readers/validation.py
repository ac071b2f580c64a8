"""Validation of annotations: from raw ones to records and a report."""

import collections
import dataclasses
import math
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.images import ImageFrame
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.boxes import check_box_format
from keras_efficient.data.readers.boxes import repair_boxes
from keras_efficient.data.readers.class_names import select_classes
from keras_efficient.data.readers.duplicates import merge_duplicates
from keras_efficient.data.readers.frames import Frame
from keras_efficient.data.readers.frames import FrameOptions
from keras_efficient.data.readers.frames import choose_frames
from keras_efficient.data.readers.image_checks import check_images
from keras_efficient.data.records import DetectionRecord
from keras_efficient.data.records import DetectionReport
from keras_efficient.data.records import background_reasons
from keras_efficient.data.records import shown_text
from keras_efficient.ops.boxes import convert_boxes

# Reasons in reports, each after a number.
NO_CLASS = "boxes of a class that the file does not name"
NOT_REQUESTED = "boxes of classes that are not in `class_names`"
MISSING = "missing images"
UNREADABLE = "images that cannot be read"
LOST = "images of which no object can be read (not used as background)"
ONLY_NOT_REQUESTED = "images with boxes of other classes only"
ONLY_CROWDS = "images with boxes around crowds only"
LOOKS_LIKE = "sets of boxes that cannot be {!r} and look like {!r}"


@dataclasses.dataclass(frozen=True)
class _Placed:
    """An image that can be read, and the frame of its boxes."""

    image: RawImage
    size: tuple[int, int]
    frame: Frame


class _Issues:
    """Places of annotations by what was found, as reports contain them."""

    def __init__(self, raw: RawAnnotations) -> None:
        self.repaired = _by_reason(raw.repaired)
        self.dropped = _by_reason(raw.dropped)
        self.noted = _by_reason(raw.noted)


def _by_reason(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = collections.defaultdict(list)
    for reason, where in pairs:
        places[reason].append(where)
    return places


def _counted(
    places: Mapping[str, Sequence[str]],
) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {reason: (len(x), tuple(x)) for reason, x in places.items()}


@np.errstate(over="ignore", invalid="ignore")
def validated_records(
    raw: RawAnnotations,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
    frames: FrameOptions | None = None,
) -> tuple[
    tuple[DetectionRecord, ...],
    tuple[str, ...],
    tuple[int, ...],
    DetectionReport,
]:
    """Validate images and boxes; repair or drop invalid ones.

    Args:
        raw: A `RawAnnotations`.
        class_names: Sequence of strings, the classes to use in the order of
            their labels; `None` for all.
        strict: Boolean, whether an invalid annotation is an error.
        check: `"decode"` or `"header"`, how images are checked.
        frames: A `FrameOptions`; defaults to automatic choice.

    Returns:
        A tuple `(records, class_names, category_ids, report)`.

    Raises:
        ValueError: If no image or no box is usable, the boxes are in another
            format, or `strict` and an annotation is invalid.
    """
    names, left_out = select_classes(
        raw.source, raw.class_names, class_names, strict
    )
    issues = _Issues(raw)
    images = merge_duplicates(raw.images, issues.repaired, issues.dropped)
    readable = _readable(raw, images, check, issues)
    placed = _placed(raw, readable, frames or FrameOptions(), issues)
    records = _records(raw, placed, names, issues)
    report = _report(raw, records, names, left_out, issues)
    if strict:
        _raise_if_invalid(report)
    if all(record.is_crowd.all() for record in records):
        raise ValueError(
            f"{raw.source} has no usable boxes in {len(raw.images)} images. "
            "Training a detector requires boxes. Report of the reader:\n"
            f"{report}"
        )
    return records, names, _category_ids(raw, names), report


def _category_ids(raw: RawAnnotations, names: Sequence[str]) -> tuple[int, ...]:
    """Numbers of the classes; new ones for classes that the file lacks."""
    ids = dict(zip(raw.class_names, raw.category_ids, strict=True))
    highest = max((n for n in ids.values() if isinstance(n, int)), default=0)
    return tuple(ids.get(n, highest + 1 + i) for i, n in enumerate(names))


def _readable(
    raw: RawAnnotations,
    images: Sequence[RawImage],
    check: str,
    issues: _Issues,
) -> list[tuple[RawImage, ImageFrame]]:
    """The images that can be read."""
    results = check_images([image.image for image in images], check)
    errors = [result.error for result in results if result.error is not None]
    for error in errors:
        is_missing = isinstance(error, FileNotFoundError)
        reason = MISSING if is_missing else UNREADABLE
        issues.dropped[reason].append(str(error))
    readable = [
        (image, result.frame)
        for image, result in zip(images, results, strict=True)
        if result.frame is not None
    ]
    for image, frame in readable:
        if frame.note is not None:
            issues.noted[frame.note].append(str(image.image))
    if not readable:
        raise ValueError(
            f"{raw.source} ({raw.layout}) lists {len(images)} images, none of "
            f"which can be read.{_what_was_dropped(issues)}"
        )
    return readable


def _what_was_dropped(issues: _Issues) -> str:
    """The reasons of dropped images and annotations, for an error message."""
    lines = [
        f"\n- {len(places)} {reason}, the first: {shown_text(places[0])}"
        for reason, places in issues.dropped.items()
    ]
    return " Dropped:" + "".join(lines) if lines else ""


def _placed(
    raw: RawAnnotations,
    readable: Sequence[tuple[RawImage, ImageFrame]],
    options: FrameOptions,
    issues: _Issues,
) -> list[_Placed]:
    """The images whose boxes can be placed, with the frames of the boxes."""
    placed = []
    choices = choose_frames(readable, raw.box_format, options)
    for (image, frame), choice in zip(readable, choices, strict=True):
        size = frame.size
        where = image.where
        if image.size not in (None, size):
            where = f"{where}: stated {image.size}, is {size}"
        for reason, places in (
            (choice.repaired, issues.repaired),
            (choice.noted, issues.noted),
            (choice.dropped, issues.dropped),
        ):
            if reason:
                places[reason].append(where)
        if choice.frame is not None:
            placed.append(_Placed(image, size, choice.frame))
    if not placed:
        raise ValueError(
            f"{raw.source} ({raw.layout}) has no image whose boxes can be "
            f"used.{_what_was_dropped(issues)}"
        )
    return placed


def _records(
    raw: RawAnnotations,
    placed: Sequence[_Placed],
    names: Sequence[str],
    issues: _Issues,
) -> tuple[DetectionRecord, ...]:
    """Check the boxes of all images at once, and divide them into records."""
    label_of = {name: label for label, name in enumerate(names)}
    # The last one is for the label -1: no class.
    new_labels = np.array([label_of.get(n, -1) for n in raw.class_names] + [-1])
    counts = [len(x.image.labels) for x in placed]
    found = np.concatenate([x.image.labels for x in placed])
    boxes = np.concatenate([x.image.boxes for x in placed])
    sizes = np.repeat([x.size for x in placed], counts, axis=0)
    corners = _upright_corners(raw, placed, boxes, counts, issues)
    repaired_boxes, repaired, dropped = repair_boxes(corners, sizes)
    labels = new_labels[found]
    where = np.repeat(np.array([x.image.where for x in placed], object), counts)
    is_requested = (labels >= 0) | (found < 0)
    for reason, is_it in (
        (NO_CLASS, found < 0),
        (NOT_REQUESTED, ~is_requested),
    ):
        if is_it.any():
            issues.dropped[reason] += where[is_it].tolist()
    is_used = labels >= 0
    for places, reasons in (
        (issues.repaired, repaired),
        (issues.dropped, dropped),
    ):
        for reason, is_it in reasons.items():
            for i in np.flatnonzero(is_it & is_used):
                places[reason].append(f"{where[i]}: {boxes[i].tolist()}")
    is_kept = is_used & ~np.any(list(dropped.values()), axis=0)
    records = []
    stops = np.cumsum(counts)
    for x, a, b in zip(placed, stops - counts, stops, strict=True):
        kept, requested = is_kept[a:b], is_requested[a:b]
        is_lost = bool(x.image.num_unread or (requested & ~kept).any())
        if is_lost and not kept.any():
            issues.dropped[LOST].append(x.image.where)
            continue
        records.append(_record(x, repaired_boxes[a:b], labels[a:b], kept))
    return tuple(records)


def _upright_corners(
    raw: RawAnnotations,
    placed: Sequence[_Placed],
    boxes: np.ndarray,
    counts: Sequence[int],
    issues: _Issues,
) -> np.ndarray:
    """All boxes as `xyxy` in pixels of the upright images."""
    sizes = np.repeat([x.frame.size for x in placed], counts, axis=0)
    with np.errstate(invalid="ignore"):  # infinite coordinates
        corners = convert_boxes(boxes, raw.box_format, "xyxy", sizes)
    # A wrongly stated size may move boxes whose format is right.
    is_trusted = np.repeat(
        [x.image.size in (None, x.size) for x in placed], counts
    )
    if not is_trusted.any():
        is_trusted[:] = True
    _check_format(
        raw, boxes[is_trusted], corners[is_trusted], sizes[is_trusted], issues
    )
    stops = np.cumsum(counts)
    for x, a, b in zip(placed, stops - counts, stops, strict=True):
        if x.frame != Frame(x.size):
            corners[a:b] = x.frame.to_upright(corners[a:b], x.size)
    return corners


def _check_format(
    raw: RawAnnotations,
    boxes: np.ndarray,
    corners: np.ndarray,
    sizes: np.ndarray,
    issues: _Issues,
) -> None:
    """Raise an error if the boxes together look like another format."""
    other = check_box_format(boxes, corners, sizes, raw.box_format)
    if other.likely is not None:
        raise ValueError(
            f"The boxes of {raw.source} should be {raw.box_format!r}, the "
            f"format of {raw.layout}, but look like {other.likely!r}. "
            f"Received: boxes such as {boxes[0].tolist()} in an image of "
            f"height {sizes[0][0]} and width {sizes[0][1]}"
        )
    if other.possible is not None:
        reason = LOOKS_LIKE.format(raw.box_format, other.possible)
        issues.repaired[reason].append(str(raw.source))


def _record(
    placed: _Placed,
    boxes: np.ndarray,
    labels: np.ndarray,
    is_kept: np.ndarray,
) -> DetectionRecord:
    image, boxes = placed.image, boxes[is_kept]
    areas = image.areas
    if areas is not None:
        scale = math.prod(placed.size) / math.prod(placed.frame.size)
        areas, sides = areas[is_kept] * scale, boxes[:, 2:] - boxes[:, :2]
        areas = areas.astype("float32")  # infinite if it is too large
        areas = np.where(np.isfinite(areas), areas, sides.prod(-1))
    is_crowd = np.zeros(len(boxes), bool)
    if image.is_crowd is not None:
        is_crowd = image.is_crowd[is_kept]
    background = ""
    if is_crowd.all():
        background = ONLY_CROWDS
        if not len(boxes):
            has_others = len(image.labels) > 0
            background = ONLY_NOT_REQUESTED if has_others else image.background
    return DetectionRecord(
        image=image.image,
        boxes=boxes,
        labels=labels[is_kept].astype("int32"),
        is_crowd=is_crowd,
        size=placed.size,
        image_id=image.image_id,
        areas=areas,
        background=background,
    )


def _report(
    raw: RawAnnotations,
    records: Sequence[DetectionRecord],
    names: Sequence[str],
    left_out: Sequence[str],
    issues: _Issues,
) -> DetectionReport:
    labels = [np.zeros(0, "int32"), *(record.labels for record in records)]
    counts = np.bincount(np.concatenate(labels), minlength=len(names))
    return DetectionReport(
        source=str(raw.source),
        layout=raw.layout,
        num_images=len(records),
        class_counts=dict(zip(names, counts.tolist(), strict=True)),
        num_empty=sum(not len(record.labels) for record in records),
        num_crowd=sum(int(record.is_crowd.sum()) for record in records),
        repaired=_counted(issues.repaired),
        dropped=_counted(issues.dropped),
        left_out=left_out,
        background=background_reasons(records),
        noted=_counted(issues.noted),
    )


def _raise_if_invalid(report: DetectionReport) -> None:
    found = {**report.repaired, **report.dropped}
    if not found:
        return
    reasons = "; ".join(
        f"{count} {reason} (the first: {shown_text(places[0])})"
        for reason, (count, places) in found.items()
    )
    raise ValueError(
        f"{report.source} has invalid annotations: {reasons}. Correct the "
        "files, or pass strict=False to repair or drop them."
    )
