"""The `objects` of one image, as Hugging Face's datasets store them."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.coco_objects import crowd_of

OBJECT_COLUMNS = ("objects", "annotations", "labels", "object")
BOX_KEYS = ("bbox", "bboxes", "boxes", "box", "bounding_box")
CLASS_KEYS = (
    "category", "categories", "label", "labels", "category_id", "class",
    "class_id", "name",
)  # fmt: skip
CROWD_KEYS = ("iscrowd", "is_crowd")
AREA_KEYS = ("area", "areas")
KEYS = frozenset((*BOX_KEYS, *CLASS_KEYS, *CROWD_KEYS, *AREA_KEYS))

NO_BOX = "objects without a box of four numbers"
NO_CLASS = "objects without a class"


@dataclasses.dataclass
class ObjectRows:
    """The objects of one image.

    Attributes:
        boxes: Rows of four numbers.
        classes: Numbers or names of the classes.
        is_crowd: Booleans.
        areas: Numbers, `None` for missing ones.
        unread: For each object without a box or a class, the reason.
    """

    boxes: list[Any] = dataclasses.field(default_factory=list)
    classes: list[Any] = dataclasses.field(default_factory=list)
    is_crowd: list[bool] = dataclasses.field(default_factory=list)
    areas: list[Any] = dataclasses.field(default_factory=list)
    unread: list[str] = dataclasses.field(default_factory=list)


def read_objects(value: Any) -> ObjectRows | None:
    """Read the objects of one image.

    Args:
        value: A mapping of lists, such as `{"bbox": [[...]], "category":
            [...]}`, or a list of mappings, or `None` for no objects.

    Returns:
        An `ObjectRows`, or `None` if the value is something else.
    """
    found = ObjectRows()
    if value is None:
        return found
    items = _items(value)
    if items is None:
        return None
    for item in items:
        box, name = _first(item, BOX_KEYS), _first(item, CLASS_KEYS)
        box = box.tolist() if hasattr(box, "tolist") else box
        if not isinstance(box, list | tuple) or len(box) != 4:
            found.unread.append(NO_BOX)
        elif name is None or not isinstance(name, int | str):
            found.unread.append(NO_CLASS)
        else:
            found.boxes.append(list(box))
            found.classes.append(name)
            crowd = crowd_of({"iscrowd": _first(item, CROWD_KEYS)})
            found.is_crowd.append(bool(crowd))
            found.areas.append(_first(item, AREA_KEYS))
    return found


def name_classes(
    raw: RawAnnotations,
    found: Sequence[tuple[RawImage, ObjectRows]],
    used: Iterable[Any],
    names: Sequence[str] | None,
) -> None:
    """Add images to `raw`, with the names and labels of their classes.

    Args:
        raw: A `RawAnnotations` without images.
        found: Pairs of an image without labels and its objects.
        used: Classes that the objects of any split have.
        names: Names of the classes in the order of their numbers, or `None`
            if there are none: then numbers are names.
    """
    if names is None:
        classes = sorted(set(used), key=lambda x: (isinstance(x, str), x))
        names = list(dict.fromkeys(map(str, classes)))
        index = {name: i for i, name in enumerate(names)}
        label_of: dict[Any, int] = {x: index[str(x)] for x in classes}
    else:
        label_of = {i: i for i in range(len(names))}
        label_of.update((name, i) for i, name in enumerate(names))
    raw.class_names = tuple(names)
    raw.category_ids = tuple(range(len(names)))
    for image, objects in found:
        labels = [label_of.get(x, -1) for x in objects.classes]
        image.labels = np.asarray(labels, "int64")
        raw.images.append(image)


def key_of(names: Sequence[str], accepted: Sequence[str]) -> str | None:
    """Return the first accepted name that is among some names."""
    return next((name for name in accepted if name in names), None)


def _items(value: Any) -> list[Mapping[str, Any]] | None:
    """Objects one by one, from a mapping of lists or a list of mappings."""
    if isinstance(value, Mapping):
        lists = {
            key: list(column)
            for key, column in value.items()
            if key in KEYS
            and hasattr(column, "__len__")
            and not isinstance(column, str)
        }
        key = key_of(list(lists), BOX_KEYS) or key_of(list(lists), CLASS_KEYS)
        if key is None:
            return [] if not any(lists.values()) else None
        number = max(map(len, lists.values()))
        return [
            {name: x[i] for name, x in lists.items() if i < len(x)}
            for i in range(number)
        ]
    if isinstance(value, list | tuple):
        return [x if isinstance(x, Mapping) else {} for x in value]
    return None


def _first(item: Mapping[str, Any], keys: Sequence[str]) -> Any:
    key = key_of(list(item), keys)
    value = None if key is None else item[key]
    return value.item() if isinstance(value, np.generic) else value
