"""Images that annotation files list several times."""

import os
from collections.abc import MutableMapping
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.readers.annotations import RawImage

# Reasons in reports, each after a number.
LISTED_TWICE = "images listed twice (boxes merged)"
ID_TAKEN = "images with the id of an earlier image"


def merge_duplicates(
    images: Sequence[RawImage],
    repaired: MutableMapping[str, list[str]],
    dropped: MutableMapping[str, list[str]],
) -> list[RawImage]:
    """Return each image once, with the boxes of all entries of its file.

    Args:
        images: The images as a reader returns them.
        repaired: Dict from a reason to places, extended by merged entries.
        dropped: The same, extended by other images with the same id.

    Returns:
        A list of `RawImage`s with different ids and files.
    """
    by_file: dict[str, list[RawImage]] = {}
    ids, kept = set(), []
    for image in images:
        file = None
        if not isinstance(image.image, np.ndarray):
            file = os.path.normpath(image.image)
        if file in by_file:
            repaired.setdefault(LISTED_TWICE, []).append(image.where)
            by_file[file].append(image)
        elif image.image_id in ids:
            where = f"{image.where}, id {image.image_id!r}"
            dropped.setdefault(ID_TAKEN, []).append(where)
        else:
            kept.append(image)
            ids.add(image.image_id)
            if file is not None:
                by_file[file] = [image]
    for entries in by_file.values():
        if len(entries) > 1:
            _merge(entries)
    return kept


def _merge(entries: Sequence[RawImage]) -> None:
    """Add to the first entry the boxes of the others that are new."""
    first = entries[0]
    first.num_unread = sum(x.num_unread for x in entries)
    known: set[tuple[float, ...]] = set()
    is_new: list[bool] = []
    for entry in entries:
        pairs = zip(entry.labels.tolist(), entry.boxes.tolist(), strict=True)
        rows = [(label, *box) for label, box in pairs]
        # An entry keeps boxes that it has twice itself.
        is_new += [entry is first or row not in known for row in rows]
        known.update(rows)
    if sum(is_new) == len(first.labels):
        return

    def joined(name: str, default: object) -> np.ndarray:
        parts = [
            np.full(len(x.boxes), default)
            if getattr(x, name) is None
            else getattr(x, name)
            for x in entries
        ]
        return np.concatenate(parts)[is_new]

    values = {
        "is_crowd": joined("is_crowd", False),
        "areas": joined("areas", np.nan),
        "labels": joined("labels", -1),
        "boxes": joined("boxes", np.nan),
    }
    for name, value in values.items():
        setattr(first, name, value)
