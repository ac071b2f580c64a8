"""Boxes and names drawn into an image."""

import colorsys

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

# Hues of neighbouring classes lie far apart (golden section).
HUE_STEP = 0.61803398875
# Below this side an image is enlarged, or no name could be read.
MIN_SIDE = 320
MAX_ENLARGEMENT = 8


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
    line = max(2, round(side / 320))
    font = ImageFont.load_default(size=max(11, round(side / 48)))
    taken = []
    # The surest come first and are drawn last, on top.
    order = range(len(texts))[::-1]
    for i in order:
        draw.rectangle(
            _within(boxes[i], picture.size), None, class_color(labels[i]), line
        )
    for i in order[::-1]:
        _draw_text(
            draw, picture.size, boxes[i], texts[i], labels[i], font, taken
        )
    return picture


def _within(box, size):
    left, top, right, bottom = (float(x) for x in box)
    right = min(max(right, left), size[0] - 1)
    bottom = min(max(bottom, top), size[1] - 1)
    return min(left, right), min(top, bottom), right, bottom


def _draw_text(draw, size, box, text, label, font, taken):
    """Writes at the first place around a box that is free."""
    color = class_color(label)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    pad = max(2, (bottom - top) // 4)
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    x, y = _place(size, box, width, height, taken)
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
    ]
    inside = [
        (
            float(np.clip(x, 0, max(0, size[0] - width))),
            float(np.clip(y, 0, max(0, size[1] - height))),
        )
        for x, y in places
    ]
    for x, y in inside:
        if not any(
            x < other[2]
            and other[0] < x + width
            and y < other[3]
            and other[1] < y + height
            for other in taken
        ):
            return x, y
    return inside[0]
