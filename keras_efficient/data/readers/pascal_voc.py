"""Annotations in Pascal VOC's xml files."""

import pathlib
import xml.etree.ElementTree as ElementTree

import numpy as np

from keras_efficient.data.readers.image_folder import EXTENSIONS
from keras_efficient.data.readers.raw import RawAnnotations
from keras_efficient.data.readers.raw import RawImage
from keras_efficient.data.readers.raw import box_array

LAYOUT = "Pascal VOC"
EDGES = ("xmin", "ymin", "xmax", "ymax")


def find_voc(folder: pathlib.Path, split: str | None) -> pathlib.Path | None:
    """The root of a set in this layout, or `None`.

    Either `Annotations/*.xml` with `ImageSets/Main/<split>.txt`, or xml files
    beside the images, as labelImg and Roboflow write them.
    """
    if (folder / "Annotations").is_dir():
        has_split = (folder / "ImageSets" / "Main" / f"{split}.txt").is_file()
        return folder if split is None or has_split else None
    root = folder / split if split else folder
    if root.is_dir() and next(root.glob("*.xml"), None):
        return root
    return None


def read_voc(root: pathlib.Path, split: str | None = None) -> RawAnnotations:
    """Reads the xml files of a split.

    The four numbers of a box are taken as they are. VOC itself counts pixels
    from 1 and includes the last; most tools that write its format do neither.

    Args:
        root: Folder that `find_voc` gave.
        split: String, name of a list in `ImageSets/Main`; `None` for all
            files.

    Returns:
        A `RawAnnotations`; classes are sorted by name.

    Raises:
        ValueError: If a file is no whole xml.
    """
    annotations = root / "Annotations"
    if not annotations.is_dir():
        annotations = root
    names = None
    if split is not None and annotations != root:
        lines = (root / "ImageSets" / "Main" / f"{split}.txt").read_text()
        names = [line.split()[0] for line in lines.splitlines() if line.split()]
    if names is None:
        names = sorted(path.stem for path in annotations.glob("*.xml"))
    raw = RawAnnotations(
        images=[],
        class_names=(),
        category_ids=(),
        box_format="xyxy",
        layout=LAYOUT,
        source=f"{root}, {split}" if split else root,
    )
    found = []
    for name in names:
        path = annotations / f"{name}.xml"
        if not path.is_file():
            raw.dropped.append(("images without an xml file", str(path)))
            continue
        found.append((path, *_read_file(path)))
    # All files of the folder decide, so that splits have the same labels.
    classes = sorted(_all_classes(annotations, found))
    raw.class_names = tuple(classes)
    raw.category_ids = tuple(range(1, len(classes) + 1))
    for path, image_name, size, objects in found:
        raw.images.append(
            RawImage(
                image=_find_image(root, path, image_name),
                boxes=box_array([box for _, box in objects]),
                labels=np.array(
                    [classes.index(name) for name, _ in objects], "int64"
                ),
                image_id=path.stem,
                size=size,
                where=str(path),
            )
        )
    return raw


def _all_classes(annotations, found):
    known = {path for path, *_ in found}
    names = {name for *_, objects in found for name, _ in objects}
    for path in annotations.glob("*.xml"):
        if path not in known:
            names |= {name for name, _ in _read_file(path)[2]}
    return names


def _read_file(path):
    """File name of the image, its stated size, and names with boxes."""
    try:
        tree = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as e:
        raise ValueError(f"{path} is no whole xml file: {e}") from e
    size = tuple(_number(tree, f"size/{side}") for side in ("height", "width"))
    objects = []
    for item in tree.iter("object"):
        box = [_number(item, f"bndbox/{edge}") for edge in EDGES]
        name = (item.findtext("name") or "").strip()
        objects.append((name, box))
    is_stated = not any(np.isnan(size)) and min(size) > 0
    size = tuple(int(side) for side in size) if is_stated else None
    return tree.findtext("filename"), size, objects


def _number(element, path):
    try:
        return float(element.findtext(path))
    except (TypeError, ValueError):
        return float("nan")


def _find_image(root, path, name):
    """By the xml file's name first: many files keep another one inside."""
    folders = [root / "JPEGImages", root / "images", path.parent]
    names = [f"{path.stem}{ending}" for ending in EXTENSIONS]
    names += [f"{path.stem}{ending.upper()}" for ending in EXTENSIONS]
    names += [pathlib.PurePath(name).name] if name else []
    places = [folder / name for folder in folders for name in names]
    return next((place for place in places if place.is_file()), places[0])
