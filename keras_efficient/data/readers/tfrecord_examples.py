"""Contents of the examples in TFRecord files with boxes."""

import dataclasses
import itertools
import os
import pathlib
import re
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

from keras_efficient.data.readers.annotations import is_whole_number
from keras_efficient.data.readers.annotations import stated_size
from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import read_text

ENCODED, FORMAT = "image/encoded", "image/format"
FILENAME = "image/filename"
SIDES = ("image/height", "image/width")
EDGES = tuple(
    f"image/object/bbox/{x}" for x in ("xmin", "ymin", "xmax", "ymax")
)
TEXT, NUMBER = "image/object/class/text", "image/object/class/label"
CROWD = "image/object/is_crowd"
KEYS = (ENCODED, FORMAT, FILENAME, *SIDES, *EDGES, TEXT, NUMBER, CROWD)
ITEM = re.compile(r"item\s*\{")
FIELD = re.compile(r"""\b(\w+)\s*:\s*(?:"([^"]*)"|'([^']*)'|(-?\d+))""")

# Bytes of the name of a file without its ending that disks accept.
MAX_NAME = 200

Example: TypeAlias = Mapping[str, list[Any]]
# Number and text of a class, as far as an example states them.
ClassKey: TypeAlias = tuple[int | None, str]


@dataclasses.dataclass(frozen=True)
class Objects:
    """The objects of an example.

    Attributes:
        boxes: Rows `xyxy`, as fractions of the sides.
        classes: Number and text of the class of each box.
        is_crowd: Whether each box contains a group of objects.
        num_unread: Number of objects without a box and a class.
    """

    boxes: list[list[float]]
    classes: list[ClassKey]
    is_crowd: list[bool]
    num_unread: int


def objects_of(example: Example) -> Objects:
    """Return the objects of an example."""
    edges = [_values(example, key, int | float) for key in EDGES]
    texts = [decoded(text) for text in _values(example, TEXT, bytes | str)]
    numbers = _values(example, NUMBER, int)
    counts = {len(edge) for edge in edges}
    count = max(counts)
    highest = max(count, len(texts), len(numbers))
    # One of both is enough, but must state the class of each box.
    lengths = {len(x) for x in (texts, numbers) if x}
    if counts != {count} or (count or lengths) and lengths != {count}:
        return Objects([], [], [], highest)
    keys = itertools.zip_longest(numbers, texts)
    crowds = _values(example, CROWD, int | float)
    return Objects(
        boxes=[list(box) for box in zip(*edges, strict=True)],
        classes=[(number, text or "") for number, text in keys],
        is_crowd=[
            bool(crowds[i]) if i < len(crowds) else False for i in range(count)
        ],
        num_unread=0,
    )


def size_of(example: Example) -> tuple[int, int] | None:
    """Return the stated `(height, width)` of an example, or `None`."""
    sides = [(_values(example, key, int) or [0])[0] for key in SIDES]
    return stated_size(*sides)


def write_image(example: Example, folder: pathlib.Path) -> pathlib.Path | None:
    """Write the image of an example into a new folder.

    Args:
        example: The features of an example.
        folder: Path of the folder.

    Returns:
        The path of the file, under its stated name if the disk accepts it;
        `None` without an image.
    """
    data = _values(example, ENCODED, bytes)
    if not data or not data[0]:
        return None
    stated = decoded((_values(example, FILENAME, bytes) or [b""])[0])
    name = stated.replace("\\", "/").rpartition("/")[2]
    if not name or "\0" in name or len(os.fsencode(name)) > MAX_NAME:
        name = "image"
    if not is_image(name):
        ending = decoded((_values(example, FORMAT, bytes) or [b""])[0]).lower()
        # It must not contain a path, which would lead out of the folder.
        name = f"{name}.{ending if f'.{ending}' in EXTENSIONS else 'jpg'}"
    folder.mkdir()
    path = folder / name
    path.write_bytes(data[0])
    return path


def _values(example: Example, key: str, kind: Any) -> list[Any]:
    """The values of a feature, none if they are of another type."""
    values = example.get(key) or []
    return values if all(isinstance(x, kind) for x in values) else []


def decoded(text: bytes | str) -> str:
    """Return a stated text."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return text.strip()


def read_label_map(path: pathlib.Path | None) -> dict[int, str]:
    """Return the names of the classes by number; `{}` without a file."""
    if path is None:
        return {}
    names = {}
    for item in ITEM.split(read_text(path))[1:]:
        inner, brace, _ = item.partition("}")
        found = FIELD.findall(inner) if brace else ()
        fields = {key: a or b or c for key, a, b, c in found}
        name = fields.get("display_name") or fields.get("name")
        if name and is_whole_number(fields.get("id", "")):
            names[int(fields["id"])] = name
    return names


def class_names(
    keys: Iterable[ClassKey],
    label_map: Mapping[int, str],
    given: Sequence[str] | None,
) -> tuple[dict[ClassKey, str], dict[str, int]]:
    """Return the name of each class, and the number of each name.

    Args:
        keys: Numbers and texts of the classes of all boxes.
        label_map: Names by number.
        given: Names of the classes from number 1 on, if no file states them.

    Returns:
        A pair of dicts. The second is in the order of the numbers.
    """
    stated = dict.fromkeys(keys)
    by_number = dict(label_map)
    if not label_map and given is not None:
        by_number = dict(enumerate(map(str, given), start=1))
    # The text of an example precedes the name or display name of its number.
    by_number |= {n: text for n, text in stated if text and n is not None}
    names = {
        (n, text): text or ("" if n is None else by_number.get(n, str(n)))
        for n, text in stated
    }
    numbers: dict[str, int] = {}
    for number, name in sorted(by_number.items()):
        numbers.setdefault(name, number)
    taken = set(numbers.values())
    highest = max(taken, default=0)
    for number, name in sorted(
        ((n or 0, name) for (n, _), name in names.items()),
    ):
        if name and name not in numbers:
            is_taken = number < 1 or number in taken
            numbers[name] = highest + 1 if is_taken else number
            taken.add(numbers[name])
            highest = max(highest, numbers[name])
    return names, dict(sorted(numbers.items(), key=lambda pair: pair[1]))
