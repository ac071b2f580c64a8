"""Boxes around masks that COCO files store as lengths of runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_efficient.data.readers.annotations import stated_size

# Five bits are stored in each character; 64 bits need no more than these.
MAX_CHARACTERS = 13


def mask_box(
    mask: Mapping[str, Any],
) -> tuple[list[float] | None, tuple[int, int] | None]:
    """Return the box around a mask; the mask itself is not drawn.

    Time and memory are proportional to the number of runs, whatever size the
    mask states.

    Args:
        mask: `{"size": [height, width], "counts": ...}`, where the counts are
            the lengths of runs down the columns, of background and mask in
            turn: a list of integers, or text in COCO's compressed form.

    Returns:
        A pair of the box, `[left, top, width, height]` in pixels, and the size
        `(height, width)`. Both are `None` if the runs do not fill the size, the
        box also if the mask is empty.

    >>> from keras_efficient.data.readers.run_lengths import mask_box
    >>> mask_box({"size": [4, 3], "counts": [5, 2, 5]})
    ([1.0, 1.0, 1.0, 2.0], (4, 3))
    """
    stated, counts = mask.get("size"), mask.get("counts")
    if not isinstance(stated, list | tuple) or len(stated) != 2:
        return None, None
    size = stated_size(*stated)
    if isinstance(counts, str):
        counts = _decompressed(counts)
    if size is None or not isinstance(counts, list):
        return None, None
    if not all(isinstance(x, int) and x >= 0 for x in counts):
        return None, None
    if sum(counts) != size[0] * size[1]:
        return None, None
    return _box(np.array(counts, "int64"), size[0]), size


def _box(counts: np.ndarray, height: int) -> list[float] | None:
    stops = np.cumsum(counts)
    is_mask = (np.arange(len(counts)) % 2 == 1) & (counts > 0)
    if not is_mask.any():
        return None
    first, last = (stops - counts)[is_mask], stops[is_mask] - 1
    left, right = (first // height).min(), (last // height).max()
    top, bottom = first % height, last % height
    # A run over several columns touches the upper and the lower edge.
    is_long = first // height < last // height
    top = np.where(is_long, 0, top).min()
    bottom = np.where(is_long, height - 1, bottom).max()
    sides = right - left + 1, bottom - top + 1
    return [float(x) for x in (left, top, *sides)]


def _decompressed(text: str) -> list[int] | None:
    """Lengths of the runs of text, `None` if it is broken."""
    counts: list[int] = []
    value = place = 0
    for code in (ord(x) - 48 for x in text):
        if not 0 <= code < 64 or place >= MAX_CHARACTERS:
            return None
        value |= (code & 31) << (5 * place)
        place += 1
        if code & 32:
            continue
        if code & 16:  # negative
            value -= 1 << (5 * place)
        if len(counts) > 2:  # the difference from the last run of its kind
            value += counts[-2]
        counts.append(value)
        value = place = 0
    return None if place else counts
