"""Sets of annotated images by looking at what lies there."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data.detection_datasets import DetectionDataset
from keras_efficient.data.readers.arrays import check_images
from keras_efficient.data.readers.checking import checked_records
from keras_efficient.data.readers.class_names import standardize_class_names
from keras_efficient.data.readers.coco import find_coco
from keras_efficient.data.readers.coco import read_coco
from keras_efficient.data.readers.pascal_voc import find_voc
from keras_efficient.data.readers.pascal_voc import read_voc
from keras_efficient.data.readers.raw import RawAnnotations
from keras_efficient.data.readers.raw import RawImage
from keras_efficient.data.readers.raw import box_array
from keras_efficient.data.readers.yolo import find_yolo
from keras_efficient.data.readers.yolo import read_yolo

LAYOUTS = ("coco", "voc", "yolo")
# Other names of a split, in the order in which they are tried.
OTHER_NAMES = {
    "val": ("valid", "validation"),
    "validation": ("val", "valid"),
    "valid": ("val", "validation"),
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

    - COCO: a json file, several, or a folder with one in a usual place, such
      as `annotations/instances_<split>.json`, `<split>/_annotations.coco.json`
      or `instances.json`.
    - Pascal VOC: `Annotations/*.xml`, `JPEGImages/` and
      `ImageSets/Main/<split>.txt`; or xml files beside the images.
    - YOLO: `images/<split>` and `labels/<split>`, or `<split>/images` and
      `<split>/labels`, with `data.yaml` or `classes.txt`.

    Boxes that are inverted or reach beyond their image are mended; those
    without area, outside, not finite or of an unknown class are left out, as
    are images that are missing, broken or listed twice. The data set's
    `report` counts all of it and says where. Images without boxes stay: they
    teach what is background.

    Args:
        source: Path of a folder or of a json file; or a list of json files
            with the same categories.
        split: String, such as `"train"`. Defaults to `None`: all there is.
        class_names: Sequence of strings, the classes in the order of their
            labels; boxes of others are left out. Defaults to all, in the
            order of COCO's or YOLO's numbers, or sorted (Pascal VOC).
        strict: Boolean, whether whatever would be mended or left out raises
            an error. Defaults to `False`.
        check: `"decode"` reads every image once to find the broken ones;
            `"header"` looks only at the first bytes, for very large sets.
            Defaults to `"decode"`.
        layout: `"coco"`, `"voc"` or `"yolo"`, where several could be meant.
            Defaults to `None`: the first of these that is there.
        images: Folder of the images of COCO files, where it is none of the
            usual places.

    Returns:
        A `DetectionDataset`.

    Raises:
        FileNotFoundError: If `source` is not there.
        ValueError: If no layout is recognised, there are no boxes, the boxes
            are in another format, or `strict` and something is wrong.

    Example:
    ```python
    train = keras_efficient.data.load_detection("bccd", "train")
    print(train.report)
    ```
    """
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(
            f"`layout` must be one of {LAYOUTS}. Received: layout={layout!r}"
        )
    images = None if images is None else pathlib.Path(images)
    if isinstance(source, list | tuple):
        raw = read_coco([pathlib.Path(path) for path in source], images)
    else:
        raw = _read(pathlib.Path(source), split, layout, images)
    return DetectionDataset(*checked_records(raw, class_names, strict, check))


def _read(path, split, layout, images):
    """Reads with the first reader that finds what it knows."""
    if path.is_file():
        return read_coco([path], images, split)
    if not path.is_dir():
        raise FileNotFoundError(f"There is no file or folder {path}")
    for name in (split, *OTHER_NAMES.get(split, ())):
        if layout in (None, "coco") and (file := find_coco(path, name)):
            return read_coco([file], images, name)
        if layout in (None, "voc") and (root := find_voc(path, name)):
            return read_voc(root, name)
        if layout in (None, "yolo") and (folder := find_yolo(path, name)):
            return read_yolo(folder, path)
    there = sorted(entry.name for entry in path.iterdir())[:10]
    which = f" for the split {split!r}" if split else ""
    raise ValueError(
        f"{path} has no annotations{which} that are recognised. Looked for "
        "COCO (annotations/instances_<split>.json, <split>/"
        "_annotations.coco.json, instances.json), Pascal VOC (Annotations/"
        "*.xml with ImageSets/Main/<split>.txt, or xml beside the images) and "
        "YOLO (images/<split> with labels/<split>, or <split>/images with "
        f"<split>/labels). Received: layout={layout!r}, a folder with {there}"
    )


def detection_from_arrays(
    images: Any,
    boxes: Sequence,
    labels: Sequence,
    class_names: Sequence[str] | None = None,
    bounding_box_format: str = "xyxy",
) -> DetectionDataset:
    """Images with boxes that lie in memory.

    Args:
        images: Array `(number, height, width, 3)`, uint8, or a sequence of
            such images of any sizes.
        boxes: Sequence of arrays `(boxes of the image, 4)`.
        labels: Sequence of integer arrays `(boxes of the image,)`; rows below
            0 are no boxes.
        class_names: Sequence of strings, the classes in the order of their
            labels. Defaults to the labels themselves.
        bounding_box_format: String, format of `boxes` by Keras' names.
            Defaults to `"xyxy"`.

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
    >>> len(dataset), dataset.num_boxes
    (2, 1)
    """
    if not len(images) == len(boxes) == len(labels):
        raise ValueError(
            "`images`, `boxes` and `labels` must be as many. Received: "
            f"{len(images)}, {len(boxes)} and {len(labels)}"
        )
    raw_images = []
    for i, (image, own, numbers) in enumerate(
        zip(images, boxes, labels, strict=True)
    ):
        image = np.asarray(image)
        check_images(image[None])
        numbers = np.asarray(numbers, "float64").reshape(-1)
        own = box_array(own)
        if len(own) != len(numbers):
            raise ValueError(
                f"Image {i} must have as many boxes as labels. "
                f"Received: {len(own)} boxes, {len(numbers)} labels"
            )
        is_box = numbers >= 0
        raw_images.append(
            RawImage(
                image=image,
                boxes=own[is_box],
                labels=numbers[is_box].astype("int64"),
                image_id=i,
                where=f"image {i}",
            )
        )
    highest = max(
        (int(x.labels.max(initial=-1)) for x in raw_images), default=-1
    )
    names = range(highest + 1) if class_names is None else class_names
    names = standardize_class_names(names)
    if highest >= len(names):
        raise ValueError(
            f"Labels must lie in [0, {len(names) - 1}] for {len(names)} "
            f"classes. Received: labels up to {highest}"
        )
    raw = RawAnnotations(
        images=raw_images,
        class_names=names,
        category_ids=tuple(range(1, len(names) + 1)),
        box_format=bounding_box_format,
        layout="arrays",
        source="arrays",
    )
    return DetectionDataset(*checked_records(raw))
