"""The metadata that MediaPipe and the Task Library read from a file.

The metadata is a FlatBuffers table. It is written without the packages that
define it; the numbers of the fields are those of `google/mediapipe`,
`tasks/metadata/metadata_schema.fbs`.
"""

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

LABEL_FILE = "labels.txt"
# MediaPipe finds the outputs by these names, in any order.
OUTPUT_NAMES = ("location", "category", "score", "number of detections")
IDENTIFIER = b"M001"
# The first version of the parser that supports groups of tensors.
MIN_PARSER_VERSION = "1.2.0"
RGB = np.int8(1)
IMAGE_PROPERTIES = np.uint8(2)
BOX_PROPERTIES = np.uint8(3)
BOUNDARIES = np.int8(1)
NORMALIZATION = np.uint8(1)
SCORE_THRESHOLDING = np.uint8(3)
AXIS_LABELS = np.int8(2)
VALUE_LABELS = np.int8(3)


def make_metadata(name: str, score_threshold: float) -> bytes:
    """Return the metadata of a detector with non-maximum suppression inside.

    Args:
        name: Name of the model.
        score_threshold: Float, the lowest score of a detection.

    Returns:
        A serialized `ModelMetadata` table.
    """
    return _serialize(
        name, {2: [_image()], 3: _outputs(score_threshold), 8: [_group()]}
    )


def make_classification_metadata(name: str) -> bytes:
    """Return the metadata of a classifier that accepts pixels in [0, 255].

    Args:
        name: Name of the model.

    Returns:
        A serialized `ModelMetadata` table.
    """
    # MediaPipe computes (pixel - mean) / std for float inputs; the network
    # contains its own normalization.
    normalization = {0: NORMALIZATION, 1: {0: [0.0], 1: [1.0]}}
    probability = {
        0: "probability",
        3: {0: np.uint8(1), 1: {}},
        5: {0: [1.0], 1: [0.0]},
        6: [{0: LABEL_FILE, 2: AXIS_LABELS}],
    }
    image = {**_image(), 4: [normalization]}
    return _serialize(name, {2: [image], 3: [probability]})


def append_labels(content: bytes, class_names: Sequence[str]) -> bytes:
    """Append the names of the classes to a model, as a zipped text file.

    Args:
        content: Content of the model's file.
        class_names: Sequence of strings in the order of the labels.

    Returns:
        The content of the new file.
    """
    lines = [" ".join(name.split()) for name in class_names]
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(LABEL_FILE, "\n".join(lines))
    return file.getvalue()


def _serialize(name: str, subgraph: dict) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    table = _add(builder, {0: name, 3: [subgraph], 7: MIN_PARSER_VERSION})
    builder.Finish(table, file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _image() -> dict:
    content = {0: IMAGE_PROPERTIES, 1: {0: RGB}}
    stats = {0: [255.0] * 3, 1: [0.0] * 3}
    return {0: "image", 1: "RGB image.", 3: content, 5: stats}


def _outputs(score_threshold: float) -> list[dict]:
    # Dimension 2 of dimensions 1 to 2 separates one box from the next.
    each = {0: np.int32(2), 1: np.int32(2)}
    # The positions of x1, y1, x2, y2 in a box.
    box = {0: [1, 0, 3, 2], 1: BOUNDARIES}
    threshold = {0: np.float32(score_threshold)}
    location, category, score, number = OUTPUT_NAMES
    return [
        {0: location, 3: {0: BOX_PROPERTIES, 1: box, 2: each}},
        {
            0: category,
            3: {0: np.uint8(1), 1: {}, 2: each},
            6: [{0: LABEL_FILE, 2: VALUE_LABELS}],
        },
        {
            0: score,
            3: {0: np.uint8(1), 1: {}, 2: each},
            4: [{0: SCORE_THRESHOLDING, 1: threshold}],
        },
        {0: number, 3: {0: np.uint8(1), 1: {}}},
    ]


def _group() -> dict:
    return {0: "detection_result", 1: list(OUTPUT_NAMES[:3])}


def _add(builder: Any, value: Any) -> int:
    """Write a string, a list or a table, after the values it refers to.

    Args:
        builder: A `flatbuffers.Builder`.
        value: String; list of strings, tables, floats or integers; or dict
            from numbers of fields to values or NumPy scalars.

    Returns:
        The offset of the value.
    """
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, dict):
        return _add_table(builder, value)
    if isinstance(value[0], float):
        return builder.CreateNumpyVector(np.array(value, "float32"))
    if isinstance(value[0], int):
        return builder.CreateNumpyVector(np.array(value, "uint32"))
    places = [_add(builder, element) for element in value]
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()


def _add_table(builder: Any, fields: dict) -> int:
    places = {
        field: _add(builder, value)
        for field, value in fields.items()
        if not isinstance(value, np.generic)
    }
    builder.StartObject(max(fields, default=-1) + 1)
    for field, value in fields.items():
        if field in places:
            builder.PrependUOffsetTRelativeSlot(field, places[field], 0)
        else:
            kind = value.dtype.name.capitalize()
            prepend = getattr(builder, f"Prepend{kind}Slot")
            prepend(field, value.item(), 0)
    return builder.EndObject()
