"""Placement of the labels of boxes, so that they can be read."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from PIL import ImageDraw

from keras_efficient.inference.fonts import font_for
from keras_efficient.ops import box_coverage

# Left, top, right and bottom, in pixels.
Rectangle = tuple[float, float, float, float]

# Letters are at most this share of the picture's shorter side.
MAX_LETTER_SHARE = 1 / 7
# With this number of boxes or more, letters are smaller, and labels that would
# cover other labels are omitted.
CROWD = 20
# Longer texts are shortened in the middle.
MAX_LENGTH = 30
# Texts are not shortened further to fit into a narrow picture.
MIN_LENGTH = 8


@dataclasses.dataclass(frozen=True)
class Label:
    """A text in a filled rectangle.

    Attributes:
        index: Integer, index of the box that the label belongs to.
        text: String, shortened if necessary.
        font: A `PIL.ImageFont` font.
        rectangle: `(left, top, right, bottom)` in pixels.
        origin: `(x, y)`, where `PIL.ImageDraw.ImageDraw.text` draws the text.
    """

    index: int
    text: str
    font: Any
    rectangle: Rectangle
    origin: tuple[float, float]


def layout_labels(
    boxes: np.ndarray, texts: Sequence[str], size: tuple[int, int]
) -> list[Label]:
    """Place a label at each box, in the order of the boxes.

    A label is placed where it covers the least of the labels before it.

    Args:
        boxes: Array `(number, 4)`, `xyxy` in pixels.
        texts: Sequence of strings, one for each box.
        size: `(width, height)` of the picture.

    Returns:
        A list of `Label`. It is shorter than `texts` if there are many boxes
        and some labels would cover others.
    """
    draw = _measuring_draw()
    is_crowded = len(texts) >= CROWD
    font_size = letter_size(size, is_crowded)
    labels: list[Label] = []
    for index, (box, text) in enumerate(zip(boxes, texts, strict=True)):
        font, text = font_for(shortened(str(text)), font_size)
        text = _fitting(draw, text, font, size[0])
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
        pad = _padding(top, bottom)
        width, height = right - left + 2 * pad, bottom - top + 2 * pad
        taken = [label.rectangle for label in labels]
        (x, y), is_free = _place(size, box, width, height, taken)
        if is_crowded and not is_free:
            continue
        rectangle = (x, y, x + width, y + height)
        origin = (x + pad - left, y + pad - top)
        labels.append(Label(index, text, font, rectangle, origin))
    return labels


def stack_labels(texts: Sequence[str], size: tuple[int, int]) -> list[Label]:
    """Place labels below each other in the upper left corner.

    Args:
        texts: Sequence of strings.
        size: `(width, height)` of the picture.

    Returns:
        A list of `Label`, as many as fit into the height, at least one.
    """
    draw = _measuring_draw()
    font_size = letter_size(size, False)
    labels: list[Label] = []
    y = 0.0
    for index, text in enumerate(texts):
        font, text = font_for(shortened(str(text)), font_size)
        text = _fitting(draw, text, font, size[0])
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
        pad = _padding(top, bottom)
        rectangle = (0.0, y, right - left + 2 * pad, y + bottom - top + 2 * pad)
        if labels and rectangle[3] > size[1]:
            break
        labels.append(
            Label(index, text, font, rectangle, (pad - left, y + pad - top))
        )
        y = rectangle[3] + 1
    return labels


def letter_size(size: tuple[int, int], is_crowded: bool) -> int:
    """Return the font size in pixels for a picture of `(width, height)`."""
    letters = max(size) / (72 if is_crowded else 48)
    return max(11, round(min(letters, min(size) * MAX_LETTER_SHARE)))


def shortened(text: str, length: int = MAX_LENGTH) -> str:
    """Shorten a text in the middle, because names differ at the ends.

    Args:
        text: String.
        length: Integer, largest number of characters. Defaults to 30.

    Returns:
        A string.
    """
    if len(text) <= length:
        return text
    end = length // 2 - 1
    return f"{text[: length - end - 2]}..{text[-end:]}"


def _measuring_draw() -> ImageDraw.ImageDraw:
    return ImageDraw.Draw(Image.new("RGB", (1, 1)))


def _fitting(draw: Any, text: str, font: Any, width: int) -> str:
    """Shorten a text until it is not wider than the picture."""
    length = len(text)
    while length > MIN_LENGTH:
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
        if right - left + 2 * _padding(top, bottom) <= width:
            break
        length -= 1
        text = shortened(text, length)
    return text


def _padding(top: float, bottom: float) -> float:
    return max(2, (bottom - top) // 4)


def _place(
    size: tuple[int, int],
    box: Sequence[float],
    width: float,
    height: float,
    taken: list[Rectangle],
) -> tuple[tuple[float, float], bool]:
    """Return the best place around a box, and whether it is free."""
    left, top, right, bottom = box
    places = [
        (left, top - height),
        (left, top),
        (right - width, bottom),
        (left, bottom),
        (right - width, top - height),
        (left, bottom - height),
        (right - width, top),
        (left, (top + bottom - height) / 2),
        (right, top),
        (left - width, top),
    ]
    inside = np.array(
        [
            (
                np.clip(x, 0, max(0, size[0] - width)),
                np.clip(y, 0, max(0, size[1] - height)),
            )
            for x, y in places
        ]
    )
    rectangles = np.concatenate([inside, inside + [width, height]], axis=1)
    others = np.array(taken, "float64").reshape(-1, 4)
    covered = box_coverage(rectangles, others).sum(axis=1)
    # `argmin` returns the first of the best places.
    best = int(np.argmin(covered))
    x, y = inside[best]
    return (float(x), float(y)), bool(covered[best] == 0)
