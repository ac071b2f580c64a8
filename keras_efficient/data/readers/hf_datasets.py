"""Datasets of Hugging Face's `datasets` in memory, with boxes."""

import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data.images import load_image
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import empty_annotations
from keras_efficient.data.readers.annotations import number_or_nan
from keras_efficient.data.readers.class_names import standardize_class_names
from keras_efficient.data.readers.image_finder import split_aliases
from keras_efficient.data.readers.object_rows import BOX_KEYS
from keras_efficient.data.readers.object_rows import CLASS_KEYS
from keras_efficient.data.readers.object_rows import OBJECT_COLUMNS
from keras_efficient.data.readers.object_rows import ObjectRows
from keras_efficient.data.readers.object_rows import key_of
from keras_efficient.data.readers.object_rows import name_classes
from keras_efficient.data.readers.object_rows import read_objects
from keras_efficient.data.records import listed

IMAGE_COLUMNS = ("image", "img", "picture", "jpg", "png")
ID_COLUMNS = ("image_id", "id")
TITLE = "Hugging Face dataset"

NOT_OBJECTS = "rows whose objects are not boxes with classes"
NO_IMAGE = "rows without an image that can be read"


def is_hf_dataset(source: Any) -> bool:
    """Return whether an object is a `Dataset` or a `DatasetDict`."""
    if isinstance(source, Mapping):
        return bool(source) and all(map(is_hf_dataset, source.values()))
    return hasattr(source, "features") and hasattr(source, "column_names")


def read_hf_dataset(
    source: Any,
    split: str | None = None,
    class_names: Sequence[str] | None = None,
    box_format: str | None = None,
) -> RawAnnotations:
    """Read a dataset with a column of images and one of objects.

    Images that are not stored as files of this computer are decoded into
    memory.

    Args:
        source: A `datasets.Dataset`, or a `datasets.DatasetDict`.
        split: Name of the split; see `load_detection`.
        class_names: Names of the classes of datasets that only number them.
        box_format: Format of the boxes. Defaults to `None`: `"xywh"`.

    Returns:
        A `RawAnnotations`.

    Raises:
        FileNotFoundError: If there is no such split.
        ValueError: If the split is not stated, or a column is missing.
    """
    dataset = _split(source, split)
    features = dict(dataset.features or {})
    columns = [*features]
    image_key = key_of(columns, IMAGE_COLUMNS)
    object_key = key_of(columns, OBJECT_COLUMNS)
    if image_key is None or object_key is None:
        raise ValueError(
            "A Hugging Face dataset with boxes must have a column of images, "
            f"named {listed(IMAGE_COLUMNS)}, and one of objects, named "
            f"{listed(OBJECT_COLUMNS)}. Received: columns {listed(columns)}"
        )
    if hasattr(features[image_key], "decode"):  # bytes and paths as they are
        encoded = type(features[image_key])(decode=False)
        dataset = dataset.cast_column(image_key, encoded)
    raw = empty_annotations(
        box_format or "xywh",
        TITLE,
        "dataset" + (f", {split}" if split else ""),
    )
    id_key = key_of(columns, ID_COLUMNS)
    found: list[tuple[RawImage, ObjectRows]] = []
    for i, row in enumerate(dataset):
        where = f"row {i}"
        objects = read_objects(row[object_key])
        if objects is None:
            raw.dropped.append((NOT_OBJECTS, where))
            continue
        image = _image(row[image_key])
        if image is None:
            raw.dropped.append((NO_IMAGE, where))
            continue
        raw.dropped += [(reason, where) for reason in objects.unread]
        entry = RawImage(
            image=image,
            boxes=objects.boxes,
            labels=[-1] * len(objects.boxes),
            image_id=i if id_key is None else row[id_key],
            is_crowd=objects.is_crowd,
            areas=objects.areas,
            size=_stated_size(row),
            where=where,
            num_unread=len(objects.unread),
        )
        found.append((entry, objects))
    names = _class_names(features[object_key])
    used = {x for _, objects in found for x in objects.classes}
    if names is None and isinstance(source, Mapping):
        for other in source.values():
            for value in other[object_key]:
                used.update((read_objects(value) or ObjectRows()).classes)
    if names is None and class_names is not None:
        are_numbers = all(isinstance(x, int) for x in used)
        names = [*standardize_class_names(class_names)] if are_numbers else None
    name_classes(raw, found, used, names)
    return raw


def _split(source: Any, split: str | None) -> Any:
    if not isinstance(source, Mapping):
        if split is not None:
            raise FileNotFoundError(
                f"A single Hugging Face dataset has no split {split!r}: pass "
                "the `DatasetDict`, or no split."
            )
        return source
    names = list(source)
    if split is None:
        if len(names) == 1:
            return source[names[0]]
        raise ValueError(
            f"The dataset is divided into {listed(names)}. Choose one, such as "
            f"split={names[0]!r}."
        )
    for name in (split, *split_aliases(split)):
        if name in source:
            return source[name]
    raise FileNotFoundError(
        f"The dataset has no split {split!r}: it has {listed(names)}."
    )


def _class_names(feature: Any) -> list[str] | None:
    """Names of a `ClassLabel` inside the column of objects."""
    while not isinstance(feature, Mapping):
        if isinstance(feature, list) and len(feature) == 1:
            feature = feature[0]
        elif hasattr(feature, "feature"):
            feature = feature.feature
        else:
            return None
    key = key_of(list(feature), CLASS_KEYS)
    if key is None or key_of(list(feature), BOX_KEYS) is None:
        return None
    label = feature[key]
    while hasattr(label, "feature"):
        label = label.feature
    names = getattr(label, "names", None)
    return None if names is None else [str(name) for name in names]


def _image(value: Any) -> Any:
    """Path or array of an image, `None` if it cannot be read."""
    if isinstance(value, Mapping):
        path, data = value.get("path"), value.get("bytes")
        if data is None:
            return pathlib.Path(path) if path else None
        value = bytes(data)
    elif isinstance(value, str):
        return pathlib.Path(value)
    elif isinstance(value, list):
        value = np.asarray(value, "uint8")
    try:
        return load_image(value)
    except (ValueError, TypeError, OSError):
        return None


def _stated_size(row: Mapping[str, Any]) -> tuple[int, int] | None:
    sides = [number_or_nan(row.get(side)) for side in ("height", "width")]
    if not all(1 <= side < float("inf") for side in sides):
        return None
    return int(sides[0]), int(sides[1])
