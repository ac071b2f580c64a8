"""From what an annotation file says to records that can be trusted."""

import collections
import concurrent.futures

import numpy as np

from keras_efficient.data.images import load_image
from keras_efficient.data.images import upright_size
from keras_efficient.data.readers.boxes import from_any_format
from keras_efficient.data.readers.boxes import guess_box_format
from keras_efficient.data.readers.boxes import mend_boxes
from keras_efficient.data.readers.class_names import select_classes
from keras_efficient.data.records import DetectionRecord
from keras_efficient.data.records import DetectionReport
from keras_efficient.data.records import listed

CHECKS = ("decode", "header")
NO_CLASS = "boxes of a class that the file does not name"
DUPLICATES = "images listed twice, later ones left out"
STATED_SIZE = "images of another size than the file states"


class _Notes:
    """What was found wrong, by reason: how often, and where first."""

    def __init__(self):
        self.counts = collections.Counter()
        self.examples = collections.defaultdict(list)

    def add(self, reason, where, count=1):
        self.counts[reason] += count
        self.examples[reason].append(str(where))

    def as_dict(self):
        return {
            reason: (count, tuple(self.examples[reason]))
            for reason, count in self.counts.items()
        }


def checked_records(raw, class_names=None, strict=False, check="decode"):
    """Checks images and boxes, mends what can be, and leaves out the rest.

    Args:
        raw: A `RawAnnotations`.
        class_names: Sequence of strings, the classes that count in the order
            of their labels; `None` for all.
        strict: Boolean, whether anything wrong raises an error.
        check: `"decode"` or `"header"`, how images are looked at.

    Returns:
        A tuple `(records, class_names, category_ids, report)`.

    Raises:
        ValueError: If there are no images or no boxes, the boxes are in
            another format, or `strict` and something is wrong.
    """
    if check not in CHECKS:
        raise ValueError(
            f"`check` must be one of {CHECKS}. Received: check={check!r}"
        )
    names, left_out = select_classes(
        raw.source, raw.class_names, class_names, strict
    )
    new_label = np.array(
        [names.index(n) if n in names else -1 for n in raw.class_names]
        # The last is what a label of -1 finds: no class.
        + [-1]
    )
    repaired, dropped = _Notes(), _Notes()
    for reason, where in raw.dropped:
        dropped.add(reason, where)
    images = _first_of_each(raw.images, dropped)
    sizes = _sizes(images, check, dropped)
    readable = [
        (image, size)
        for image, size in zip(images, sizes, strict=True)
        if size is not None
    ]
    _check_format(raw, readable)
    records = tuple(
        _record(raw, image, size, new_label, repaired, dropped)
        for image, size in readable
    )
    report = _report(raw, records, names, left_out, repaired, dropped)
    if strict:
        _raise_if_any(raw.source, repaired, dropped)
    if not report.num_boxes:
        raise ValueError(
            f"{raw.source} has no boxes that can be used, in "
            f"{len(raw.images)} images. A detector cannot learn from images "
            f"without boxes alone.\n{report}"
        )
    ids = dict(zip(raw.class_names, raw.category_ids, strict=True))
    unused = max(raw.category_ids, default=0) + 1
    category_ids = tuple(ids.get(n, unused + i) for i, n in enumerate(names))
    return records, names, category_ids, report


def _first_of_each(images, dropped):
    """Images without those that are there already."""
    seen, kept = set(), []
    for image in images:
        is_array = isinstance(image.image, np.ndarray)
        key = id(image) if is_array else str(image.image)
        if key in seen or ("id", image.image_id) in seen:
            dropped.add(DUPLICATES, image.where or image.image)
            continue
        seen |= {key, ("id", image.image_id)}
        kept.append(image)
    return kept


def _sizes(images, check, dropped):
    """Height and width of each image; `None` where it cannot be read."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda x: _look(x.image, check), images))
    for size, problem in results:
        if size is None:
            missing = problem.startswith("There is no image")
            reason = "images that are missing" if missing else "broken images"
            dropped.add(reason, problem)
    return [size for size, _ in results]


def _look(image, check):
    if isinstance(image, np.ndarray):
        return image.shape[:2], None
    try:
        size = upright_size(image)
        if check == "decode":
            # All the data is read, but as few pixels made of it as can be.
            load_image(image, max_reduction=lambda height, width: 8)
    except (FileNotFoundError, ValueError) as e:
        return None, str(e)
    return size, None


def _check_format(raw, readable):
    """Raises an error where all boxes together look like another format."""
    boxes = [image.boxes for image, _ in readable if len(image.boxes)]
    if not boxes:
        return
    sizes = [
        np.broadcast_to(size, (len(image.boxes), 2))
        for image, size in readable
        if len(image.boxes)
    ]
    boxes, sizes = np.concatenate(boxes), np.concatenate(sizes)
    looks_like = guess_box_format(boxes, sizes, raw.box_format)
    if looks_like is not None:
        raise ValueError(
            f"The boxes of {raw.source} should be {raw.box_format!r}, as "
            f"{raw.layout} has them, but look like {looks_like!r}. "
            f"Received: boxes such as {boxes[0].tolist()} in an image of "
            f"height {sizes[0][0]} and width {sizes[0][1]}"
        )


def _record(raw, image, size, new_label, repaired, dropped):
    where = image.where or str(image.image)
    if image.size is not None and tuple(image.size) != tuple(size):
        is_turned = tuple(image.size) == tuple(size)[::-1]
        note = ", which the camera turned" if is_turned else ""
        repaired.add(
            STATED_SIZE, f"{where}: {image.size}, is {tuple(size)}{note}"
        )
    boxes = from_any_format(image.boxes, raw.box_format, size)
    boxes, is_kept, mended, lost = mend_boxes(boxes, size)
    for notes, reasons in ((repaired, mended), (dropped, lost)):
        for reason, count in reasons.items():
            notes.add(reason, where, count)
    is_unnamed = image.labels < 0
    if is_unnamed.any():
        dropped.add(NO_CLASS, where, int(is_unnamed.sum()))
    labels = new_label[np.where(is_unnamed, -1, image.labels)]
    is_kept = is_kept & (labels >= 0)
    crowd, areas = image.is_crowd, image.areas
    count = len(boxes)
    return DetectionRecord(
        image=image.image,
        boxes=boxes[is_kept],
        labels=labels[is_kept].astype("int32"),
        is_crowd=(np.zeros(count, bool) if crowd is None else crowd)[is_kept],
        size=tuple(int(side) for side in size),
        image_id=image.image_id,
        areas=None if areas is None else areas[is_kept].astype("float32"),
    )


def _report(raw, records, names, left_out, repaired, dropped):
    counts = dict.fromkeys(names, 0)
    for record in records:
        for label in record.labels:
            counts[names[label]] += 1
    return DetectionReport(
        source=str(raw.source),
        layout=raw.layout,
        num_images=len(records),
        class_counts=counts,
        num_empty=sum(not len(record.labels) for record in records),
        num_crowd=sum(int(record.is_crowd.sum()) for record in records),
        repaired=repaired.as_dict(),
        dropped=dropped.as_dict(),
        left_out=left_out,
    )


def _raise_if_any(source, repaired, dropped):
    wrong = {**repaired.as_dict(), **dropped.as_dict()}
    if not wrong:
        return
    reasons = "; ".join(
        f"{count} {reason} ({listed(examples[:1])})"
        for reason, (count, examples) in wrong.items()
    )
    raise ValueError(
        f"{source} is not clean: {reasons}. Mend the files, or read with "
        "strict=False, which repairs or leaves out what is listed."
    )
