"""Boxes and names drawn into an image."""

import colorsys

import numpy as np
from PIL import Image
from PIL import ImageDraw

from keras_efficient.inference.fonts import font_for

# Hues of neighbouring classes lie far apart (golden section).
HUE_STEP = 0.61803398875
# Below this side an image is enlarged, or no name could be read.
MIN_SIDE = 320
MAX_ENLARGEMENT = 8
# Letters are at most this share of the shorter side: of a banner, too.
MAX_LETTERS = 1 / 7
# From so many boxes on letters are smaller, and names that would cover others
# are left out.
CROWD = 20
# Longer names lose their middle.
MAX_LENGTH = 30
# None gets shorter than this, in however narrow a picture.
MIN_LENGTH = 8


def class_color(label):
    """The color of a class, always the same, bright enough for any ground.

    Args:
        label: Integer.

    Returns:
        A tuple of three integers.
    """
    hue = (0.02 + HUE_STEP * int(label)) % 1.0
    rgb = colorsys.hsv_to_rgb(hue, 0.85, 0.95)
    return tuple(round(255 * x) for x in rgb)


def draw_boxes(image, boxes, texts, labels):
    """Draws boxes with a text each.

    Args:
        image: Array `(height, width, 3)`, uint8. Small ones are enlarged, by
            a whole factor.
        boxes: Array `(number, 4)`, `xyxy` in pixels.
        texts: Sequence of strings.
        labels: Integer array `(number,)`, which choose the colors.

    Returns:
        A PIL image.
    """
    factor = -(-MIN_SIDE // max(image.shape[:2]))
    factor = max(1, min(factor, MAX_ENLARGEMENT))
    picture = Image.fromarray(image)
    if factor > 1:
        size = (picture.width * factor, picture.height * factor)
        picture = picture.resize(size, Image.Resampling.NEAREST)
        boxes = np.asarray(boxes) * factor
    draw = ImageDraw.Draw(picture)
    side = max(picture.size)
    line = max(2, round(min(side / 320, min(picture.size) / 40)))
    size = side / (48 if len(texts) < CROWD else 72)
    size = max(11, round(min(size, min(picture.size) * MAX_LETTERS)))
    taken = []
    # The surest come first and are drawn last, on top.
    order = range(len(texts))[::-1]
    for i in order:
        draw.rectangle(
            _within(boxes[i], picture.size), None, class_color(labels[i]), line
        )
    for i in order[::-1]:
        font, text = font_for(shortened(str(texts[i])), size)
        text = _fitting(draw, text, font, picture.width)
        _draw_text(
            draw,
            picture.size,
            boxes[i],
            text,
            labels[i],
            font,
            taken,
            len(texts) >= CROWD,
        )
    return picture


def shortened(text, length=MAX_LENGTH):
    """A text without its middle, if it is long; what tells is at the ends.

    Args:
        text: String.
        length: Integer, as long as it may be. Defaults to 30.

    Returns:
        A string.
    """
    if len(text) <= length:
        return text
    end = length // 2 - 1
    return f"{text[: length - end - 2]}..{text[-end:]}"


def _fitting(draw, text, font, width):
    """A text shortened until it is not wider than the picture."""
    length = len(text)
    while length > MIN_LENGTH:
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
        if right - left + 2 * _padding(top, bottom) <= width:
            break
        length -= 1
        text = shortened(text, length)
    return text


def _padding(top, bottom):
    return max(2, (bottom - top) // 4)


def _within(box, size):
    left, top, right, bottom = (float(x) for x in box)
    right = min(max(right, left), size[0] - 1)
    bottom = min(max(bottom, top), size[1] - 1)
    return min(left, right), min(top, bottom), right, bottom


def _draw_text(draw, size, box, text, label, font, taken, is_crowded):
    """Writes at the first place around a box that is free."""
    color = class_color(label)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    pad = _padding(top, bottom)
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    place, is_free = _place(size, box, width, height, taken)
    if is_crowded and not is_free:
        return
    x, y = place
    taken.append((x, y, x + width, y + height))
    draw.rectangle(taken[-1], color)
    luminance = np.dot(color, (0.299, 0.587, 0.114))
    ink = "black" if luminance > 140 else "white"
    draw.text((x + pad - left, y + pad - top), text, ink, font=font)


def _place(size, box, width, height, taken):
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
    inside = [
        (
            float(np.clip(x, 0, max(0, size[0] - width))),
            float(np.clip(y, 0, max(0, size[1] - height))),
        )
        for x, y in places
    ]
    # `min` takes the first of those that cover nothing.
    covered = [
        sum(_common((x, y, x + width, y + height), other) for other in taken)
        for x, y in inside
    ]
    best = covered.index(min(covered))
    return inside[best], covered[best] == 0


def _common(first, second):
    """Area that two rectangles share."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)
