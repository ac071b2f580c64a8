"""Annotations in YOLO's text files."""

import dataclasses
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from keras_efficient.data.readers.annotations import EMPTY_LABEL_FILE
from keras_efficient.data.readers.annotations import MAX_UNNAMED_CLASSES
from keras_efficient.data.readers.annotations import NO_LABEL_FILE
from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import empty_annotations
from keras_efficient.data.readers.annotations import is_whole_number
from keras_efficient.data.readers.class_names import distinct_names
from keras_efficient.data.readers.class_names import standardize_class_names
from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.yolo_config import DARKNET_ENDING
from keras_efficient.data.readers.yolo_config import NAME_FILES
from keras_efficient.data.readers.yolo_config import YAML_ENDINGS
from keras_efficient.data.readers.yolo_config import Config
from keras_efficient.data.readers.yolo_config import find_config
from keras_efficient.data.readers.yolo_config import read_class_names
from keras_efficient.data.readers.yolo_folders import images_in
from keras_efficient.data.readers.yolo_folders import lists_of_images
from keras_efficient.data.readers.yolo_folders import splits_in_folders
from keras_efficient.data.readers.yolo_folders import texts_below
from keras_efficient.data.readers.yolo_labels import LabelFiles
from keras_efficient.data.readers.yolo_labels import find_labels
from keras_efficient.data.readers.yolo_labels import find_labels_elsewhere
from keras_efficient.data.readers.yolo_labels import without_labels_message
from keras_efficient.data.readers.yolo_lines import NOT_A_BOX
from keras_efficient.data.readers.yolo_lines import ClassPrefixes
from keras_efficient.data.readers.yolo_lines import choose_readings
from keras_efficient.data.readers.yolo_lines import class_prefixes
from keras_efficient.data.readers.yolo_lines import has_boxes
from keras_efficient.data.readers.yolo_lines import split_line

# Reasons in reports, each after a number.
TEXT_WITHOUT_IMAGE = "text files without an image"
UNREADABLE_TEXT = "text files that cannot be read"
UNCERTAIN = "images whose label file is not certain"
LOST_LABELS = (
    "images without a label file, while most label files have no image"
)
TOO_HIGH = (
    f"boxes whose class has no name and a number of {MAX_UNNAMED_CLASSES} or "
    "more"
)
OTHER_COUNT = "number of classes that differs from the names"
# Characters of a line that messages show.
MAX_SHOWN = 80


@dataclasses.dataclass(frozen=True)
class YOLOSplit:
    """Where a split is stored.

    Attributes:
        root: Folder of the dataset.
        images: Folders of images, or text files that list images.
        config: Contents of `data.yaml` or `obj.data`.
    """

    root: pathlib.Path
    images: tuple[pathlib.Path, ...]
    config: Config


@dataclasses.dataclass(frozen=True)
class _Line:
    """A line of a label file: class and numbers as in the file."""

    name: str
    numbers: list[float]
    where: str


# The lines of a file, and the number of those that cannot be read.
Content: TypeAlias = tuple[list[_Line], int]


def find_splits(listing: FolderListing) -> Mapping[str | None, YOLOSplit]:
    """Return the splits of a folder, of its `data.yaml` or `obj.data`.

    A dataset that is the only one in a subfolder is found as well.
    """
    found = _splits_at(listing, listing.source)
    if found or listing.is_file:
        return found
    places = [listing.root / name for name in listing.folders()]
    inner = [
        _splits_at(listing, place)
        for place in places
        if listing.files_below(place, LAYOUT.endings)
    ]
    inner = [splits for splits in inner if splits]
    return inner[0] if len(inner) == 1 else {}


def _splits_at(
    listing: FolderListing, path: pathlib.Path
) -> dict[str | None, YOLOSplit]:
    config = find_config(listing, path)
    root = config.root
    stated = config.splits()
    is_listed = any(x.is_file() for places in stated.values() for x in places)
    # Lists divide the images of a folder in their own way.
    found = {} if is_listed else splits_in_folders(listing, root)
    if found and not stated:
        stated = lists_of_images(listing, root)
        found = {} if stated else found
    found.update(stated)
    return {name: YOLOSplit(root, x, config) for name, x in found.items()}


def read(split: YOLOSplit, options: ReadOptions) -> RawAnnotations:
    """Read text files with lines `<class> <x> <y> <width> <height>`.

    Polygons and rotated boxes are replaced by their bounding boxes; keypoints,
    confidences and track ids after a box are ignored. Lines that could be
    either a polygon or keypoints are dropped. The class is a number or a name.

    Args:
        split: A `YOLOSplit`.
        options: A `ReadOptions`. `class_names` are used if no file contains
            the names; they default to the numbers or names in the lines.
            `images` is the folder of the images, if the dataset contains
            only label files or lists.

    Returns:
        A `RawAnnotations`.

    Raises:
        ValueError: If there are no images, or label files that belong to none
            of them, or if files with class names contradict each other.
    """
    raw = empty_annotations("rel_center_xywh", LAYOUT.title, split.images)
    listing = options.listing
    images = images_in(listing, split.images, split.root, split.config)
    labels = _labels_of(split, images, options, raw)
    texts = [text for text in labels.of_image.values() if text is not None]
    folders = dict.fromkeys(
        place for x in (images, texts) for path in x for place in (path.parent,)
    )
    names, remark = read_class_names(split.config, folders)
    if remark:
        raw.noted.append((OTHER_COUNT, f"{split.root}: {remark}"))
    if names is None and options.class_names is not None:
        names = list(standardize_class_names(options.class_names))
    prefixes = class_prefixes(names or ())
    contents = {text: _read_file(text, prefixes, raw) for text in texts}
    raw.class_names = _class_names(contents, names, split, raw)
    raw.category_ids = tuple(range(len(raw.class_names)))
    _add_images(split, labels, contents, raw)
    return raw


def _labels_of(
    split: YOLOSplit,
    images: Sequence[pathlib.Path],
    options: ReadOptions,
    raw: RawAnnotations,
) -> LabelFiles:
    """Label files of the images; reports what does not fit together."""
    roots = tuple(dict.fromkeys([split.root, *split.config.bases()]))
    lists = [x for places in split.config.splits().values() for x in places]
    ignored = {*lists, *split.images}
    listing = options.listing
    if options.images is not None:
        names = {image.stem for image in images}
        images = [
            path
            for path in listing.files_below(options.images, EXTENSIONS)
            if path.stem in names or not names
        ]
        places = roots if names else split.images
        texts = [
            text
            for text in texts_below(listing, places, ignored)
            if text.stem in names or not names
        ]
        labels = find_labels_elsewhere(listing, images, texts)
    elif images:
        labels = find_labels(listing, images, roots, ignored, NAME_FILES)
    else:
        raise ValueError(
            f"{raw.source} has no images. Pass the folder of the images, such "
            "as images='photos' (in commands: --images photos)."
        )
    labels.without_image = [x for x in labels.without_image if has_boxes(x)]
    num_found = sum(text is not None for text in labels.of_image.values())
    if not num_found:
        message = without_labels_message(str(raw.source), labels, len(images))
        raise ValueError(message)
    for path in labels.without_image:
        raw.dropped.append((TEXT_WITHOUT_IMAGE, str(path)))
    for image, text in labels.uncertain.items():
        raw.dropped.append((UNCERTAIN, f"{image}: {text}"))
        del labels.of_image[image]
    if len(labels.without_image) > num_found:
        for image in [x for x, y in labels.of_image.items() if y is None]:
            raw.dropped.append((LOST_LABELS, str(image)))
            del labels.of_image[image]
    return labels


def _read_file(
    path: pathlib.Path, prefixes: ClassPrefixes, raw: RawAnnotations
) -> Content:
    """Lines of a label file, without those that have no class or numbers."""
    found: list[_Line] = []
    num_unread = 0
    try:
        lines = read_text(path).splitlines()
    except ValueError as e:
        raw.dropped.append((UNREADABLE_TEXT, str(e)))
        return found, 1
    for i, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{path}, line {i + 1}: {line[:MAX_SHOWN]}"
        parsed = split_line(line, prefixes)
        if parsed is None or _is_fraction(parsed[0]):
            raw.dropped.append((NOT_A_BOX, where))
            num_unread += 1
        else:
            found.append(_Line(*parsed, where))
    return found, num_unread


def _add_images(
    split: YOLOSplit,
    labels: LabelFiles,
    contents: Mapping[pathlib.Path, Content],
    raw: RawAnnotations,
) -> None:
    found = _boxes_of(contents, split.config, raw)
    index = {name: i for i, name in enumerate(raw.class_names)}
    ids = _image_ids(list(labels.of_image))
    for (image, text), image_id in zip(
        labels.of_image.items(), ids, strict=True
    ):
        boxes, num_unread = found[text] if text is not None else ([], 0)
        raw.images.append(
            RawImage(
                image,
                [box for _, box in boxes],
                [_label_of(name, index) for name, _ in boxes],
                image_id,
                where=str(text or image),
                num_unread=num_unread,
                background=EMPTY_LABEL_FILE if text else NO_LABEL_FILE,
            )
        )


def _boxes_of(
    contents: Mapping[pathlib.Path, Content],
    config: Config,
    raw: RawAnnotations,
) -> dict[pathlib.Path, tuple[list[tuple[str, list[float]]], int]]:
    """Pairs of class and box in each file, and the number of unread lines."""
    rows: dict[int, list[list[float]]] = {}
    for lines, _ in contents.values():
        for line in lines:
            rows.setdefault(len(line.numbers), []).append(line.numbers)
    arrays = {count: np.array(values) for count, values in rows.items()}
    task = str(config.keys.get("task", ""))
    readings = choose_readings(arrays, config.keypoints, task)
    boxes = {
        count: iter(reading.boxes(arrays[count]).tolist())
        for count, reading in readings.items()
        if not reading.reason
    }
    found = {}
    for text, (lines, num_unread) in contents.items():
        read = []
        for line in lines:
            count = len(line.numbers)
            if count in boxes:
                read.append((line.name, next(boxes[count])))
            else:
                raw.dropped.append((readings[count].reason, line.where))
                num_unread += 1
        notes = {readings[len(line.numbers)].note for line in lines} - {""}
        raw.noted += [(note, str(text)) for note in sorted(notes)]
        found[text] = read, num_unread
    return found


def _image_ids(paths: Sequence[pathlib.Path]) -> list[str]:
    """Names without extension, with the folder if several share a name."""
    folders: dict[str, set[pathlib.Path]] = {}
    for path in paths:
        folders.setdefault(path.stem, set()).add(path.parent)
    return [
        f"{path.parent.as_posix()}/{path.stem}"
        if len(folders[path.stem]) > 1
        else path.stem
        for path in paths
    ]


def _class_names(
    contents: Mapping[pathlib.Path, Content],
    names: Sequence[str] | None,
    split: YOLOSplit,
    raw: RawAnnotations,
) -> tuple[str, ...]:
    """The names, or those in the lines, or the numbers of the classes."""
    found = {line.name for lines, _ in contents.values() for line in lines}
    if names is None and not all(map(_is_integer, found)):
        return tuple(sorted(found))
    if names is None:
        stated = str(split.config.keys.get("nc", ""))
        number = int(stated) if is_whole_number(stated) else 0
        if number > MAX_UNNAMED_CLASSES:
            raise ValueError(
                f"The yaml or data file of {split.config.folder} states "
                f"{number} classes without names. At most "
                f"{MAX_UNNAMED_CLASSES} are accepted; correct `nc`, or state "
                "`names`."
            )
        numbers = [int(float(name)) for name in found]
        usable = [x for x in numbers if x < MAX_UNNAMED_CLASSES]
        if len(usable) < len(numbers):
            raw.dropped += _too_high(contents)
        names = [""] * max(max(usable, default=-1) + 1, number)
    names = [name.strip() or str(i) for i, name in enumerate(names)]
    return distinct_names(names, range(len(names)))


def _too_high(
    contents: Mapping[pathlib.Path, Content],
) -> list[tuple[str, str]]:
    return [
        (TOO_HIGH, line.where)
        for lines, _ in contents.values()
        for line in lines
        if float(line.name) >= MAX_UNNAMED_CLASSES
    ]


def _label_of(name: str, index: Mapping[str, int]) -> int:
    """Label of a class that is stated as a name or number, -1 if unknown."""
    if name in index and not _is_integer(name):
        return index[name]
    number = int(float(name)) if _is_integer(name) else -1
    return number if 0 <= number < len(index) else -1


def _is_integer(name: str) -> bool:
    try:
        return float(name).is_integer()
    except ValueError:
        return False


def _is_fraction(name: str) -> bool:
    """Whether the class is a number that cannot be one."""
    try:
        return not float(name).is_integer()
    except ValueError:
        return False


LAYOUT = Layout(
    name="yolo",
    title="YOLO",
    expected="data.yaml, images/<split>/ with labels/<split>/*.txt, "
    "<split>/images/ with <split>/labels/*.txt, *.txt beside the images, or "
    "Darknet's obj.data",
    find_splits=find_splits,
    read=read,
    endings=(".txt", *YAML_ENDINGS),
    source_endings=(*YAML_ENDINGS, DARKNET_ENDING),
    has_images_option=True,
)
