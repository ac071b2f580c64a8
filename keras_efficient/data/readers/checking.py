"""From what an annotation file says to records that can be trusted."""

import collections
import os

import numpy as np

from keras_efficient.data.images import load_image
from keras_efficient.data.images import upright_size
from keras_efficient.data.readers.boxes import guess_box_format
from keras_efficient.data.readers.boxes import repair_boxes
from keras_efficient.data.readers.class_names import select_classes
from keras_efficient.data.readers.progress import MIN_IMAGES_FOR_PROGRESS
from keras_efficient.data.readers.progress import map_in_threads
from keras_efficient.data.readers.raw import RawImage
from keras_efficient.data.records import DetectionRecord
from keras_efficient.data.records import DetectionReport
from keras_efficient.ops import convert_boxes

CHECKS = ("decode", "header")
NO_CLASS = "boxes of a class that the file does not name"
NOT_ASKED = "boxes of classes that are not in `class_names`"
LISTED_TWICE = "images listed twice, boxes put together"
ID_TAKEN = "images with the id of an earlier one"
STATED_SIZE = "images of another size than the file states, theirs used"
MISSING = "images that are missing"
BROKEN = "images that cannot be read"
LOOKS_LIKE = "sets with boxes that cannot be {!r}; they look like {!r}"
# From this share of impossible boxes on the report names a better format;
# from half on it is an error.
WORTH_A_NOTE = 0.1


class _Notes:
    """What was found wrong, by reason: where it was."""

    def __init__(self):
        self.places = collections.defaultdict(list)

    def add(self, reason, where):
        self.places[reason].append(str(where))

    def as_dict(self):
        return {
            reason: (len(places), tuple(places))
            for reason, places in self.places.items()
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
    label_of = {name: label for label, name in enumerate(names)}
    # The last is what a label of -1 finds: no class.
    new_labels = np.array([label_of.get(n, -1) for n in raw.class_names] + [-1])
    repaired, dropped = _Notes(), _Notes()
    for reason, where in raw.dropped:
        dropped.add(reason, where)
    images = _merged(raw.images, repaired, dropped)
    sizes = _sizes(raw, images, check, dropped)
    readable = [
        (image, size)
        for image, size in zip(images, sizes, strict=True)
        if size is not None
    ]
    _check_format(raw, readable, repaired)
    records = tuple(
        _record(raw, image, size, new_labels, repaired, dropped)
        for image, size in readable
    )
    report = _report(raw, records, names, left_out, repaired, dropped)
    if strict:
        _raise_if_any(report)
    if report.num_boxes == report.num_crowd:
        raise ValueError(
            f"{raw.source} has no boxes that can be used, in "
            f"{len(raw.images)} images. A detector cannot learn from images "
            f"without boxes alone. What was found:\n{report}"
        )
    return records, names, _category_ids(raw, names), report


def _category_ids(raw, names):
    """Numbers of the classes; new ones for those that the file has not."""
    ids = dict(zip(raw.class_names, raw.category_ids, strict=True))
    highest = max((n for n in ids.values() if isinstance(n, int)), default=0)
    return tuple(ids.get(n, highest + 1 + i) for i, n in enumerate(names))


def _merged(images, repaired, dropped):
    """Images, each once: with the boxes of all entries of its file."""
    by_file, ids, kept = {}, set(), []
    for image in images:
        file = None
        if not isinstance(image.image, np.ndarray):
            file = os.path.normpath(image.image)
        if file in by_file:
            repaired.add(LISTED_TWICE, image.where)
            _add_boxes(by_file[file], image)
        elif image.image_id in ids:
            dropped.add(ID_TAKEN, f"{image.where}, id {image.image_id!r}")
        else:
            kept.append(image)
            ids.add(image.image_id)
            if file is not None:
                by_file[file] = image
    return kept


def _add_boxes(image: RawImage, other: RawImage):
    """Adds the boxes that are not there yet."""
    own = {
        (label, *box)
        for label, box in zip(
            image.labels.tolist(), image.boxes.tolist(), strict=True
        )
    }
    is_new = np.array(
        [
            (label, *box) not in own
            for label, box in zip(
                other.labels.tolist(), other.boxes.tolist(), strict=True
            )
        ],
        bool,
    )
    if not is_new.any():
        return

    def joined(name, default):
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


def _sizes(raw, images, check, dropped):
    """Height and width of each image; `None` where it cannot be read."""
    show_progress = check == "decode" and len(images) >= MIN_IMAGES_FOR_PROGRESS
    results = map_in_threads(
        lambda image: _look(image.image, check), images, show_progress
    )
    for _, reason, problem in results:
        if reason is not None:
            dropped.add(reason, problem)
    if not any(size for size, *_ in results):
        first = next((problem for *_, problem in results), "There are none")
        raise ValueError(
            f"{raw.source} ({raw.layout}) has {len(images)} images, none of "
            f"which can be read. The first: {first}."
        )
    return [size for size, *_ in results]


def _look(image, check):
    """Size of an image, or what is wrong with it: `(size, reason, text)`."""
    if isinstance(image, np.ndarray):
        return image.shape[:2], None, None
    try:
        size = upright_size(image)
        if check == "decode":
            # All the data is read, but as few pixels made of it as can be.
            load_image(image, max_reduction=lambda height, width: 8)
    except FileNotFoundError as e:
        return None, MISSING, str(e)
    except ValueError as e:
        return None, BROKEN, str(e)
    return size, None, None


def _check_format(raw, readable, repaired):
    """Raises an error where most boxes together look like another format."""
    pairs = [(image, size) for image, size in readable if len(image.boxes)]
    # A size that is not the stated one may move boxes without any fault.
    pairs = [x for x in pairs if x[0].size in (None, tuple(x[1]))] or pairs
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
            f"The boxes of {raw.source} should be {expected!r}, as "
            f"{raw.layout} has them, but look like {looks_like!r}. "
            f"Received: boxes such as {boxes[0].tolist()} in an image of "
            f"height {sizes[0][0]} and width {sizes[0][1]}"
        )
    looks_like = guess_box_format(boxes, sizes, expected, WORTH_A_NOTE)
    if looks_like is not None:
        repaired.add(LOOKS_LIKE.format(expected, looks_like), raw.source)


def _record(raw, image, size, new_labels, repaired, dropped):
    size = tuple(int(side) for side in size)
    if image.size is not None and tuple(image.size) != size:
        is_turned = tuple(image.size) == size[::-1]
        note = ", as the camera noted that it is turned" if is_turned else ""
        repaired.add(
            STATED_SIZE,
            f"{image.where}: {tuple(image.size)} is {size}{note}",
        )
    labels = new_labels[image.labels]
    for reason, is_it in (
        (NO_CLASS, image.labels < 0),
        (NOT_ASKED, (labels < 0) & (image.labels >= 0)),
    ):
        for _ in range(is_it.sum()):
            dropped.add(reason, image.where)
    asked = np.flatnonzero(labels >= 0)
    boxes, mended, lost = repair_boxes(
        convert_boxes(
            np.asarray(image.boxes[asked], "float64").reshape(-1, 4),
            raw.box_format,
            "xyxy",
            size,
        ),
        size,
    )
    for notes, reasons in ((repaired, mended), (dropped, lost)):
        for reason, is_it in reasons.items():
            for box in image.boxes[asked[is_it]].tolist():
                notes.add(reason, f"{image.where}: {box}")
    is_kept = ~np.any(list(lost.values()), axis=0)
    kept, boxes = asked[is_kept], boxes[is_kept]
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


def _report(raw, records, names, left_out, repaired, dropped):
    labels = [np.zeros(0, "int32"), *(record.labels for record in records)]
    counts = np.bincount(np.concatenate(labels), minlength=len(names))
    return DetectionReport(
        source=str(raw.source),
        layout=raw.layout,
        num_images=len(records),
        class_counts=dict(zip(names, counts.tolist(), strict=True)),
        num_empty=sum(not len(record.labels) for record in records),
        num_crowd=sum(int(record.is_crowd.sum()) for record in records),
        repaired=repaired.as_dict(),
        dropped=dropped.as_dict(),
        left_out=left_out,
    )


def _raise_if_any(report):
    wrong = {**report.repaired, **report.dropped}
    if not wrong:
        return
    reasons = "; ".join(
        f"{count} {reason} (the first: {places[0]})"
        for reason, (count, places) in wrong.items()
    )
    raise ValueError(
        f"{report.source} is not clean: {reasons}. Mend the files, or read "
        "with strict=False, which repairs or leaves out what is listed."
    )
