"""Which boxes can be meant, and which can be mended."""

import numpy as np

# Formats that people mix up, the likeliest first.
GUESSES = ("xyxy", "xywh", "center_xywh", "yxyx")
RELATIVE = "rel_"
# Pixels, or shares, that a box may reach beyond its image by rounding.
TOLERANCE = 1.0
# From this share of boxes on that cannot be meant it is the format.
SUSPICIOUS = 0.5


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
    share = _share_possible(boxes, sizes, expected)
    if share > 1 - suspicious:
        return None
    prefix = RELATIVE if _looks_relative(boxes, sizes) else ""
    shares = {
        prefix + name: _share_possible(boxes, sizes, prefix + name)
        for name in GUESSES
    }
    best = max(shares, key=shares.get)
    is_better = shares[best] > max(share, 0.9) and best != expected
    return best if is_better else None


def _looks_relative(boxes, sizes):
    return boxes.max() <= 1.5 and sizes.min() > 4


def _share_possible(boxes, sizes, box_format):
    """Share of the boxes that lie in their images and have an area."""
    if box_format.startswith(RELATIVE):
        if boxes.max() > 1.5:
            return 0.0
        boxes = boxes * sizes[:, [1, 0, 1, 0]]
        if box_format.removeprefix(RELATIVE).startswith(("y", "center_y")):
            boxes = boxes / sizes[:, [1, 0, 1, 0]] * sizes[:, [0, 1, 0, 1]]
    elif _looks_relative(boxes, sizes):
        return 0.0
    corners = to_corners(boxes, box_format.removeprefix(RELATIVE))
    sides = corners[:, 2:] - corners[:, :2]
    beyond = corners[:, 2:] - sizes[:, ::-1]
    is_possible = (
        (sides > 0).all(-1)
        & (corners[:, :2] >= -TOLERANCE).all(-1)
        & (beyond <= TOLERANCE).all(-1)
    )
    return is_possible.mean()


def to_corners(boxes, box_format):
    """Boxes in pixels as `xyxy`, in float64.

    Args:
        boxes: Array `(number, 4)`.
        box_format: String: `"xyxy"`, `"yxyx"`, `"xywh"`, `"center_xywh"` or
            `"center_yxhw"`.

    Returns:
        An array of the shape of `boxes`.
    """
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


def from_any_format(boxes, box_format, size):
    """Boxes of one image as `xyxy` in pixels.

    Args:
        boxes: Array `(number, 4)`.
        box_format: String, by Keras' names, also the relative ones.
        size: `(height, width)` of the image.

    Returns:
        A float64 array `(number, 4)`.
    """
    plain = box_format.removeprefix(RELATIVE)
    corners = to_corners(boxes, plain)
    if plain != box_format:
        corners = corners * np.array([size[1], size[0]] * 2, "float64")
    return corners


def mend_boxes(boxes, size):
    """Mends the boxes of one image where it is clear what is meant.

    Args:
        boxes: Float array `(number, 4)`, `xyxy` in pixels.
        size: `(height, width)` of the image.

    Returns:
        A tuple `(boxes, is_kept, repaired, dropped)`: the mended boxes, which
        of them can be used, and two dicts of reason to the number of boxes.
    """
    boxes = np.array(boxes, "float64").reshape(-1, 4)
    is_finite = np.isfinite(boxes).all(-1)
    boxes[~is_finite] = 0
    low = np.minimum(boxes[:, :2], boxes[:, 2:])
    high = np.maximum(boxes[:, :2], boxes[:, 2:])
    is_inverted = (boxes[:, :2] > boxes[:, 2:]).any(-1)
    limits = np.array([size[1], size[0]], "float64")
    is_outside = ((high <= 0) | (low >= limits)).any(-1)
    is_flat = (high <= low).any(-1)
    clipped_low, clipped_high = (np.clip(x, 0, limits) for x in (low, high))
    is_beyond = ((low < clipped_low) | (high > clipped_high)).any(-1)
    mended = np.concatenate([clipped_low, clipped_high], axis=-1)
    mended = mended.astype("float32")
    # Float32 may round a sliver away.
    is_flat |= (mended[:, 2:] <= mended[:, :2]).any(-1) & ~is_outside
    is_kept = is_finite & ~is_outside & ~is_flat
    repaired = {
        "inverted boxes, edges swapped": is_inverted & is_kept,
        "boxes partly outside, clipped": is_beyond & is_kept,
    }
    dropped = {
        "boxes with NaN or infinite numbers": ~is_finite,
        "boxes without area": is_finite & is_flat,
        "boxes outside of the image": is_finite & ~is_flat & is_outside,
    }
    return (
        mended,
        is_kept,
        {k: int(v.sum()) for k, v in repaired.items() if v.any()},
        {k: int(v.sum()) for k, v in dropped.items() if v.any()},
    )
