"""Recognition of wrong box formats, and repair of single boxes."""

import dataclasses

import numpy as np

from keras_efficient.ops.boxes import RELATIVE
from keras_efficient.ops.boxes import convert_boxes

# Formats that are often mistaken for each other, the most frequent first.
GUESSES = ("xyxy", "xywh", "center_xywh", "yxyx")
# Pixels that a box may reach beyond its image and still be in its format.
TOLERANCE = 1.0
# Pixels that rounded coordinates may lie outside the image: not an error.
ROUNDING = 0.5
# Largest number that may be a fraction of a side.
MAX_FRACTION = 1.5
# From this share of impossible boxes on, another format is an error.
SUSPICIOUS = 0.5
# From this share on, the report names the better format.
WORTH_A_NOTE = 0.1
# Share of boxes that another format must explain; the second applies if the
# expected format explains more than half.
CONVINCING = 0.9
CERTAIN = 0.99
# A single box with swapped edges is an error of its annotator.
MIN_IMPOSSIBLE = 2


@dataclasses.dataclass(frozen=True)
class OtherFormat:
    """The format that boxes seem to have instead of the expected one.

    Attributes:
        likely: The format that most boxes seem to have, or `None`.
        possible: The format that fits better than the expected one, which
            fits most boxes, or `None`.
    """

    likely: str | None
    possible: str | None


def check_box_format(
    boxes: np.ndarray,
    corners: np.ndarray,
    sizes: np.ndarray,
    expected: str,
) -> OtherFormat:
    """Check whether the boxes of a dataset have the expected format.

    Args:
        boxes: Float array of shape `(number, 4)`, as the files state them.
        corners: The same boxes, converted from `expected` to `xyxy` in pixels.
        sizes: Array of shape `(number, 2)`, height and width of the image of
            each box, in pixels.
        expected: String, the declared format.

    Returns:
        An `OtherFormat`.
    """
    likely = _guess(boxes, corners, sizes, expected, SUSPICIOUS)
    possible = likely or _guess(boxes, corners, sizes, expected, WORTH_A_NOTE)
    return OtherFormat(likely, possible)


def guess_box_format(
    boxes: np.ndarray,
    sizes: np.ndarray,
    expected: str,
    suspicious: float = SUSPICIOUS,
) -> str | None:
    """Return the format that boxes seem to have instead of the expected one.

    Args:
        boxes: Array of shape `(number, 4)`.
        sizes: Array of shape `(number, 2)`, height and width of the image of
            each box, in pixels.
        expected: String, the declared format.
        suspicious: Float, share of impossible boxes from which on another
            format is considered. Defaults to 0.5.

    Returns:
        A string, or `None` if `expected` is plausible or no other format fits
        better.

    Example:
    >>> from keras_efficient.data.readers.boxes import guess_box_format
    >>> boxes = np.array([[0.2, 0.1, 0.4, 0.3], [0.5, 0.5, 0.9, 0.9]])
    >>> guess_box_format(boxes, np.array([[480, 640]] * 2), "xyxy")
    'rel_xyxy'
    """
    boxes = np.asarray(boxes, "float64").reshape(-1, 4)
    corners = convert_boxes(boxes, expected, "xyxy", np.asarray(sizes))
    return _guess(boxes, corners, sizes, expected, suspicious)


def _guess(
    boxes: np.ndarray,
    corners: np.ndarray,
    sizes: np.ndarray,
    expected: str,
    suspicious: float,
) -> str | None:
    """`guess_box_format` with the boxes also as `xyxy` in pixels."""
    is_finite = np.isfinite(boxes).all(-1)
    boxes, corners = boxes[is_finite], corners[is_finite]
    sizes = np.asarray(sizes, "float64")[is_finite]
    if not len(boxes):
        return None
    is_relative = _are_relative(boxes, sizes)
    prefix = RELATIVE if is_relative else ""
    if expected.startswith(RELATIVE) == is_relative:
        share = _share_possible(corners, sizes)
        if len(boxes) * (1 - share) < MIN_IMPOSSIBLE - 0.5:
            return None
    else:
        share = 0.0 if is_relative or _are_pixels(boxes) else 1.0
    if share > 1 - suspicious:
        return None
    shares = {
        name: _share_possible(convert_boxes(boxes, name, "xyxy", sizes), sizes)
        for name in (prefix + guess for guess in GUESSES)
    }
    best = max(shares, key=lambda name: shares[name])
    needed = CONVINCING if share <= 1 - SUSPICIOUS else CERTAIN
    return best if shares[best] >= needed and best != expected else None


def _are_relative(boxes: np.ndarray, sizes: np.ndarray) -> bool:
    """Whether nearly all boxes are fractions of the sides, not tiny boxes."""
    is_small = (np.abs(boxes) <= MAX_FRACTION).all(-1) & (sizes.min(-1) > 4)
    is_broken = (boxes != np.round(boxes)).any(-1)
    return bool(is_small.mean() >= CONVINCING and is_broken.mean() >= 0.5)


def _are_pixels(boxes: np.ndarray) -> bool:
    return bool((boxes > MAX_FRACTION).any(-1).mean() >= 0.5)


def _share_possible(corners: np.ndarray, sizes: np.ndarray) -> float:
    """Share of the boxes that lie in their images and have an area."""
    is_possible = (
        (corners[:, 2:] > corners[:, :2]).all(-1)
        & (corners[:, :2] >= -TOLERANCE).all(-1)
        & (corners[:, 2:] <= sizes[:, ::-1] + TOLERANCE).all(-1)
    )
    return float(is_possible.mean())


def repair_boxes(
    boxes: np.ndarray, sizes: np.ndarray | tuple[int, int]
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Repair boxes, and find those to drop.

    Swapped edges are exchanged, and boxes are clipped to the image.

    Args:
        boxes: Float array of shape `(number, 4)`, `xyxy` in pixels.
        sizes: `(height, width)` of the image, or an array of shape `(number,
            2)` for boxes of several images.

    Returns:
        A tuple `(boxes, repaired, dropped)`: the boxes as float32, and two
        dicts from a reason to a boolean array of shape `(number,)`. A box has
        at most one reason to be dropped, and is not repaired if it has one.
    """
    boxes = np.array(boxes, "float64").reshape(-1, 4)
    is_finite = np.isfinite(boxes).all(-1)
    boxes[~is_finite] = 0
    limits = np.asarray(sizes, "float64")[..., ::-1]
    low = np.minimum(boxes[:, :2], boxes[:, 2:])
    high = np.maximum(boxes[:, :2], boxes[:, 2:])
    repaired = np.concatenate(
        [low.clip(0, limits), high.clip(0, limits)], axis=-1
    ).astype("float32")
    is_flat = (high <= low).any(-1)
    is_outside = ((high <= 0) | (low >= limits)).any(-1)
    # Float32 may round a tiny side to 0.
    is_flat |= (repaired[:, 2:] <= repaired[:, :2]).any(-1) & ~is_outside
    dropped_for = {
        "boxes with NaN or infinite coordinates": ~is_finite,
        "boxes without area": is_finite & is_flat,
        "boxes outside the image": is_finite & ~is_flat & is_outside,
    }
    is_kept = ~np.any(list(dropped_for.values()), axis=0)
    is_beyond = (low < -ROUNDING) | (high > limits + ROUNDING)
    repaired_for = {
        "inverted boxes (edges swapped)": is_kept
        & (boxes[:, :2] > boxes[:, 2:]).any(-1),
        "boxes partly outside the image (clipped)": is_kept & is_beyond.any(-1),
    }
    return repaired, repaired_for, dropped_for
