"""Lines of YOLO's label files: boxes, polygons or keypoints.

No file states what its lines are. A line `<class> <numbers>` may be a box, a
box with a confidence or track id, a polygon, a rotated box, or a box with
keypoints. All lines of a split with the same count of numbers are read in the
same way, and not at all if two readings are possible.
"""

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from keras_efficient.data.readers.files import read_text

# Reasons in reports, each after a number.
NOT_A_BOX = "lines that are not `<class> <x> <y> <width> <height>`"
UNDECIDED = (
    "lines that may be keypoints or polygons (state `kpt_shape: [<points>, 2]` "
    "or `task: segment` in data.yaml)"
)
OTHER_KEYPOINTS = "lines that do not have the number of keypoints `kpt_shape`"
NOT_FRACTIONS = "polygons whose coordinates are not fractions of the sides"
EXTRA_IGNORED = (
    "label files with a confidence or track id after boxes (ignored)"
)
ENCLOSING_BOX = (
    "label files with polygons or rotated boxes (enclosing boxes used)"
)
KEYPOINTS_IGNORED = "label files with keypoints after boxes (ignored)"

# Share of lines that must agree with a reading.
MOST = 0.9
# Fractions of a side that a keypoint may lie beyond its box.
TOLERANCE = 0.02
# Share of their box that keypoints cover at least in one direction.
SPREAD = 0.4
# Fractions that annotators may exceed without meaning pixels.
LOWEST, HIGHEST = -0.5, 1.5
# Words of the names of classes, the longest first, by the first word.
ClassPrefixes: TypeAlias = Mapping[str, Sequence[tuple[list[str], str]]]
DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


@dataclasses.dataclass(frozen=True)
class Reading:
    """How the lines with one count of numbers are read.

    Attributes:
        num_box: Leading numbers of a box with its center, or 0.
        num_polygon: Leading numbers of a polygon, or 0.
        note: What users should know, or an empty string.
        reason: Why the lines cannot be read, or an empty string.
    """

    num_box: int = 0
    num_polygon: int = 0
    note: str = ""
    reason: str = ""

    def boxes(self, rows: np.ndarray) -> np.ndarray:
        """Return boxes `rel_center_xywh` of shape `(number, 4)`."""
        if self.num_box:
            return rows[:, : self.num_box]
        points = rows[:, : self.num_polygon].reshape(len(rows), -1, 2)
        low, high = points.min(1), points.max(1)
        return np.concatenate([(low + high) / 2, high - low], -1)


def class_prefixes(names: Sequence[str]) -> ClassPrefixes:
    """Return the names that a line may begin with, for `split_line`.

    >>> from keras_efficient.data.readers.yolo_lines import class_prefixes
    >>> class_prefixes(["tea cup", "tea", "1"])
    {'tea': [(['tea', 'cup'], 'tea cup'), (['tea'], 'tea')]}
    """
    found: dict[str, list[tuple[list[str], str]]] = {}
    for name in sorted(names, key=len, reverse=True):
        words = name.split()
        if words and not _is_number(" ".join(words)):
            found.setdefault(words[0], []).append((words, name))
    return found


def split_line(
    line: str, prefixes: ClassPrefixes | None = None
) -> tuple[str, list[float]] | None:
    """Divide a line into the class and the numbers after it.

    Args:
        line: String, separated by spaces, tabs, commas or semicolons.
        prefixes: The known classes, from `class_prefixes`. They are recognized
            at the start of a line even if they contain spaces or numbers.

    Returns:
        A pair `(class, numbers)`, the class as in the file; `None` if there is
        no class or no number.
    """
    parts = line.split()
    if len(parts) > 1 and all(map(_is_number, parts)):  # nearly always
        return parts[0], [float(x) for x in parts[1:]]
    parts = _parts(line)
    for words, name in (prefixes or {}).get(parts[0] if parts else "", ()):
        if parts[: len(words)] == words:
            rest = parts[len(words) :]
            if rest and all(map(_is_number, rest)):
                return name, [float(x) for x in rest]
    start = len(parts)
    while start > 1 and _is_number(parts[start - 1]):
        start -= 1
    if start >= len(parts):
        return None
    name = " ".join(parts[:start]).strip("\"'")
    return name, [float(x) for x in parts[start:]]


def has_boxes(path: pathlib.Path) -> bool:
    """Return whether a text file is empty or has a line with a box."""
    try:
        lines = [x for x in read_text(path).splitlines() if x.strip()]
    except ValueError:
        return False
    parsed = map(split_line, lines)
    return not lines or any(x is not None and len(x[1]) > 3 for x in parsed)


def _parts(line: str) -> list[str]:
    parts = re.split(r"[\s;]+", line.strip(" \t\r\n;,"))
    has_decimal_commas = "." not in line and all(
        DECIMAL_COMMA.fullmatch(part) for part in parts[1:]
    )
    if has_decimal_commas and len(parts) > 1:
        return [part.replace(",", ".") for part in parts]
    return [part for part in re.split(r"[\s;,]+", " ".join(parts)) if part]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def choose_readings(
    rows: Mapping[int, np.ndarray],
    keypoints: Sequence[int] | None = None,
    task: str = "",
) -> dict[int, Reading]:
    """Decide how the lines of a dataset are read.

    Args:
        rows: Dict from a count to a float array of shape `(lines, count)`, the
            numbers after the class.
        keypoints: `(number of keypoints, 2 or 3)` as `kpt_shape` states, or
            `None`.
        task: String, the key `task` of `data.yaml`.

    Returns:
        A dict from the same counts to `Reading`s.
    """
    # All keypoints of a dataset have one count, with or without a track id.
    long = [count for count in rows if count > 5]
    may_be_pose = not long or max(long) - min(long) <= 1
    return {
        count: _choose(values, keypoints, task, may_be_pose)
        for count, values in rows.items()
    }


def _choose(
    rows: np.ndarray,
    keypoints: Sequence[int] | None,
    task: str,
    may_be_pose: bool,
) -> Reading:
    count = rows.shape[1]
    if count == 4:
        return Reading(num_box=4)
    if count < 4:
        return Reading(reason=NOT_A_BOX)
    if count == 5:
        return _with_extra(rows)
    if keypoints is not None or task == "pose":
        return _as_stated_pose(rows, keypoints)
    polygon = _as_polygon(rows)
    if task in ("segment", "obb"):
        return polygon
    if count in (8, 9) and _are_parallelograms(rows[:, :8]):
        return polygon
    if _has_visibilities(rows):
        if count == 7 and polygon.num_polygon:  # or a triangle with a track id
            return _decide(rows, polygon)
        return Reading(num_box=4, note=KEYPOINTS_IGNORED)
    if count == 6 and _is_extra(rows[:, 4]) and _are_integers(rows[:, 5]):
        if _share_inside(rows) >= MOST:  # a confidence and a track id
            is_sure = (rows[:, 5] > 1).any()
            reading = Reading(num_box=4, note=EXTRA_IGNORED)
            return reading if is_sure else Reading(reason=UNDECIDED)
    return _decide(rows, polygon) if may_be_pose else polygon


def _with_extra(rows: np.ndarray) -> Reading:
    """A box and a confidence or track id."""
    swapped = rows[:, [1, 2, 3, 4]]
    is_first = _share_inside(rows) < MOST <= _share_inside(swapped)
    if is_first or not _is_extra(rows[:, 4]):
        return Reading(reason=NOT_A_BOX)
    return Reading(num_box=4, note=EXTRA_IGNORED)


def _as_stated_pose(
    rows: np.ndarray, keypoints: Sequence[int] | None
) -> Reading:
    count = rows.shape[1]
    if keypoints is not None:
        stated = 4 + keypoints[0] * keypoints[1]
        if count == stated:
            return Reading(num_box=4)
        if count == stated + 1 and _is_extra(rows[:, -1]):
            return Reading(num_box=4, note=EXTRA_IGNORED)
    if _has_visibilities(rows):
        return Reading(num_box=4, note=KEYPOINTS_IGNORED)
    return Reading(reason=OTHER_KEYPOINTS)


def _as_polygon(rows: np.ndarray) -> Reading:
    """Corners, and a confidence or track id if the count is odd."""
    count = rows.shape[1] // 2 * 2
    if count < rows.shape[1] and not _is_extra(rows[:, -1]):
        return Reading(reason=NOT_A_BOX)
    values = rows[:, :count]
    is_fraction = ((values >= LOWEST) & (values <= HIGHEST)).all(-1)
    if is_fraction.mean() < MOST:
        return Reading(reason=NOT_FRACTIONS)
    return Reading(num_polygon=count, note=ENCLOSING_BOX)


def _decide(rows: np.ndarray, polygon: Reading) -> Reading:
    """Choose between keypoints and a polygon by the places of the points.

    A box contains its keypoints. Its width and height are a point near the
    others only by chance, whereas the second corner of a polygon is near.
    """
    pose = Reading(num_box=4, note=KEYPOINTS_IGNORED)
    found = [(_fit(points, rows), points) for points in _keypoints(rows)]
    fit, points = max(found, key=lambda x: x[0], default=(0.0, rows[:, :0]))
    if fit < MOST:
        return polygon
    if not polygon.num_polygon or _share_near(rows, polygon) < MOST:
        return pose
    if points.shape[1] > 1 and _spread(points, rows) < SPREAD:
        return polygon
    return Reading(reason=UNDECIDED)


def _has_visibilities(rows: np.ndarray) -> bool:
    """Whether each third number after the box is 0, 1 or 2."""
    count = rows.shape[1]
    for end in (count, count - 1):
        if end >= 7 and (end - 4) % 3 == 0:
            points = rows[:, 4:end].reshape(len(rows), -1, 3)
            is_it = np.isin(points[..., 2], (0, 1, 2)).all()
            is_it &= end == count or _are_integers(rows[:, -1])
            if is_it and _fit(points[..., :2], rows) >= 0.5:
                return True
    return False


def _keypoints(rows: np.ndarray) -> list[np.ndarray]:
    """Arrays `(lines, points, 2)` of the points that may be keypoints."""
    count, found = rows.shape[1], []
    for end in (count, count - 1):
        rest = rows[:, 4:end]
        for size in (2, 3):
            if rest.shape[1] and rest.shape[1] % size == 0:
                points = rest.reshape(len(rows), -1, size)
                third = points[..., 2:]
                if ((third >= 0) & (third <= 2)).all():
                    found.append(points[..., :2])
    return found


def _fit(points: np.ndarray, rows: np.ndarray) -> float:
    """Share of the boxes in the image that contain their keypoints."""
    center, side = rows[:, None, :2], rows[:, None, 2:4]
    is_missing = (points == 0).all(-1)
    is_inside = np.abs(points - center) <= side / 2 + TOLERANCE
    is_inside = is_inside.all(-1) | is_missing
    return float((is_inside.all(-1) & _are_inside(rows)).mean())


def _spread(points: np.ndarray, rows: np.ndarray) -> float:
    """Share of a box that its keypoints cover in the better direction."""
    masked = np.where((points == 0).all(-1)[..., None], np.nan, points)
    masked = np.where(np.isnan(masked).all(1, keepdims=True), 0, masked)
    extent = np.nanmax(masked, 1) - np.nanmin(masked, 1)
    return float(np.median((extent / np.maximum(rows[:, 2:4], 1e-9)).max(-1)))


def _share_near(rows: np.ndarray, polygon: Reading) -> float:
    """Share of lines whose second point is near the other points."""
    points = rows[:, : polygon.num_polygon].reshape(len(rows), -1, 2)
    others = np.delete(points, 1, axis=1)
    low, high = others.min(1), others.max(1)
    margin = (high - low).max(-1, keepdims=True) + TOLERANCE
    second = points[:, 1]
    is_near = (second >= low - margin) & (second <= high + margin)
    return float(is_near.all(-1).mean())


def _are_parallelograms(corners: np.ndarray) -> bool:
    first, second, third, fourth = corners.reshape(-1, 4, 2).swapaxes(0, 1)
    gap = np.abs(first + third - second - fourth).max(-1)
    return bool((gap <= TOLERANCE).mean() >= MOST)


def _are_inside(rows: np.ndarray) -> np.ndarray:
    """Whether boxes with their center are fractions inside the image."""
    center, side = rows[:, :2], rows[:, 2:4]
    is_inside = (center - side / 2 >= -TOLERANCE) & (side > 0)
    is_inside &= center + side / 2 <= 1 + TOLERANCE
    return np.asarray(is_inside.all(-1))


def _share_inside(rows: np.ndarray) -> float:
    return float(_are_inside(rows).mean())


def _is_extra(column: np.ndarray) -> bool:
    """Whether numbers can be confidences, or all track ids."""
    is_share = bool(((column >= 0) & (column <= 1)).all())
    return is_share or _are_integers(column)


def _are_integers(column: np.ndarray) -> bool:
    return bool(((column >= 0) & (column == np.round(column))).all())
