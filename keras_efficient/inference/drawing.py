"""Drawing of boxes and class names into images."""

import colorsys
from collections.abc import Sequence

import numpy as np
from PIL import Image
from PIL import ImageDraw

from keras_efficient.inference.label_layout import Label
from keras_efficient.inference.label_layout import layout_labels
from keras_efficient.inference.label_layout import stack_labels

# The golden section: hues of consecutive labels are far apart.
HUE_STEP = 0.61803398875
# Smaller images are enlarged, because names could not be read.
MIN_SIDE = 320
MAX_ENLARGEMENT = 8


def class_color(label: int) -> tuple[int, int, int]:
    """Return the color of a class, bright enough for any background.

    Args:
        label: Integer.

    Returns:
        A tuple of three integers, red, green and blue in `[0, 255]`.
    """
    hue = (0.02 + HUE_STEP * int(label)) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_boxes(
    image: np.ndarray,
    boxes: np.ndarray,
    texts: Sequence[str],
    labels: Sequence[int] | np.ndarray,
) -> Image.Image:
    """Draw boxes with a text each.

    Args:
        image: Uint8 array `(height, width, 3)`. Small images are enlarged by
            an integer factor.
        boxes: Array `(number, 4)`, `xyxy` in pixels, most important first.
        texts: Sequence of strings, one for each box.
        labels: Integers, one for each box, which select the colors.

    Returns:
        A PIL image.
    """
    picture, factor = _enlarged(image)
    boxes = np.asarray(boxes).reshape(-1, 4) * factor
    draw = ImageDraw.Draw(picture)
    line = max(2, round(min(max(picture.size) / 320, min(picture.size) / 40)))
    # The most important boxes are drawn last, on top of the others.
    for i in reversed(range(len(texts))):
        edges = _within(boxes[i], picture.size)
        draw.rectangle(edges, None, class_color(labels[i]), line)
    for label in layout_labels(boxes, texts, picture.size):
        _draw_label(draw, label, labels[label.index])
    return picture


def draw_names(
    image: np.ndarray,
    texts: Sequence[str],
    labels: Sequence[int] | np.ndarray,
) -> Image.Image:
    """Write texts below each other into the upper left corner.

    Args:
        image: Uint8 array `(height, width, 3)`. Small images are enlarged by
            an integer factor.
        texts: Sequence of strings.
        labels: Integers, one for each text, which select the colors.

    Returns:
        A PIL image.
    """
    picture, _ = _enlarged(image)
    draw = ImageDraw.Draw(picture)
    for label in stack_labels(texts, picture.size):
        _draw_label(draw, label, labels[label.index])
    return picture


def _enlarged(image: np.ndarray) -> tuple[Image.Image, int]:
    """Return a picture of a small image, and the factor of its sides."""
    factor = -(-MIN_SIDE // max(image.shape[:2]))
    factor = max(1, min(factor, MAX_ENLARGEMENT))
    picture = Image.fromarray(image)
    if factor > 1:
        size = (picture.width * factor, picture.height * factor)
        picture = picture.resize(size, Image.Resampling.NEAREST)
    return picture, factor


def _within(
    box: np.ndarray, size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Clip a box at the right and bottom edge of the picture."""
    left, top, right, bottom = (float(x) for x in box)
    right = min(max(right, left), size[0] - 1)
    bottom = min(max(bottom, top), size[1] - 1)
    return min(left, right), min(top, bottom), right, bottom


def _draw_label(draw: ImageDraw.ImageDraw, label: Label, number: int) -> None:
    color = class_color(number)
    draw.rectangle(label.rectangle, color)
    luminance = np.dot(color, (0.299, 0.587, 0.114))
    ink = "black" if luminance > 140 else "white"
    draw.text(label.origin, label.text, ink, font=label.font)
