"""Which boxes can be meant, and which can be mended."""

import numpy as np

# Formats that people mix up, the likeliest first.
GUESSES = ("xyxy", "xywh", "center_xywh", "yxyx")
FORMATS = (*GUESSES, "center_yxhw")
RELATIVE = "rel_"
# Pixels that a box may reach beyond its image and still be in its format.
TOLERANCE = 1.0
# Pixels by which writing rounded numbers moves an edge: no fault.
ROUNDING = 0.5
# Numbers up to here may be shares of a side, if not all of them are whole.
MAX_SHARE = 1.5
# From this share of boxes on that cannot be meant it is the format.
SUSPICIOUS = 0.5
# The share of boxes that another format must explain; and where the expected
# one explains more than half.
CONVINCING = 0.9
CERTAIN = 0.99
# One box alone whose edges are swapped is a slip of the hand.
MIN_IMPOSSIBLE = 2


def guess_box_format(boxes, sizes, expected, suspicious=SUSPICIOUS):
    """The format that boxes seem to have, if it is not the one they should.

    Args:
        boxes: Array `(number, 4)`.
        sizes: Array `(number, 2)`, height and width of each box's image, in
            pixels.
        expected: String, the format they are said to have.
        suspicious: Float, share of boxes that cannot be meant from which on
            another format is looked for. Defaults to 0.5.

    Returns:
        A string, or `None` where `expected` may be right or nothing fits
        better.

    Example:
    >>> from keras_efficient.data.readers.boxes import guess_box_format
    >>> boxes = np.array([[0.2, 0.1, 0.4, 0.3], [0.5, 0.5, 0.9, 0.9]])
    >>> guess_box_format(boxes, np.array([[480, 640]] * 2), "xyxy")
    'rel_xyxy'
    """
    boxes = np.asarray(boxes, "float64").reshape(-1, 4)
    is_finite = np.isfinite(boxes).all(-1)
    boxes, sizes = boxes[is_finite], np.asarray(sizes, "float64")[is_finite]
    if not len(boxes):
        return None
    is_relative = _are_relative(boxes, sizes)
    prefix = RELATIVE if is_relative else ""
    if expected.startswith(RELATIVE) == is_relative:
        share = _share_possible(boxes, sizes, expected)
        if len(boxes) * (1 - share) < MIN_IMPOSSIBLE - 0.5:
            return None
    else:
        share = 0.0 if is_relative or _are_pixels(boxes) else 1.0
    if share > 1 - suspicious:
        return None
    shares = {
        prefix + name: _share_possible(boxes, sizes, prefix + name)
        for name in GUESSES
    }
    best = max(shares, key=shares.get)
    needed = CONVINCING if share <= 1 - SUSPICIOUS else CERTAIN
    return best if shares[best] >= needed and best != expected else None


def _are_relative(boxes, sizes):
    """Whether nearly all boxes are shares of the sides, not tiny boxes."""
    is_small = (np.abs(boxes) <= MAX_SHARE).all(-1) & (sizes.min(-1) > 4)
    is_broken = (boxes != np.round(boxes)).any(-1)
    return is_small.mean() >= CONVINCING and is_broken.mean() >= 0.5


def _are_pixels(boxes):
    return (boxes > MAX_SHARE).any(-1).mean() >= 0.5


def _share_possible(boxes, sizes, box_format):
    """Share of the boxes that lie in their images and have an area."""
    corners = from_any_format(boxes, box_format, sizes)
    is_possible = (
        (corners[:, 2:] > corners[:, :2]).all(-1)
        & (corners[:, :2] >= -TOLERANCE).all(-1)
        & (corners[:, 2:] <= sizes[:, ::-1] + TOLERANCE).all(-1)
    )
    return is_possible.mean()


def from_any_format(boxes, box_format, size):
    """Boxes as `xyxy` in pixels.

    Args:
        boxes: Array `(number, 4)`.
        box_format: String, by Keras' names: `"xyxy"`, `"yxyx"`, `"xywh"`,
            `"center_xywh"`, `"center_yxhw"`, and with `"rel_"` before it for
            shares of the image's sides.
        size: `(height, width)` of the image, or an array `(number, 2)` of
            those of each box.

    Returns:
        A float64 array `(number, 4)`.

    Raises:
        ValueError: If there is no such format.
    """
    plain = box_format.removeprefix(RELATIVE)
    if plain not in FORMATS:
        raise ValueError(
            f"The format of boxes must be one of {FORMATS}, or one with "
            f"{RELATIVE!r} before it. Received: {box_format!r}"
        )
    corners = _to_corners(np.asarray(boxes, "float64").reshape(-1, 4), plain)
    if plain == box_format:
        return corners
    return corners * np.asarray(size, "float64")[..., [1, 0, 1, 0]]


def _to_corners(boxes, box_format):
    a, b, c, d = boxes.T
    if box_format == "xyxy":
        return boxes
    if box_format == "yxyx":
        return np.stack([b, a, d, c], axis=-1)
    if box_format == "xywh":
        return np.stack([a, b, a + c, b + d], axis=-1)
    if box_format == "center_yxhw":
        a, b, c, d = b, a, d, c
    return np.stack([a - c / 2, b - d / 2, a + c / 2, b + d / 2], axis=-1)


def mend_boxes(boxes, size):
    """Mends the boxes of one image where it is clear what is meant.

    Args:
        boxes: Float array `(number, 4)`, `xyxy` in pixels.
        size: `(height, width)` of the image.

    Returns:
        A tuple `(boxes, repaired, dropped)`: the mended boxes, float32, and
        two dicts of a reason to a boolean array `(number,)`. Each box has one
        reason at most to be dropped, and none to be repaired with it.
    """
    boxes = np.array(boxes, "float64").reshape(-1, 4)
    is_finite = np.isfinite(boxes).all(-1)
    boxes[~is_finite] = 0
    limits = np.array([size[1], size[0]], "float64")
    low = np.minimum(boxes[:, :2], boxes[:, 2:])
    high = np.maximum(boxes[:, :2], boxes[:, 2:])
    mended = np.concatenate([low, high], axis=-1).clip(0, np.tile(limits, 2))
    mended = mended.astype("float32")
    is_flat = (high <= low).any(-1)
    is_outside = ((high <= 0) | (low >= limits)).any(-1)
    # Float32 rounds a sliver away.
    is_flat |= (mended[:, 2:] <= mended[:, :2]).any(-1) & ~is_outside
    dropped = {
        "boxes with NaN or infinite numbers": ~is_finite,
        "boxes without area": is_finite & is_flat,
        "boxes outside of the image": is_finite & ~is_flat & is_outside,
    }
    is_kept = ~np.any(list(dropped.values()), axis=0)
    is_beyond = (low < -ROUNDING) | (high > limits + ROUNDING)
    repaired = {
        "inverted boxes, edges swapped": is_kept
        & (boxes[:, :2] > boxes[:, 2:]).any(-1),
        "boxes partly outside, clipped": is_kept & is_beyond.any(-1),
    }
    return mended, repaired, dropped
