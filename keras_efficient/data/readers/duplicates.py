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
    by_file: dict[str, RawImage] = {}
    ids, kept = set(), []
    for image in images:
        file = None
        if not isinstance(image.image, np.ndarray):
            file = os.path.normpath(image.image)
        if file in by_file:
            repaired.setdefault(LISTED_TWICE, []).append(image.where)
            by_file[file].num_unread += image.num_unread
            _add_boxes(by_file[file], image)
        elif image.image_id in ids:
            where = f"{image.where}, id {image.image_id!r}"
            dropped.setdefault(ID_TAKEN, []).append(where)
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
