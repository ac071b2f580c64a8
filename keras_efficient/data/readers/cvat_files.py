"""Contents of CVAT's xml files: images with shapes, or tracks of a video."""

import bisect
import dataclasses
import itertools
import math
import pathlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from collections.abc import Mapping

from keras_efficient.data.readers.annotations import number_or_nan
from keras_efficient.data.readers.annotations import stated_size
from keras_efficient.data.readers.enclosing import box_around_ellipse
from keras_efficient.data.readers.enclosing import box_around_points
from keras_efficient.data.readers.enclosing import box_around_rotated

EDGES = ("xtl", "ytl", "xbr", "ybr")
ELLIPSE = ("cx", "cy", "rx", "ry")
MASK = ("left", "top", "width", "height")
# Shapes that surround an object, and those that only mark places of it.
SHAPES = ("box", "polygon", "ellipse", "mask", "cuboid")
MARKS = ("polyline", "points", "skeleton")
# Kinds of labels that are never those of a box.
OTHER_LABELS = ("tag", "points", "polyline", "skeleton")
CORNER = re.compile(r"x[bt][lr]\d")


@dataclasses.dataclass
class CVATImage:
    """An image, or a frame of a video, with its objects.

    Attributes:
        name: Stated name, possibly with folders.
        subset: Name of its split, or `""`.
        size: `(height, width)`, or `None`.
        names: Class of each box.
        boxes: `xyxy` of each box, in pixels.
        unread: Kinds and classes of the objects without a box.
        tags: Classes of the image as a whole.
    """

    name: str
    subset: str = ""
    size: tuple[int, int] | None = None
    names: list[str] = dataclasses.field(default_factory=list)
    boxes: list[list[float]] = dataclasses.field(default_factory=list)
    unread: list[str] = dataclasses.field(default_factory=list)
    tags: list[str] = dataclasses.field(default_factory=list)


def class_names(tree: ElementTree.Element) -> list[str]:
    """Return the stated classes of boxes, in the order of the file."""
    return [
        (label.findtext("name") or "").strip()
        for label in tree.iterfind("meta//labels/label")
        if label.findtext("type") not in OTHER_LABELS
        # Parts of a skeleton
        and not (label.findtext("parent") or "").strip()
    ]


def images_of(tree: ElementTree.Element) -> list[CVATImage]:
    """Return the images of a file that CVAT exported "for images"."""
    images = []
    for item in tree.iterfind("image"):
        image = CVATImage(
            name=item.get("name") or "",
            subset=item.get("subset") or "",
            size=stated_size(item.get("height"), item.get("width")),
        )
        for shape in item:
            _add(image, shape, shape.get("label") or "")
        images.append(image)
    return images


def frames_of(
    tree: ElementTree.Element, files: Mapping[int, pathlib.Path]
) -> list[CVATImage]:
    """Return the frames of a file that CVAT exported "for video".

    Args:
        tree: The root element.
        files: Paths of the images of the frames, by their numbers.

    Returns:
        A list of `CVATImage`s, one for each of `files`. Where a track has no
        box because only its key frames are stated, the object is unread.
    """
    original = "meta//original_size/"
    size = stated_size(
        tree.findtext(f"{original}height"), tree.findtext(f"{original}width")
    )
    frames = {
        number: CVATImage(path.as_posix(), size=size)
        for number, path in files.items()
    }
    numbers = sorted(frames)
    for track in tree.iterfind("track"):
        label = track.get("label") or ""
        shapes = sorted(_numbered(track), key=lambda pair: pair[0])
        for (number, shape), after in itertools.zip_longest(shapes, shapes[1:]):
            if shape.get("outside") == "1":
                continue
            if number in frames:
                _add(frames[number], shape, label)
            stop = after[0] if after else number
            start = bisect.bisect_right(numbers, number)
            for gap in numbers[start : bisect.bisect_left(numbers, stop)]:
                frames[gap].unread.append(f"interpolated {label!r}")
    return list(frames.values())


def has_tracks(tree: ElementTree.Element) -> bool:
    """Return whether a file contains tracks of a video."""
    return tree.find("track") is not None


def _numbered(
    track: ElementTree.Element,
) -> Iterator[tuple[int, ElementTree.Element]]:
    for shape in track:
        number = number_or_nan(shape.get("frame"))
        if math.isfinite(number):
            yield int(number), shape


def _add(image: CVATImage, shape: ElementTree.Element, label: str) -> None:
    """Add the object of a shape to an image."""
    if shape.tag == "tag":
        image.tags.append(label)
    elif shape.tag in SHAPES:
        box = _box(shape)
        if box is None:
            image.unread.append(f"{shape.tag} {label!r}")
        else:
            image.names.append(label)
            image.boxes.append(box)
    elif shape.tag in MARKS:
        image.unread.append(f"{shape.tag} {label!r}")


def _box(shape: ElementTree.Element) -> list[float] | None:
    """The box around a shape, `None` if its numbers cannot be read."""

    def numbers(names: tuple[str, ...]) -> list[float]:
        return [number_or_nan(shape.get(name)) for name in names]

    angle = math.radians(number_or_nan(shape.get("rotation") or 0))
    if shape.tag == "box":
        return box_around_rotated(numbers(EDGES), angle)
    if shape.tag == "ellipse":
        cx, cy, rx, ry = numbers(ELLIPSE)
        return box_around_ellipse(cx, cy, rx, ry, angle)
    if shape.tag == "mask":
        left, top, width, height = numbers(MASK)
        return box_around_points([(left, top), (left + width, top + height)])
    if shape.tag == "cuboid":
        corners = [name for name in shape.keys() if CORNER.fullmatch(name)]
        xs = numbers(tuple(corners))
        ys = numbers(tuple("y" + name[1:] for name in corners))
        return box_around_points(zip(xs, ys, strict=True))
    texts = [pair for pair in (shape.get("points") or "").split(";") if pair]
    pairs = [[number_or_nan(x) for x in text.split(",")] for text in texts]
    if any(len(pair) != 2 for pair in pairs):
        return None
    return box_around_points(pairs)
