"""Sets of annotated images by looking at what lies there."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

from keras_efficient.data.detection_datasets import DetectionDataset
from keras_efficient.data.readers import coco
from keras_efficient.data.readers import pascal_voc
from keras_efficient.data.readers import yolo
from keras_efficient.data.readers.annotated_arrays import read_annotated_arrays
from keras_efficient.data.readers.checking import checked_records
from keras_efficient.data.readers.files import list_folder
from keras_efficient.data.records import listed

LAYOUTS = ("coco", "voc", "yolo")
# Other names of a split, in the order in which they are tried.
OTHER_NAMES = {
    "train": ("training",),
    "training": ("train",),
    "val": ("valid", "validation"),
    "valid": ("val", "validation"),
    "validation": ("val", "valid"),
}


def load_detection(
    source: Any,
    split: str | None = None,
    *,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
    layout: str | None = None,
    images: str | os.PathLike | None = None,
) -> DetectionDataset:
    """Reads images with boxes; the layout is recognised.

    - COCO: a json file, several, or a folder with
      `annotations/instances_<split>.json`, `<split>/_annotations.coco.json`,
      or one json file of any name beside the images or their folder.
    - Pascal VOC: `Annotations/*.xml`, `JPEGImages/` and
      `ImageSets/Main/<split>.txt`; or xml files beside the images, also in
      one folder for each split. Edges of boxes are taken as they are.
    - YOLO: `images/<split>` and `labels/<split>`, `<split>/images` and
      `<split>/labels`, or text files beside the images, with names of the
      classes in `data.yaml` or `classes.txt`. Of polygons the boxes are
      taken.

    Boxes that are inverted or reach beyond their image are mended; those
    without area, outside, not finite or of an unknown class are left out, as
    are images that are missing or broken. The data set's `report` counts all
    of it and says where. Images without boxes stay: they teach what is
    background. What counts is the size of the upright image, as `load_image`
    gives it, whatever the annotations say.

    Args:
        source: Path of a folder, of a json file or of a `data.yaml`; or a
            list of json files, whose classes are told by their names.
        split: String, such as `"train"`. Defaults to `None`: all there is,
            if it is not divided.
        class_names: Sequence of strings, the classes in the order of their
            labels; boxes of others are left out. Defaults to all, in the
            order of COCO's or YOLO's numbers, or sorted (Pascal VOC).
        strict: Boolean, whether whatever would be mended or left out raises
            an error. Defaults to `False`.
        check: `"decode"` reads every image once to find the broken ones;
            `"header"` looks only at the first bytes, for very large sets.
            Defaults to `"decode"`.
        layout: `"coco"`, `"voc"` or `"yolo"`, where several could be meant.
            Defaults to `None`: the one that is there.
        images: Folder of the images of COCO files, where it is none of the
            usual places.

    Returns:
        A `DetectionDataset`.

    Raises:
        FileNotFoundError: If `source`, or its split, is not there.
        ValueError: If no layout is recognised, or several are; if there are
            no boxes, or they are in another format; or `strict` and something
            is wrong.

    Example:
    ```python
    train = keras_efficient.data.load_detection("bccd", "train")
    print(train.report)
    ```
    """
    if layout not in (None, *LAYOUTS):
        raise ValueError(
            f"`layout` must be one of {LAYOUTS}. Received: layout={layout!r}"
        )
    images = None if images is None else pathlib.Path(images)
    if isinstance(source, list | tuple):
        paths = [pathlib.Path(path) for path in source]
        _check_is_coco(layout, paths)
        raw = coco.read_coco(paths, images, split)
    else:
        path = pathlib.Path(source)
        raw = _read(path, split, class_names, layout, images)
    return DetectionDataset(*checked_records(raw, class_names, strict, check))


def detection_splits(path: pathlib.Path) -> set[str | None]:
    """Return the names of the splits of a folder or file.

    Args:
        path: Path of an existing folder or file.

    Returns:
        A set of names; `None` stands for annotations that are not divided.
    """
    if path.is_file():
        return {None} if path.suffix == ".json" else set(yolo.find_yolo(path))
    return {
        split
        for find in (coco.find_coco, pascal_voc.find_voc, yolo.find_yolo)
        for split in find(path)
    }


def _check_is_coco(layout, source):
    if layout not in (None, "coco"):
        raise ValueError(
            f"Only COCO's layout is read from json files; of {layout!r} pass "
            f"the folder. Received: source={source}"
        )


def _read(path, split, class_names, layout, images):
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}")
    if path.is_file() and path.suffix.lower() in (".yaml", ".yml"):
        found = {"yolo": yolo.find_yolo(path)}
    elif path.is_file():
        _check_is_coco(layout, path)
        return coco.read_coco([path], images, split)
    else:
        finders = {
            "coco": coco.find_coco,
            "voc": pascal_voc.find_voc,
            "yolo": yolo.find_yolo,
        }
        found = {
            name: find(path)
            for name, find in finders.items()
            if layout in (None, name)
        }
    name, split = _choose(path, found, split, layout)
    part = found[name][split]
    if name == "coco":
        return coco.read_coco([part], images, split)
    if images is not None:
        raise ValueError(
            "`images` is only for COCO's json files. "
            f"Received: images={str(images)!r}, {path} in the layout {name!r}"
        )
    if name == "voc":
        return pascal_voc.read_voc(part, tuple(found[name].values()))
    return yolo.read_yolo(part, class_names)


def _choose(path, found, split, layout):
    """Name of the layout, and of the split as it is called there."""
    found = {name: parts for name, parts in found.items() if parts}
    if not found:
        raise ValueError(
            f"{path} has no annotations that are recognised. Looked for:"
            + "".join(
                f"\n- {reader.LOOKED_FOR}"
                for reader in (coco, pascal_voc, yolo)
            )
            + f"\nReceived: {_what_is_there(path)}, layout={layout!r}"
        )
    choices = {}
    for name, parts in found.items():
        names = (split, *OTHER_NAMES.get(split, ()))
        if split is None and len(parts) == 1:
            names = tuple(parts)
        fitting = [x for x in names if x in parts]
        if fitting:
            choices[name] = fitting[0]
    if len(choices) > 1:
        raise ValueError(
            f"{path} may be read in several layouts: {listed([*choices])}. "
            f"Say which: layout={next(iter(choices))!r}"
        )
    if choices:
        return next(iter(choices.items()))
    splits = sorted({x for parts in found.values() for x in parts if x})
    if split is None:
        raise ValueError(
            f"{path} is divided into {listed(splits)}. Say which to read: "
            f"split={splits[0]!r}"
        )
    there = f"there are {listed(splits)}" if splits else "it is not divided"
    raise FileNotFoundError(
        f"{path} has no split {split!r}: {there}. "
        f"Layouts that were recognised: {listed([*found])}"
    )


def _what_is_there(path):
    if not path.is_dir():
        return f"the file {path.name!r}"
    folders, files = list_folder(path)
    if not folders and not files:
        return "an empty folder"
    return f"folders {listed(folders)}; files {listed(files)}"


def detection_from_arrays(
    images: Any,
    boxes: Sequence,
    labels: Sequence,
    class_names: Sequence[str] | None = None,
    bounding_box_format: str = "xyxy",
) -> DetectionDataset:
    """Images with boxes that lie in memory.

    Args:
        images: Array `(number, height, width, channels)`, uint8, or a
            sequence of such images of any sizes.
        boxes: Sequence of arrays `(boxes of the image, 4)`, or an array
            `(number, max_boxes, 4)`.
        labels: Sequence of integer arrays `(boxes of the image,)`, or an
            array `(number, max_boxes)`; rows below 0 are no boxes.
        class_names: Sequence of strings, the classes in the order of their
            labels. Defaults to the labels themselves.
        bounding_box_format: String, format of `boxes` by Keras' names, such
            as `"xywh"` or `"rel_yxyx"`. Defaults to `"xyxy"`, in pixels.

    Returns:
        A `DetectionDataset`.

    Raises:
        ValueError: If shapes, types or values do not fit, or the boxes look
            like another format.

    Example:
    >>> images = np.zeros((2, 60, 80, 3), "uint8")
    >>> boxes = [[[5, 5, 25, 30]], []]
    >>> dataset = keras_efficient.data.detection_from_arrays(
    ...     images, boxes, [[0], []], class_names=["cat"]
    ... )
    >>> len(dataset), dataset.report.num_boxes
    (2, 1)
    """
    raw = read_annotated_arrays(
        images, boxes, labels, class_names, bounding_box_format
    )
    return DetectionDataset(*checked_records(raw))
