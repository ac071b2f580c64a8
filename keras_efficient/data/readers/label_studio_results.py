"""Tasks and results of Label Studio: from regions in percent to boxes."""

import dataclasses
import math
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_efficient.data.readers.annotations import number_or_nan
from keras_efficient.data.readers.annotations import stated_size
from keras_efficient.data.readers.enclosing import box_around_ellipse
from keras_efficient.data.readers.enclosing import box_around_points
from keras_efficient.data.readers.enclosing import box_around_rotated
from keras_efficient.data.readers.json_values import id_of
from keras_efficient.data.readers.json_values import list_of
from keras_efficient.data.readers.json_values import objects_in
from keras_efficient.data.readers.json_values import texts_in

# Reasons in reports, each after a number.
NOT_ANNOTATED = "tasks without annotations (not used as background)"
SEVERAL_ANNOTATORS = (
    "tasks with several annotations (the ground truth or the first one used)"
)
SEVERAL_LABELS = "regions with several labels (the first one used)"
ENCLOSING_BOX = (
    "images with polygons, ellipses or rotated boxes (enclosing boxes used)"
)
OTHER_REGION = "regions that are neither boxes, polygons nor ellipses"
NO_SIZE = "rotated boxes without the size of their image"
ROTATED_IMAGE = "regions on an image that was rotated in Label Studio"

# Kinds of results, each followed by "labels" if they contain a class.
REGIONS = (
    "rectangle", "polygon", "ellipse", "brush", "keypoint", "bitmask", "vector",
    "cuboid", "magicwand", "videorectangle",
)  # fmt: skip
LABELS = tuple(f"{kind}labels" for kind in REGIONS)


@dataclasses.dataclass
class Region:
    """One region of an image.

    Attributes:
        label: Name of its class, or an empty string.
        box: Left, top, right and bottom as fractions of the sides, or `None`
            if the region cannot be read.
        note: What users should know, or why it cannot be read.
    """

    label: str
    box: list[float] | None
    note: str = ""


@dataclasses.dataclass
class Task:
    """One image and what an annotator did with it.

    Attributes:
        data: The fields of the task, such as `{"image": <path>}`.
        task_id: Number or string, or `None`.
        regions: The regions, or `None` if the task is not annotated.
        size: `(height, width)` as stated, or `None`.
        to_names: Names of the annotated fields.
        num_annotations: Number of annotations that were not skipped.
    """

    data: Mapping[str, Any]
    task_id: int | str | None
    regions: list[Region] | None
    size: tuple[int, int] | None
    to_names: set[str]
    num_annotations: int


def read_tasks(content: Any) -> Iterator[Task]:
    """Yield the tasks of an export in the form JSON or JSON_MIN."""
    rows = objects_in(content)
    if any(isinstance(row.get("data"), dict) for row in rows):
        for row in rows:
            if isinstance(row.get("data"), dict):
                yield _read_task(row)
        return
    groups: dict[Any, list[dict[str, Any]]] = {}
    for i, row in enumerate(rows):  # one row for each annotator
        number = id_of(row.get("id"))
        key = f"row {i}" if number is None else number
        groups.setdefault(key, []).append(row)
    for group in groups.values():
        yield _read_short_task(group)


def _read_task(row: Mapping[str, Any]) -> Task:
    """A task of the form JSON."""
    found = [
        x
        for x in objects_in(row.get("annotations", row.get("completions")))
        if not (x.get("was_cancelled") or x.get("skipped"))
    ]
    best = [x for x in found if x.get("ground_truth")] or found
    results = objects_in(best[0].get("result")) if best else []
    # A region and its label are two results in some interfaces.
    labels: dict[Any, list[str]] = {}
    for result in results:
        if str(result.get("type")) not in LABELS:
            stated = texts_in(_value(result).get("labels"))
            labels.setdefault(id_of(result.get("id")), []).extend(stated)
    regions, sizes, to_names = [], [], set()
    for result in results:
        kind = str(result.get("type")).lower()
        if kind in (*REGIONS, *LABELS):
            shared = labels.get(id_of(result.get("id")), [])
            regions.append(_read_region(kind, _value(result), result, shared))
            sizes.append(_size_of(result))
            to_names.add(str(result.get("to_name")))
    return Task(
        data=row["data"],
        task_id=id_of(row.get("id")),
        regions=regions if best else None,
        size=next((size for size in sizes if size), None),
        to_names=to_names,
        num_annotations=len(found),
    )


def _read_short_task(rows: Sequence[Mapping[str, Any]]) -> Task:
    """A task of the form JSON_MIN, whose regions are in any field."""
    first = rows[0]
    regions, sizes = [], []
    for field in first.values():
        for value in field if isinstance(field, list) else ():
            kind = _kind_of(value)
            if kind:
                regions.append(_read_region(kind, value, value, []))
                sizes.append(_size_of(value))
    return Task(
        data={k: v for k, v in first.items() if isinstance(v, str)},
        task_id=id_of(first.get("id")),
        regions=regions,
        size=next((size for size in sizes if size), None),
        to_names=set(),
        num_annotations=len(rows),
    )


def _kind_of(value: object) -> str:
    """The kind of a region that only its fields reveal."""
    if not isinstance(value, dict):
        return ""
    kind = next((name for name in LABELS if name in value), "")
    if kind:
        return kind
    if {"x", "y", "width", "height"} <= set(value):
        return "rectangle"
    if {"radiusX", "radiusY"} <= set(value):
        return "ellipse"
    return "polygon" if "points" in value else ""


def _value(result: Mapping[str, Any]) -> Mapping[str, Any]:
    value = result.get("value")
    return value if isinstance(value, dict) else {}


def _size_of(result: Mapping[str, Any]) -> tuple[int, int] | None:
    return stated_size(
        result.get("original_height"), result.get("original_width")
    )


def _read_region(
    kind: str,
    value: Mapping[str, Any],
    result: Mapping[str, Any],
    shared: Sequence[str],
) -> Region:
    stated = texts_in(value.get(kind)) or texts_in(value.get("labels"))
    names = stated or shared
    label = names[0].strip() if names else ""
    if number_or_nan(result.get("image_rotation") or 0) % 360:
        return Region(label, None, ROTATED_IMAGE)
    box, note = _read_box(kind.removesuffix("labels"), value, _size_of(result))
    if box is not None and len(names) > 1:
        note = SEVERAL_LABELS
    return Region(label, box, note)


def _read_box(
    kind: str, value: Mapping[str, Any], size: tuple[int, int] | None
) -> tuple[list[float] | None, str]:
    """A box in fractions of the sides, and a note on it."""
    height, width = size or (100, 100)

    def pixels(name: str, side: int) -> float:
        return number_or_nan(value.get(name)) / 100 * side

    angle = math.radians(number_or_nan(value.get("rotation") or 0))
    if angle % (2 * math.pi) and size is None and kind != "polygon":
        return None, NO_SIZE
    x, y = pixels("x", width), pixels("y", height)
    box: list[float] | None = None
    note = ENCLOSING_BOX
    if kind == "polygon":
        box = box_around_points(
            (
                number_or_nan(point[0]) / 100 * width,
                number_or_nan(point[1]) / 100 * height,
            )
            for point in list_of(value.get("points"))
            if isinstance(point, list) and len(point) == 2
        )
    elif kind == "ellipse":
        radii = pixels("radiusX", width), pixels("radiusY", height)
        box = box_around_ellipse(x, y, *radii, angle)
    elif kind == "rectangle":
        # Label Studio turns a box clockwise around its first corner.
        right, low = x + pixels("width", width), y + pixels("height", height)
        box = [x, y, right, low]
        if angle:
            box = box_around_rotated(box, angle, (x, y))
        else:
            note = ""
    if box is None:
        return None, OTHER_REGION
    sides = (width, height, width, height)
    return [x / side for x, side in zip(box, sides, strict=True)], note
