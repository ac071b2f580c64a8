"""The box of one annotation of a COCO file."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data.readers.annotations import number_or_nan
from keras_efficient.data.readers.run_lengths import mask_box

# Reasons in reports, each after a number.
FROM_OUTLINE = (
    "annotations without a box (enclosing box of their polygons or mask used)"
)
ROTATED = "rotated boxes (enclosing boxes used)"
NO_BOX = "annotations without a box of four numbers"
KEYPOINTS = "annotations of keypoints without a box"
UNCLEAR_ROTATION = "boxes of five numbers, whose rotation is not defined"
OTHER_MASK_SIZE = "masks whose size is not the stated one of their image"
CROWD_WORDS = {
    "": False, "0": False, "false": False, "no": False,
    "1": True, "true": True, "yes": True,
}  # fmt: skip
# Numbers of the smallest polygon, a triangle.
MIN_POLYGON = 6


def box_of(
    row: Mapping[str, Any], size: tuple[int, int] | None
) -> tuple[Sequence[Any] | None, str | None]:
    """Return the box of an annotation.

    Args:
        row: The annotation.
        size: Stated `(height, width)` of its image, or `None`.

    Returns:
        A pair `(box, note)`: left, top, width and height, not checked, and
        the reason for a note of the report or `None`. If there is no box, it is
        `None` and the note says why.
    """
    box = row.get("bbox")
    box = list(box) if isinstance(box, list | tuple) else []
    if len(box) == 4 and not _is_placeholder(box):
        angle = _rotation(row)
        if not angle:
            return box, None
        outline, _ = _outline_box(row.get("segmentation"), size)
        return outline or _enclosing_rotated(box, angle), ROTATED
    if len(box) == 8:
        corners = _points(box)
        if corners is not None:
            return _enclosing(corners), ROTATED
    outline, reason = _outline_box(row.get("segmentation"), size)
    if outline is not None:
        return outline, FROM_OUTLINE
    if len(box) == 4:  # for the checks of values
        return box, None
    if len(box) == 5:
        return None, UNCLEAR_ROTATION
    if reason is None and row.get("keypoints"):
        reason = KEYPOINTS
    return None, reason or NO_BOX


def crowd_of(row: Mapping[str, Any]) -> bool | None:
    """Return whether an annotation is a crowd, `None` if this is not clear."""
    value = row.get("iscrowd")
    if value is None:
        return False
    if isinstance(value, str):
        return CROWD_WORDS.get(value.strip().lower())
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    return None


def _is_placeholder(box: Sequence[Any]) -> bool:
    """Whether numbers stand for no box, such as four zeros."""
    numbers = [number_or_nan(x) for x in box]
    return numbers[2:] == [0, 0] or all(map(math.isnan, numbers))


def _rotation(row: Mapping[str, Any]) -> float:
    """Angle in degrees, clockwise around the center, as CVAT writes it."""
    attributes = row.get("attributes")
    if not isinstance(attributes, Mapping):
        return 0.0
    angle = attributes.get("rotation")
    angle = number_or_nan(angle) if not isinstance(angle, bool) else 0.0
    return angle % 360 if math.isfinite(angle) else 0.0


def _enclosing_rotated(box: Sequence[Any], angle: float) -> list[float]:
    left, top, width, height = (number_or_nan(x) for x in box)
    turn = math.radians(angle)
    cosine, sine = abs(math.cos(turn)), abs(math.sin(turn))
    across = width * cosine + height * sine
    down = width * sine + height * cosine
    x, y = left + width / 2, top + height / 2
    return [x - across / 2, y - down / 2, across, down]


def _outline_box(
    outline: Any, size: tuple[int, int] | None
) -> tuple[list[float] | None, str | None]:
    """The box around polygons or a mask, or why there is none."""
    if isinstance(outline, Mapping):
        return _mask_box(outline, size)
    if not isinstance(outline, list | tuple) or not outline:
        return None, None
    if isinstance(outline[0], Mapping):
        boxes = [_mask_box(mask, size) for mask in outline]
        for box, reason in boxes:
            if box is None:
                return None, reason
        corners = np.array([box for box, _ in boxes])
        corners[:, 2:] += corners[:, :2]
        return _enclosing(corners.reshape(-1, 2)), None
    is_nested = isinstance(outline[0], list | tuple)
    polygons = [_points(x) for x in (outline if is_nested else [outline])]
    known = [polygon for polygon in polygons if polygon is not None]
    return (_enclosing(np.concatenate(known)), None) if known else (None, None)


def _points(polygon: Any) -> np.ndarray | None:
    """Corners of shape `(number, 2)`; `None` if it is not a polygon."""
    try:
        numbers = np.asarray(polygon, "float64").reshape(-1)
    except (OverflowError, TypeError, ValueError):
        return None
    if len(numbers) < MIN_POLYGON or len(numbers) % 2:
        return None
    return numbers.reshape(-1, 2) if np.isfinite(numbers).all() else None


def _enclosing(corners: np.ndarray) -> list[float]:
    low, high = corners.min(0), corners.max(0)
    return [*low.tolist(), *(high - low).tolist()]


def _mask_box(
    mask: Any, size: tuple[int, int] | None
) -> tuple[list[float] | None, str | None]:
    """The box around a mask in run lengths, compressed or not."""
    if not isinstance(mask, Mapping):
        return None, NO_BOX
    box, stated = mask_box(mask)
    if stated is not None and size not in (None, stated):
        return None, OTHER_MASK_SIZE
    return (box, None) if box is not None else (None, NO_BOX)
