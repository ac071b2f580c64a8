"""Validation of annotations: from raw ones to records and a report."""

import collections
import os
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.boxes import CheckedBoxes
from keras_efficient.data.readers.boxes import check_boxes
from keras_efficient.data.readers.class_names import select_classes
from keras_efficient.data.readers.image_checks import check_images
from keras_efficient.data.records import DetectionRecord
from keras_efficient.data.records import DetectionReport

# Reasons in reports, each after a number.
NO_CLASS = "boxes of a class that the file does not name"
NOT_REQUESTED = "boxes of classes that are not in `class_names`"
LISTED_TWICE = "images listed twice (boxes merged)"
ID_TAKEN = "images with the id of an earlier image"
STATED_SIZE = "images whose size differs from the stated one (actual size used)"
MISSING = "missing images"
UNREADABLE = "images that cannot be read"
LOOKS_LIKE = "sets of boxes that cannot be {!r} and look like {!r}"


class _Issues:
    """Places of the invalid annotations, by what was wrong."""

    def __init__(self) -> None:
        self.repaired: dict[str, list[str]] = collections.defaultdict(list)
        self.dropped: dict[str, list[str]] = collections.defaultdict(list)


def validated_records(
    raw: RawAnnotations,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
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

    Returns:
        A tuple `(records, class_names, category_ids, report)`.

    Raises:
        ValueError: If no image or no box is usable, the boxes are in another
            format, or `strict` and an annotation is invalid.
    """
    names, left_out = select_classes(
        raw.source, raw.class_names, class_names, strict
    )
    issues = _Issues()
    for reason, where in raw.dropped:
        issues.dropped[reason].append(where)
    images = _merge_duplicates(raw.images, issues)
    readable = _readable(raw, images, check, issues)
    records = _records(raw, readable, names, issues)
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


def _merge_duplicates(
    images: Sequence[RawImage], issues: _Issues
) -> list[RawImage]:
    """Return each image once, with the boxes of all entries of its file."""
    by_file: dict[str, RawImage] = {}
    ids, kept = set(), []
    for image in images:
        file = None
        if not isinstance(image.image, np.ndarray):
            file = os.path.normpath(image.image)
        if file in by_file:
            issues.repaired[LISTED_TWICE].append(image.where)
            _add_boxes(by_file[file], image)
        elif image.image_id in ids:
            where = f"{image.where}, id {image.image_id!r}"
            issues.dropped[ID_TAKEN].append(where)
        else:
            kept.append(image)
            ids.add(image.image_id)
            if file is not None:
                by_file[file] = image
    return kept


def _add_boxes(image: RawImage, other: RawImage) -> None:
    """Add the boxes that the image does not have yet."""
    own, new = (
        [
            (label, *box)
            for label, box in zip(
                x.labels.tolist(), x.boxes.tolist(), strict=True
            )
        ]
        for x in (image, other)
    )
    is_new = np.array([row not in set(own) for row in new], bool)
    if not is_new.any():
        return

    def joined(name: str, default: object) -> np.ndarray:
        parts = [
            np.full(len(x.boxes), default)
            if getattr(x, name) is None
            else getattr(x, name)
            for x in (image, other)
        ]
        return np.concatenate([parts[0], parts[1][is_new]])

    image.is_crowd = joined("is_crowd", False)
    image.areas = joined("areas", np.nan)
    image.labels = joined("labels", -1)
    image.boxes = np.concatenate([image.boxes, other.boxes[is_new]])


def _readable(
    raw: RawAnnotations,
    images: Sequence[RawImage],
    check: str,
    issues: _Issues,
) -> list[tuple[RawImage, tuple[int, int]]]:
    """The images that can be read, with height and width."""
    results = check_images([image.image for image in images], check)
    errors = [result.error for result in results if result.error is not None]
    for error in errors:
        is_missing = isinstance(error, FileNotFoundError)
        reason = MISSING if is_missing else UNREADABLE
        issues.dropped[reason].append(str(error))
    readable = [
        (image, result.size)
        for image, result in zip(images, results, strict=True)
        if result.size is not None
    ]
    if not readable:
        first = f" The first error: {errors[0]}." if errors else ""
        raise ValueError(
            f"{raw.source} ({raw.layout}) lists {len(images)} images, none of "
            f"which can be read.{first}"
        )
    return readable


def _records(
    raw: RawAnnotations,
    readable: Sequence[tuple[RawImage, tuple[int, int]]],
    names: Sequence[str],
    issues: _Issues,
) -> tuple[DetectionRecord, ...]:
    """Check the boxes of all images at once, and divide them into records."""
    label_of = {name: label for label, name in enumerate(names)}
    # The last one is for the label -1: no class.
    new_labels = np.array([label_of.get(n, -1) for n in raw.class_names] + [-1])
    counts = [len(image.labels) for image, _ in readable]
    found = np.concatenate([image.labels for image, _ in readable])
    boxes = np.concatenate([image.boxes for image, _ in readable])
    sizes = np.repeat([size for _, size in readable], counts, axis=0)
    # A wrongly stated size may move boxes whose format is right.
    is_trusted = np.repeat(
        [x.size in (None, size) for x, size in readable], counts
    )
    if not is_trusted.any():
        is_trusted[:] = True
    checked = check_boxes(boxes, sizes, raw.box_format, is_trusted)
    _check_format(raw, checked, boxes[is_trusted], sizes[is_trusted], issues)
    for image, size in readable:
        _check_stated_size(image, size, issues)
    labels = new_labels[found]
    where = np.repeat(
        np.array([image.where for image, _ in readable], object), counts
    )
    for reason, is_it in (
        (NO_CLASS, found < 0),
        (NOT_REQUESTED, (labels < 0) & (found >= 0)),
    ):
        if is_it.any():
            issues.dropped[reason] += where[is_it].tolist()
    is_used = labels >= 0
    for places, reasons in (
        (issues.repaired, checked.repaired),
        (issues.dropped, checked.dropped),
    ):
        for reason, is_it in reasons.items():
            for i in np.flatnonzero(is_it & is_used):
                places[reason].append(f"{where[i]}: {boxes[i].tolist()}")
    is_kept = is_used & ~np.any(list(checked.dropped.values()), axis=0)
    stops = np.cumsum(counts)
    parts = [
        (checked.boxes[a:b], labels[a:b], is_kept[a:b])
        for a, b in zip(stops - counts, stops, strict=True)
    ]
    return tuple(
        _record(image, size, *part)
        for (image, size), part in zip(readable, parts, strict=True)
    )


def _check_format(
    raw: RawAnnotations,
    checked: CheckedBoxes,
    boxes: np.ndarray,
    sizes: np.ndarray,
    issues: _Issues,
) -> None:
    """Raise an error if the boxes together look like another format."""
    if checked.looks_like is not None:
        raise ValueError(
            f"The boxes of {raw.source} should be {raw.box_format!r}, the "
            f"format of {raw.layout}, but look like {checked.looks_like!r}. "
            f"Received: boxes such as {boxes[0].tolist()} in an image of "
            f"height {sizes[0][0]} and width {sizes[0][1]}"
        )
    if checked.may_look_like is not None:
        reason = LOOKS_LIKE.format(raw.box_format, checked.may_look_like)
        issues.repaired[reason].append(str(raw.source))


def _check_stated_size(
    image: RawImage, size: tuple[int, int], issues: _Issues
) -> None:
    if image.size in (None, size):
        return
    is_rotated = image.size == size[::-1]
    note = " (rotated, according to its EXIF data)" if is_rotated else ""
    issues.repaired[STATED_SIZE].append(
        f"{image.where}: stated {image.size}, is {size}{note}"
    )


def _record(
    image: RawImage,
    size: tuple[int, int],
    boxes: np.ndarray,
    labels: np.ndarray,
    is_kept: np.ndarray,
) -> DetectionRecord:
    boxes = boxes[is_kept]
    areas = image.areas
    if areas is not None:
        areas, sides = areas[is_kept], boxes[:, 2:] - boxes[:, :2]
        areas = np.where(np.isfinite(areas), areas, sides.prod(-1))
        areas = areas.astype("float32")
    is_crowd = np.zeros(len(boxes), bool)
    if image.is_crowd is not None:
        is_crowd = image.is_crowd[is_kept]
    return DetectionRecord(
        image=image.image,
        boxes=boxes,
        labels=labels[is_kept].astype("int32"),
        is_crowd=is_crowd,
        size=size,
        image_id=image.image_id,
        areas=areas,
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
    repaired, dropped = (
        {reason: (len(where), tuple(where)) for reason, where in found.items()}
        for found in (issues.repaired, issues.dropped)
    )
    return DetectionReport(
        source=str(raw.source),
        layout=raw.layout,
        num_images=len(records),
        class_counts=dict(zip(names, counts.tolist(), strict=True)),
        num_empty=sum(not len(record.labels) for record in records),
        num_crowd=sum(int(record.is_crowd.sum()) for record in records),
        repaired=repaired,
        dropped=dropped,
        left_out=left_out,
    )


def _raise_if_invalid(report: DetectionReport) -> None:
    found = {**report.repaired, **report.dropped}
    if not found:
        return
    reasons = "; ".join(
        f"{count} {reason} (the first: {places[0]})"
        for reason, (count, places) in found.items()
    )
    raise ValueError(
        f"{report.source} has invalid annotations: {reasons}. Correct the "
        "files, or pass strict=False to repair or drop them."
    )
