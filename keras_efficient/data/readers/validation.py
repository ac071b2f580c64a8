"""Validation of annotations: from raw ones to records and a report."""

import collections
import os
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.boxes import guess_box_format
from keras_efficient.data.readers.boxes import repair_boxes
from keras_efficient.data.readers.class_names import select_classes
from keras_efficient.data.readers.image_checks import check_images
from keras_efficient.data.records import DetectionRecord
from keras_efficient.data.records import DetectionReport
from keras_efficient.ops import convert_boxes

# Reasons in reports, each after a number.
NO_CLASS = "boxes of a class that the file does not name"
NOT_REQUESTED = "boxes of classes that are not in `class_names`"
LISTED_TWICE = "images listed twice (boxes merged)"
ID_TAKEN = "images with the id of an earlier image"
STATED_SIZE = "images whose size differs from the stated one (actual size used)"
MISSING = "missing images"
UNREADABLE = "images that cannot be read"
LOOKS_LIKE = "sets of boxes that cannot be {!r} and look like {!r}"
# From this share of impossible boxes on, the report names a better format;
# from half on, it is an error.
WORTH_A_NOTE = 0.1


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
    _check_format(raw, readable, issues)
    label_of = {name: label for label, name in enumerate(names)}
    # The last one is for the label -1: no class.
    new_labels = np.array([label_of.get(n, -1) for n in raw.class_names] + [-1])
    records = tuple(
        _record(image, size, raw.box_format, new_labels, issues)
        for image, size in readable
    )
    report = _report(raw, records, names, left_out, issues)
    if strict:
        _raise_if_invalid(report)
    if report.num_boxes == report.num_crowd:
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


def _check_format(
    raw: RawAnnotations,
    readable: Sequence[tuple[RawImage, tuple[int, int]]],
    issues: _Issues,
) -> None:
    """Raise an error if the boxes together look like another format."""
    pairs = [(image, size) for image, size in readable if len(image.boxes)]
    # A wrongly stated size may move boxes whose format is right.
    pairs = [x for x in pairs if x[0].size in (None, x[1])] or pairs
    if not pairs:
        return
    boxes = np.concatenate([image.boxes for image, _ in pairs])
    sizes = np.concatenate(
        [np.broadcast_to(size, (len(x.boxes), 2)) for x, size in pairs]
    )
    expected = raw.box_format
    looks_like = guess_box_format(boxes, sizes, expected)
    if looks_like is not None:
        raise ValueError(
            f"The boxes of {raw.source} should be {expected!r}, the format of "
            f"{raw.layout}, but look like {looks_like!r}. Received: boxes such "
            f"as {boxes[0].tolist()} in an image of height {sizes[0][0]} and "
            f"width {sizes[0][1]}"
        )
    looks_like = guess_box_format(boxes, sizes, expected, WORTH_A_NOTE)
    if looks_like is not None:
        reason = LOOKS_LIKE.format(expected, looks_like)
        issues.repaired[reason].append(str(raw.source))


def _record(
    image: RawImage,
    size: tuple[int, int],
    box_format: str,
    new_labels: np.ndarray,
    issues: _Issues,
) -> DetectionRecord:
    _check_stated_size(image, size, issues)
    labels = new_labels[image.labels]
    for reason, is_it in (
        (NO_CLASS, image.labels < 0),
        (NOT_REQUESTED, (labels < 0) & (image.labels >= 0)),
    ):
        if is_it.any():
            issues.dropped[reason] += [image.where] * int(is_it.sum())
    used = np.flatnonzero(labels >= 0)
    boxes, repaired, dropped = repair_boxes(
        convert_boxes(image.boxes[used], box_format, "xyxy", size), size
    )
    for found, reasons in (
        (issues.repaired, repaired),
        (issues.dropped, dropped),
    ):
        for reason, is_it in reasons.items():
            for box in image.boxes[used[is_it]].tolist():
                found[reason].append(f"{image.where}: {box}")
    is_kept = ~np.any(list(dropped.values()), axis=0)
    kept, boxes = used[is_kept], boxes[is_kept]
    areas = image.areas
    if areas is not None:
        sides = boxes[:, 2:] - boxes[:, :2]
        areas = np.where(np.isfinite(areas[kept]), areas[kept], sides.prod(-1))
        areas = areas.astype("float32")
    return DetectionRecord(
        image=image.image,
        boxes=boxes,
        labels=labels[kept].astype("int32"),
        is_crowd=np.zeros(len(kept), bool)
        if image.is_crowd is None
        else image.is_crowd[kept],
        size=size,
        image_id=image.image_id,
        areas=areas,
    )


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
