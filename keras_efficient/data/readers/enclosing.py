"""Boxes around shapes that are not boxes: polygons, rotated boxes, ellipses."""

import math
from collections.abc import Iterable
from collections.abc import Sequence


def box_around_points(points: Iterable[Sequence[float]]) -> list[float] | None:
    """Return the box `xyxy` around points.

    Args:
        points: Pairs `(x, y)` of floats.

    Returns:
        A list of four floats, or `None` if there are fewer than two points or
        a coordinate is not finite.

    >>> from keras_efficient.data.readers.enclosing import box_around_points
    >>> box_around_points([(4, 1), (2, 7), (3, 3)])
    [2.0, 1.0, 4.0, 7.0]
    """
    pairs = [(float(x), float(y)) for x, y in points]
    if len(pairs) < 2 or not all(math.isfinite(v) for p in pairs for v in p):
        return None
    xs, ys = zip(*pairs, strict=True)
    return [min(xs), min(ys), max(xs), max(ys)]


def box_around_rotated(
    box: Sequence[float], angle: float, center: Sequence[float] | None = None
) -> list[float] | None:
    """Return the box `xyxy` around a rotated box.

    Args:
        box: Four floats `xyxy`, the box before the rotation.
        angle: Float, the rotation in radians; the same in both directions of
            rotation if `center` is the center of the box.
        center: Pair `(x, y)`, the center of the rotation, clockwise on the
            screen. Defaults to the center of the box.

    Returns:
        A list of four floats, or `None` if a number is not finite.
    """
    x0, y0, x1, y1 = map(float, box)
    if not all(map(math.isfinite, (x0, y0, x1, y1, angle))):
        return None
    cx, cy = center or ((x0 + x1) / 2, (y0 + y1) / 2)
    cos, sin = math.cos(angle), math.sin(angle)
    return box_around_points(
        (
            cx + (x - cx) * cos - (y - cy) * sin,
            cy + (x - cx) * sin + (y - cy) * cos,
        )
        for x in (x0, x1)
        for y in (y0, y1)
    )


def box_around_ellipse(
    cx: float, cy: float, rx: float, ry: float, angle: float = 0.0
) -> list[float] | None:
    """Return the box `xyxy` around an ellipse.

    Args:
        cx: Float, horizontal position of the center.
        cy: Float, vertical position of the center.
        rx: Float, half of the horizontal axis before the rotation.
        ry: Float, half of the vertical axis before the rotation.
        angle: Float, rotation in radians, in either direction. Defaults to 0.

    Returns:
        A list of four floats, or `None` if a number is not finite.
    """
    if not all(map(math.isfinite, (cx, cy, rx, ry, angle))):
        return None
    dx = math.hypot(rx * math.cos(angle), ry * math.sin(angle))
    dy = math.hypot(rx * math.sin(angle), ry * math.cos(angle))
    return box_around_points([(cx - dx, cy - dy), (cx + dx, cy + dy)])
