"""Annotations in Pascal VOC's xml files, and those of tools like it."""

import math
import pathlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from collections.abc import Mapping

from keras_efficient.data.readers import paired_folders
from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import number_or_nan
from keras_efficient.data.readers.annotations import stated_size
from keras_efficient.data.readers.enclosing import box_around_points
from keras_efficient.data.readers.enclosing import box_around_rotated
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.paired_files import AnnotationFile
from keras_efficient.data.readers.paired_files import FileKind
from keras_efficient.data.readers.paired_folders import PairedSplit
from keras_efficient.data.readers.paired_reading import read_paired
from keras_efficient.data.readers.safe_xml import read_xml
from keras_efficient.data.readers.safe_xml import root_tag

ROOT = "annotation"
EDGES = ("xmin", "ymin", "xmax", "ymax")
# Elements with coordinates: of roLabelImg; Roboflow and LabelMe's web tool;
# FAIR1M; masks of LabelMe's web tool.
ROTATED = "robndbox"
SHAPES = (ROTATED, "polygon", "points", "segm/box")
# It only begins where a number does, so that the time is proportional to the
# length of the text.
PAIR = re.compile(r"(-?(?<![\d.])[\d.]+)\s*,\s*(-?[\d.]+)")


def find_splits(
    listing: FolderListing,
) -> Mapping[str | None, PairedSplit]:
    """Return the splits of a folder, `None` for annotations as a whole."""
    return paired_folders.find_splits(listing, KIND)


def read(split: PairedSplit, options: ReadOptions) -> RawAnnotations:
    """Read the xml files of a split; see `paired_reading.read_paired`.

    The four edges of a box are used unchanged. VOC itself counts pixels from 1
    and includes the last one; labelImg and most later tools write edges that
    count from 0, and files do not say which. Objects marked as difficult are
    ordinary objects. Polygons and rotated boxes are replaced by the box around
    them.
    """
    return read_paired(KIND, split, options)


def read_voc_file(path: pathlib.Path) -> AnnotationFile | None:
    """Return the contents of a file, `None` if it is of another kind.

    Raises:
        ValueError: If the file is not a complete xml file.
    """
    tree, encoding = read_xml(path)
    if tree.tag != ROOT:
        return None
    names, boxes, unread = [], [], []
    for item in _objects(tree):
        name = _text(item, "name") or _text(item, "possibleresult/name")
        found = _boxes(item)
        names += [name] * len(found)
        boxes += found
        if not found:
            unread.append(repr(name))
    stated_path = _text(tree, "path").replace("\\", "/")
    return AnnotationFile(
        image_name=_text(tree, "filename") or stated_path.rpartition("/")[2],
        image_folder=stated_path.rpartition("/")[0] or _text(tree, "folder"),
        size=_size(tree),
        names=tuple(names),
        boxes=tuple(boxes),
        unread=tuple(unread),
        encoding=encoding,
    )


def _text(item: ElementTree.Element, path: str) -> str:
    return (item.findtext(path) or "").strip()


def _objects(item: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """The objects at any depth, but not the parts of objects."""
    for child in item:
        if child.tag != "object":
            yield from _objects(child)
        elif _text(child, "deleted") != "1":
            yield child


def _boxes(item: ElementTree.Element) -> list[list[float]]:
    """Boxes of an object: usually one."""
    stated = [
        [number_or_nan(box.findtext(edge)) for edge in EDGES]
        for box in item.findall("bndbox")
        if all(_text(box, edge) for edge in EDGES)
    ]
    if stated and all(map(math.isfinite, sum(stated, []))):
        return stated
    for kind in SHAPES:
        around = [_box_around(shape) for shape in item.findall(kind)]
        corners = [box[i : i + 2] for box in around if box for i in (0, 2)]
        if corners:
            return [box_around_points(corners) or []]
    return stated


def _box_around(shape: ElementTree.Element) -> list[float] | None:
    if shape.tag == ROTATED and shape.find("cx") is not None:
        cx, cy, w, h, angle = (
            number_or_nan(shape.findtext(key))
            for key in ("cx", "cy", "w", "h", "angle")
        )
        # Radians, but more than a full turn can only be degrees.
        angle = math.radians(angle) if abs(angle) > 2 * math.pi else angle
        box = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
        return box_around_rotated(box, angle)
    xs, ys = (
        [number_or_nan(x.text) for x in shape.iter() if x.tag[:1] == letter]
        for letter in "xy"
    )
    pairs = [pair for x in shape.iter() for pair in PAIR.findall(x.text or "")]
    if not xs:
        xs, ys = ([number_or_nan(pair[i]) for pair in pairs] for i in (0, 1))
    if len(xs) != len(ys):
        return None
    return box_around_points(zip(xs, ys, strict=True))


def _size(tree: ElementTree.Element) -> tuple[int, int] | None:
    for names in (
        ("size/height", "size/width"),
        (
            "imagesize/nrows",
            "imagesize/ncols",
        ),
    ):
        size = stated_size(*(tree.findtext(name) for name in names))
        if size is not None:
            return size
    return None


def _is_voc(path: pathlib.Path) -> bool:
    return root_tag(path) == ROOT


KIND = FileKind(
    title="Pascal VOC",
    ending=".xml",
    a_file="an xml file",
    is_ours=_is_voc,
    read=read_voc_file,
)
LAYOUT = Layout(
    name="voc",
    title=KIND.title,
    expected="Annotations/*.xml with JPEGImages/ and "
    "ImageSets/Main/<split>.txt, or <split>/*.xml beside the images",
    find_splits=find_splits,
    read=read,
    endings=(".xml",),
    has_images_option=True,
)
