"""Annotations in Pascal VOC's xml files."""

import dataclasses
import pathlib
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import number_or_nan
from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import files_with_ending
from keras_efficient.data.readers.files import list_folder
from keras_efficient.data.readers.files import read_text

EDGES = ("xmin", "ymin", "xmax", "ymax")
ANNOTATION_FOLDERS = ("Annotations", "annotations", "annotations/xmls", "xmls")
IMAGE_FOLDERS = ("JPEGImages", "images", "Images", "img", "")

# File name of the image, its stated size, and pairs of class and box.
Content: TypeAlias = tuple[
    str, tuple[int, int] | None, list[tuple[str, list[float]]]
]


@dataclasses.dataclass(frozen=True)
class VOCSplit:
    """Where a split is stored.

    Attributes:
        annotations: Folder of the xml files.
        images: Folders that may contain the images.
        list_file: Text file with the names of its images, or `None` for all.
        class_folders: Folders of the xml files of all splits. All of their
            classes count, so that the splits have the same labels.
    """

    annotations: pathlib.Path
    images: tuple[pathlib.Path, ...]
    list_file: pathlib.Path | None = None
    class_folders: tuple[pathlib.Path, ...] = ()


def find_splits(folder: pathlib.Path) -> Mapping[str | None, VOCSplit]:
    """Return the splits of a folder, `None` for all of its xml files."""
    found: dict[str | None, VOCSplit] = {}
    whole = _split_at(folder)
    if whole is not None:
        found[None] = whole
    for name in list_folder(folder)[0]:
        place = folder / name
        if place == getattr(whole, "annotations", None):
            continue
        split = _split_at(place)
        if split is not None and name not in ANNOTATION_FOLDERS:
            found[name] = split
    for place in map(folder.joinpath, ANNOTATION_FOLDERS):
        for name in list_folder(place)[0] if place.is_dir() else ():
            if name != "xmls" and files_with_ending(place / name, ".xml"):
                images = tuple(folder / x / name for x in IMAGE_FOLDERS)
                found[name] = VOCSplit(place / name, images)
    if whole is not None:
        for path in _list_files(folder):
            found[path.stem] = dataclasses.replace(whole, list_file=path)
    folders = tuple(
        dict.fromkeys(split.annotations for split in found.values())
    )
    return {
        name: dataclasses.replace(split, class_folders=folders)
        for name, split in found.items()
    }


def _split_at(folder: pathlib.Path) -> VOCSplit | None:
    images = tuple(folder / name for name in IMAGE_FOLDERS)
    for name in (*ANNOTATION_FOLDERS, ""):
        if files_with_ending(folder / name, ".xml"):
            return VOCSplit(folder / name, (*images, folder / name))
    return None


def _list_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Text files with the names of a split's images."""
    files = files_with_ending(folder / "ImageSets" / "Main", ".txt")
    stems = {path.stem for path in files}
    # VOC has another file for each class and split: "cat_train.txt".
    return [
        path
        for path in files
        if path.stem.rpartition("_")[2] not in stems - {path.stem}
    ]


def read(split: VOCSplit, options: ReadOptions) -> RawAnnotations:
    """Read the xml files of a split.

    The four edges of a box are used unchanged. VOC itself counts pixels from 1
    and includes the last one; labelImg and most later tools write edges that
    count from 0, and files do not say which. Objects marked as difficult are
    ordinary objects. An image belongs to the xml file of the same name,
    regardless of the name inside.

    Args:
        split: A `VOCSplit`.
        options: A `ReadOptions`; none of them is used.

    Returns:
        A `RawAnnotations`; classes are sorted by name.
    """
    raw = RawAnnotations(
        images=[],
        class_names=(),
        category_ids=(),
        box_format="xyxy",
        layout=LAYOUT.title,
        source=split.list_file or split.annotations,
    )
    images = _images_by_stem(split.images)
    contents: dict[pathlib.Path, Content] = {}
    files = _annotation_files(split, images, raw)
    for path in dict.fromkeys(files):
        try:
            contents[path] = _read_file(path)
        except ValueError as e:
            raw.dropped.append(("xml files that cannot be read", str(e)))
    classes = _classes(contents, split)
    raw.class_names = tuple(classes)
    raw.category_ids = tuple(range(1, len(classes) + 1))
    label_of = {name: label for label, name in enumerate(classes)}
    for path in files:
        if path not in contents:
            continue
        name, size, objects = contents[path]
        raw.images.append(
            RawImage(
                image=_find_image(split, images, path.stem, name),
                boxes=[box for _, box in objects],
                labels=[label_of.get(name, -1) for name, _ in objects],
                image_id=path.stem,
                size=size,
                where=str(path),
            )
        )
    return raw


def _annotation_files(
    split: VOCSplit, images: Mapping[str, pathlib.Path], raw: RawAnnotations
) -> list[pathlib.Path]:
    """The xml files of a split; images without one are dropped."""
    files = {
        path.stem: path for path in files_with_ending(split.annotations, ".xml")
    }
    if split.list_file is None:
        # An image without a file was not annotated: it may show objects.
        wanted = list(dict.fromkeys([*sorted(files), *sorted(images)]))
    else:
        lines = [x.strip() for x in read_text(split.list_file).splitlines()]
        # A number after the name states whether the image shows a class.
        wanted = [x if x in files else x.split()[0] for x in lines if x]
    for stem in wanted:
        if stem not in files:
            missing = split.annotations / f"{stem}.xml"
            raw.dropped.append(("images without an xml file", str(missing)))
    return [files[stem] for stem in wanted if stem in files]


def _images_by_stem(
    folders: tuple[pathlib.Path, ...],
) -> dict[str, pathlib.Path]:
    """Paths of images by name without extension; earlier folders first."""
    found: dict[str, pathlib.Path] = {}
    for folder in folders:
        for path in files_with_ending(folder, EXTENSIONS):
            found.setdefault(path.stem, path)
    return found


def _find_image(
    split: VOCSplit,
    images: Mapping[str, pathlib.Path],
    stem: str,
    stated_name: str,
) -> pathlib.Path:
    if stem in images:
        return images[stem]
    name = pathlib.PureWindowsPath(stated_name or stem)
    folder = next((x for x in split.images if x.is_dir()), split.annotations)
    ending = name.suffix if name.suffix.lower() in EXTENSIONS else ".jpg"
    # If the image is missing, the path that was tried first.
    return images.get(name.stem, folder / f"{stem}{ending}")


def _classes(
    contents: Mapping[pathlib.Path, Content], split: VOCSplit
) -> list[str]:
    """Sorted names of the classes of all splits."""
    known = dict(contents)
    for folder in split.class_folders or (split.annotations,):
        for path in files_with_ending(folder, ".xml"):
            if path not in known:
                try:
                    known[path] = _read_file(path)
                except ValueError:  # reported when its split is read
                    continue
    names = {name for *_, objects in known.values() for name, _ in objects}
    return sorted(names - {""})


def _read_file(path: pathlib.Path) -> Content:
    try:
        tree = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, UnicodeDecodeError) as e:
        raise ValueError(f"{path} is not a complete xml file: {e}") from e
    height, width = (
        number_or_nan(tree.findtext(f"size/{side}"))
        for side in ("height", "width")
    )
    objects = []
    for item in tree.iter("object"):
        box = [number_or_nan(item.findtext(f"bndbox/{edge}")) for edge in EDGES]
        objects.append(((item.findtext("name") or "").strip(), box))
    # Some tools write 0 for an unknown size.
    is_stated = np.isfinite([height, width]).all() and min(height, width) > 0
    size = (int(height), int(width)) if is_stated else None
    return (tree.findtext("filename") or "").strip(), size, objects


LAYOUT = Layout(
    name="voc",
    title="Pascal VOC",
    expected="Annotations/*.xml with JPEGImages/ and "
    "ImageSets/Main/<split>.txt, or <split>/*.xml beside the images",
    find_splits=find_splits,
    read=read,
    endings=(".xml",),
)
