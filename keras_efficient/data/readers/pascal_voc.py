"""Annotations in Pascal VOC's xml files."""

import dataclasses
import pathlib
import xml.etree.ElementTree as ElementTree

import numpy as np

from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import files_with_ending
from keras_efficient.data.readers.files import list_folder
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.raw import RawAnnotations
from keras_efficient.data.readers.raw import RawImage
from keras_efficient.data.readers.raw import box_array
from keras_efficient.data.readers.raw import number_or_nan

LAYOUT = "Pascal VOC"
LOOKED_FOR = (
    "Pascal VOC: Annotations/*.xml with JPEGImages/ and "
    "ImageSets/Main/<split>.txt, or <split>/*.xml beside the images"
)
EDGES = ("xmin", "ymin", "xmax", "ymax")
ANNOTATION_FOLDERS = ("Annotations", "annotations", "annotations/xmls", "xmls")
IMAGE_FOLDERS = ("JPEGImages", "images", "Images", "img", "")


@dataclasses.dataclass(frozen=True)
class VOCPart:
    """Where a split lies.

    Attributes:
        annotations: Folder of the xml files.
        images: Folders where the images may lie.
        list_file: Text file with the names that count, or `None` for all.
    """

    annotations: pathlib.Path
    images: tuple[pathlib.Path, ...]
    list_file: pathlib.Path | None = None


def find_voc(folder: pathlib.Path) -> dict[str | None, VOCPart]:
    """Parts of a folder in this layout by split; `None` for all of it."""
    found = {}
    whole = _part(folder)
    if whole is not None:
        found[None] = whole
    for name in list_folder(folder)[0]:
        place = folder / name
        if place == getattr(whole, "annotations", None):
            continue
        part = _part(place)
        if part is not None and name not in ANNOTATION_FOLDERS:
            found[name] = part
    for place in map(folder.joinpath, ANNOTATION_FOLDERS):
        for name in list_folder(place)[0] if place.is_dir() else ():
            if name != "xmls" and files_with_ending(place / name, ".xml"):
                images = tuple(folder / x / name for x in IMAGE_FOLDERS)
                found[name] = VOCPart(place / name, images)
    lists = files_with_ending(folder / "ImageSets" / "Main", ".txt")
    stems = {path.stem for path in lists}
    for path in lists if whole is not None else ():
        # VOC has one more file for each class and split: "cat_train.txt".
        if path.stem.rpartition("_")[2] not in stems - {path.stem}:
            found[path.stem] = dataclasses.replace(whole, list_file=path)
    return found


def _part(folder):
    images = tuple(folder / name for name in IMAGE_FOLDERS)
    for name in (*ANNOTATION_FOLDERS, ""):
        if files_with_ending(folder / name, ".xml"):
            return VOCPart(folder / name, (*images, folder / name))
    return None


def read_voc(
    part: VOCPart, siblings: tuple[VOCPart, ...] = ()
) -> RawAnnotations:
    """Reads the xml files of a split.

    The four edges of a box are taken as they are. VOC itself counts pixels
    from 1 and includes the last; labelImg and most tools since write edges
    that count from 0, and the two cannot be told apart. Objects that are
    marked as difficult count as others. Of the image and the xml file, the
    names decide which belong together, not what is written inside.

    Args:
        part: A `VOCPart`.
        siblings: All parts of the set. Their classes count too, so that all
            splits have the same labels. Defaults to this part alone.

    Returns:
        A `RawAnnotations`; classes are sorted by name.
    """
    source = part.list_file or part.annotations
    raw = RawAnnotations(
        images=[],
        class_names=(),
        category_ids=(),
        box_format="xyxy",
        layout=LAYOUT,
        source=source,
    )
    images = _images_by_stem(part.images)
    paths = {
        path.stem: path for path in files_with_ending(part.annotations, ".xml")
    }
    known = {}
    for stem in _stems(part, paths, images, raw):
        path = paths[stem]
        try:
            known[path] = _read_file(path)
        except ValueError as e:
            raw.dropped.append(("xml files that cannot be read", str(e)))
            continue
        name, size, objects = known[path]
        raw.images.append(
            RawImage(
                image=_find_image(part, images, stem, name),
                boxes=box_array([box for _, box in objects]),
                labels=np.array([name for name, _ in objects], object),
                image_id=stem,
                size=size,
                where=str(path),
            )
        )
    classes = _classes(known, (part, *siblings))
    raw.class_names = tuple(classes)
    raw.category_ids = tuple(range(1, len(classes) + 1))
    label_of = {name: label for label, name in enumerate(classes)}
    for image in raw.images:
        labels = [label_of.get(name, -1) for name in image.labels]
        image.labels = np.array(labels, "int64")
    return raw


def _stems(part, paths, images, raw):
    """Names of a split's images that have an xml file."""
    if part.list_file is None:
        # Nobody has looked at them: there may be objects.
        wanted = dict.fromkeys([*sorted(paths), *sorted(images)])
    else:
        lines = [x.strip() for x in read_text(part.list_file).splitlines()]
        # A number behind the name says whether a class is there.
        wanted = [x if x in paths else x.split()[0] for x in lines if x]
    stems = []
    for stem in wanted:
        if stem in paths:
            stems.append(stem)
        else:
            missing = part.annotations / f"{stem}.xml"
            raw.dropped.append(("images without an xml file", str(missing)))
    return stems


def _images_by_stem(folders):
    """Paths of images by name without ending; earlier folders first."""
    found = {}
    for folder in folders:
        for path in files_with_ending(folder, EXTENSIONS):
            found.setdefault(path.stem, path)
    return found


def _find_image(part, images, stem, name):
    name = pathlib.PureWindowsPath(name or stem)
    if stem in images:
        return images[stem]
    folder = next((x for x in part.images if x.is_dir()), part.annotations)
    ending = name.suffix if name.suffix.lower() in EXTENSIONS else ".jpg"
    # Where there is none, the name that was looked for first.
    return images.get(name.stem, folder / f"{stem}{ending}")


def _classes(known, parts):
    """Names of all classes of the set, sorted."""
    for folder in dict.fromkeys(part.annotations for part in parts):
        for path in files_with_ending(folder, ".xml"):
            if path not in known:
                try:
                    known[path] = _read_file(path)
                except ValueError:  # told where its split is read
                    continue
    names = {name for *_, objects in known.values() for name, _ in objects}
    return sorted(names - {""})


def _read_file(path):
    """File name of the image, its stated size, and names with boxes."""
    try:
        tree = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, UnicodeDecodeError) as e:
        raise ValueError(f"{path} is no whole xml file: {e}") from e
    size = [
        number_or_nan(tree.findtext(f"size/{side}"))
        for side in ("height", "width")
    ]
    objects = []
    for item in tree.iter("object"):
        box = [number_or_nan(item.findtext(f"bndbox/{edge}")) for edge in EDGES]
        objects.append(((item.findtext("name") or "").strip(), box))
    # Some tools write 0 where they do not know.
    is_stated = np.isfinite(size).all() and min(size) > 0
    size = tuple(int(side) for side in size) if is_stated else None
    return (tree.findtext("filename") or "").strip(), size, objects
