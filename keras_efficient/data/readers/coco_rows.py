"""The rows of one COCO file: categories, images and annotations."""

import pathlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

from keras_efficient.data.readers import coco_objects
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import is_whole_number
from keras_efficient.data.readers.annotations import stated_size
from keras_efficient.data.readers.class_names import distinct_names
from keras_efficient.data.readers.image_finder import ImageFinder
from keras_efficient.data.readers.json_values import id_of
from keras_efficient.data.records import listed
from keras_efficient.data.records import shown_text

# Reasons in reports, each after a number.
NOT_A_ROW = "rows of {} that are not json objects with names and values"
NO_IMAGE_ID = "images without an id or a file name"
SAME_IMAGE_ID = "images that share an id, so that their boxes are not certain"
REPEATED_IMAGE = "rows that repeat an image"
UNKNOWN_IMAGE = "annotations of images that are not listed"
INVALID_IMAGE_ID = "annotations whose image_id is not a number or text"
INVALID_CATEGORY = "annotations whose category_id is not a number or text"
TEXT_IDS = "annotations with ids as text for numbers, or the reverse"
UNCLEAR_CROWD = "annotations whose iscrowd is not 0 or 1 (taken as objects)"
MANY_CROWDS = (
    "files with many boxes marked as crowds, which are not trained (some "
    "tools, such as CVAT, mark every mask so; pass crowds='objects' to train "
    "them)"
)
FEDERATED = (
    "files in which only some classes of each image are annotated (LVIS): "
    "other objects count as background"
)
FEDERATED_KEYS = {"neg_category_ids", "not_exhaustive_category_ids"}
# Share and number of crowds from which on a report mentions them.
MANY = 0.05
AT_LEAST = 2
# Characters of a value in a message.
MAX_SHOWN = 80

# The name and the row of an image.
StatedImage: TypeAlias = tuple[str, Mapping[str, Any]]


class IdTable:
    """Numbers or texts as ids, in which "7" stands for 7 if 7 is the only one.

    Args:
        ids: The ids.
    """

    def __init__(self, ids: Iterable[Any]):
        self._exact = {x: x for x in ids}
        self._texts: dict[str, Any] = {}
        for known in self._exact:
            self._texts.setdefault(str(known).strip(), known)

    def find(self, value: Any) -> tuple[Any, bool]:
        """Return the known id of a stated one, and whether it is the same.

        Returns:
            A pair `(known, is_same)`; `known` is `None` if there is none.
        """
        stated = id_of(value)
        if stated is None:
            return None, False
        if stated in self._exact:
            return self._exact[stated], True
        return self._texts.get(str(stated).strip()), False


def category_names(
    path: pathlib.Path, content: Mapping[str, Any], raw: RawAnnotations
) -> dict[Any, str]:
    """Return the names of the classes by id, in the order of the ids.

    Raises:
        ValueError: If a category has no id or name, or two have the same id.
    """
    rows: dict[Any, str] = {}
    for where, row in _objects(path, content, "categories", raw):
        number, name = id_of(row.get("id")), row.get("name")
        if number is None or name is None or isinstance(name, list | dict):
            raise ValueError(
                f"{path} must have categories with an integer 'id' and a "
                f"'name'. Received: {_shown(row)} in {where}"
            )
        name = str(name).strip()
        if rows.setdefault(number, name) != name:
            raise ValueError(
                f"{path} has two categories with the id {_shown(number)}, "
                f"{_shown(rows[number])} and {_shown(name)}: the class of "
                "their boxes is "
                "not certain. Export the file again with an id of its own for "
                "each category, or correct 'categories' and 'category_id'."
            )
    is_text = any(isinstance(number, str) for number in rows)
    if is_text and all(is_whole_number(str(number)) for number in rows):
        numbers = sorted(rows, key=int)
    else:
        numbers = sorted(rows, key=lambda x: (isinstance(x, str), x))
    names = distinct_names([rows[n] for n in numbers], numbers)
    return dict(zip(numbers, names, strict=True))


def listed_images(
    path: pathlib.Path, content: Mapping[str, Any], raw: RawAnnotations
) -> dict[Any, StatedImage | None]:
    """Return the stated name and the row of each image by its id.

    Images that cannot be used are added to `raw.dropped`. An id that several
    images share has `None`.
    """
    found: dict[Any, StatedImage | None] = {}
    names: dict[Any, list[str]] = {}
    is_federated = False
    for where, row in _objects(path, content, "images", raw):
        number, name = id_of(row.get("id")), _file_name(row)
        if number is None or name is None:
            raw.dropped.append((NO_IMAGE_ID, f"{where}: {_shown(row)}"))
        elif name in names.setdefault(number, []):
            raw.repaired.append((REPEATED_IMAGE, f"{where}: {_shown(name)}"))
        else:
            names[number].append(name)
            found[number] = (name, row) if len(names[number]) == 1 else None
            is_federated = is_federated or not FEDERATED_KEYS.isdisjoint(row)
    for number, several in names.items():
        if len(several) > 1:
            place = f"{path}, id {_shown(number)}: {listed(several)}"
            raw.dropped += [(SAME_IMAGE_ID, place)] * len(several)
    if is_federated:
        raw.noted.append((FEDERATED, str(path)))
    return found


def add_images(
    raw: RawAnnotations,
    path: pathlib.Path,
    content: Mapping[str, Any],
    images: Mapping[Any, StatedImage | None],
    labels: Mapping[Any, int],
    finder: ImageFinder,
    crowds: str,
) -> None:
    """Add the images of one file, with their boxes, to `raw.images`."""
    found = {}
    for number, stated in images.items():
        if stated is None:
            continue
        name, row = stated
        where = f"{path}, {shown_text(name)}"
        file = finder.find_or_drop(name, where, raw.dropped)
        if file is not None:
            found[number] = _Image(file, name, _stated_size(row))
    _add_objects(raw, path, content, found, images, labels)
    if crowds == "ignore":
        _note_crowds(raw, path, found.values())
    taken = {image.image_id for image in raw.images}
    for number, image in found.items():
        image_id = number
        if number in taken:  # another file starts with the same number
            image_id = f"{path.parent.name}/{path.stem}:{number}"
        raw.images.append(
            RawImage(
                image=image.file,
                boxes=image.boxes,
                labels=image.labels,
                image_id=image_id,
                is_crowd=image.is_crowd,
                areas=image.areas,
                size=image.size,
                where=f"{path}, {shown_text(image.name)}",
                num_unread=image.num_unread,
            )
        )


class _Image:
    """One image while its annotations are collected."""

    def __init__(
        self, file: pathlib.Path, name: str, size: tuple[int, int] | None
    ):
        self.file, self.name, self.size = file, name, size
        self.boxes: list[Any] = []
        self.labels: list[int] = []
        self.is_crowd: list[bool] = []
        self.areas: list[Any] = []
        self.num_unread = 0


def _add_objects(
    raw: RawAnnotations,
    path: pathlib.Path,
    content: Mapping[str, Any],
    found: Mapping[Any, _Image],
    images: Iterable[Any],
    labels: Mapping[Any, int],
) -> None:
    image_ids, category_ids = IdTable(images), IdTable(labels)
    for where, row in _objects(path, content, "annotations", raw):
        stated = row.get("image_id")
        number, is_same = image_ids.find(stated)
        if number is None:
            is_id = id_of(stated) is not None
            reason = UNKNOWN_IMAGE if is_id else INVALID_IMAGE_ID
            raw.dropped.append((reason, f"{where}: {_shown(stated)}"))
            number, _ = image_ids.find(_inner(stated))
            if number in found:  # it is probably this image
                found[number].num_unread += 1
            continue
        if number not in found:  # left out
            continue
        image, category = found[number], row.get("category_id")
        if id_of(category) is None:
            place = f"{where}: {_shown(category)}"
            raw.dropped.append((INVALID_CATEGORY, place))
            image.num_unread += 1
            continue
        known, is_known = category_ids.find(category)
        if not is_same or (known is not None and not is_known):
            raw.noted.append((TEXT_IDS, where))
        box, note = coco_objects.box_of(row, image.size)
        if box is None:
            raw.dropped.append((note or coco_objects.NO_BOX, where))
            image.num_unread += 1
            continue
        if note is not None:
            raw.noted.append((note, where))
        is_crowd = coco_objects.crowd_of(row)
        if is_crowd is None:
            place = f"{where}: {_shown(row['iscrowd'])}"
            raw.repaired.append((UNCLEAR_CROWD, place))
        image.boxes.append(box)
        image.labels.append(-1 if known is None else labels[known])
        image.is_crowd.append(bool(is_crowd))
        image.areas.append(row.get("area"))


def _note_crowds(
    raw: RawAnnotations, path: pathlib.Path, images: Iterable[_Image]
) -> None:
    marks = [x for image in images for x in image.is_crowd]
    if sum(marks) >= AT_LEAST and sum(marks) > MANY * len(marks):
        where = f"{path}: {sum(marks)} of {len(marks)} boxes"
        raw.noted.append((MANY_CROWDS, where))


def _objects(
    path: pathlib.Path,
    content: Mapping[str, Any],
    key: str,
    raw: RawAnnotations,
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a list with their places; others are dropped."""
    for i, row in enumerate(content[key]):
        where = f"{path}, {key}[{i}]"
        if isinstance(row, Mapping):
            yield where, row
        else:
            reason = NOT_A_ROW.format(repr(key))
            raw.dropped.append((reason, f"{where}: {_shown(row)}"))


def _file_name(row: Mapping[str, Any]) -> str | None:
    """Stated name of an image; LVIS states only an address."""
    for key in ("file_name", "coco_url"):
        name = row.get(key)
        if isinstance(name, str) and name.strip():
            return name
    return None


def _stated_size(row: Mapping[str, Any]) -> tuple[int, int] | None:
    return stated_size(row.get("height"), row.get("width"))


def _inner(value: Any) -> Any:
    """The only value of a list, which may be meant."""
    is_single = isinstance(value, list) and len(value) == 1
    return value[0] if is_single else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
