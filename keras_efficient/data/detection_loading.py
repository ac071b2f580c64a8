"""Datasets for detection from folders, files and arrays."""

from collections.abc import Sequence
from typing import Any

from keras_efficient.data.detection_datasets import DetectionDataset
from keras_efficient.data.readers.annotations import CROWDS
from keras_efficient.data.readers.arrays import read_detection_arrays
from keras_efficient.data.readers.frames import FrameOptions
from keras_efficient.data.readers.hf_datasets import is_hf_dataset
from keras_efficient.data.readers.hf_datasets import read_hf_dataset
from keras_efficient.data.readers.layouts import read_annotations
from keras_efficient.data.readers.unexpected import named_errors
from keras_efficient.data.readers.validation import validated_records
from keras_efficient.data.records import listed
from keras_efficient.types import PathLike


def load_detection(
    source: PathLike | Sequence[PathLike] | Any,
    split: str | None = None,
    *,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
    layout: str | None = None,
    images: PathLike | None = None,
    box_frame: str = "auto",
    stated_size: str = "auto",
    crowds: str = "ignore",
    bounding_box_format: str | None = None,
) -> DetectionDataset:
    """Load images with boxes; the layout is recognized.

    - COCO: a json file, several, or a folder with
      `annotations/instances_<split>.json`, `<split>/_annotations.coco.json`,
      or one json file of any name beside the images or their folder.
    - Pascal VOC: `Annotations/*.xml`, `JPEGImages/` and
      `ImageSets/Main/<split>.txt`; or xml files beside the images or in any
      other folder, also in one folder for each split. Edges of boxes are used
      unchanged; polygons and rotated boxes are replaced by the boxes around
      them. An image belongs to the file of its own name.
    - YOLO: `images/<split>` and `labels/<split>`, `<split>/images` and
      `<split>/labels`, text files beside the images or in another folder that
      mirrors them, or Darknet's `obj.data`, with the names of the classes in
      `data.yaml`, `classes.txt` or `obj.names`. Polygons and rotated boxes are
      replaced by their bounding boxes; keypoints are ignored.
    - YOLOv4 text: `_annotations.txt` with one line for each image.
    - Label Studio: an export in the form JSON or JSON_MIN.
    - labelme: a json file for each image, in the folders of Pascal VOC. An
      image that is only contained in its json file is read from there.
    - CVAT: `annotations.xml`, exported "for images" with `images/`, or "for
      video" with `images/frame_<number>`; subsets are splits.
    - Open Images: `<split>-annotations-bbox.csv` with the descriptions of the
      classes; images that are missing are not used.
    - CSV: files with the columns `filename`, `class`, `xmin`, `ymin`, `xmax`
      and `ymax`, as TensorFlow's tools and Roboflow write them, or the rows of
      Google's AutoML.
    - Hugging Face: a folder with `metadata.jsonl`, or a `datasets.Dataset` or
      `datasets.DatasetDict` with columns `image` and `objects`.
    - TFRecord: `<split>.tfrecord` or `<split>.record` of TensorFlow's Object
      Detection API, with `label_map.pbtxt`. TensorFlow is required. The images
      are written to a temporary folder until the process ends.

    Invalid annotations are repaired or dropped, and reported: inverted boxes
    are swapped, boxes that reach beyond their image are clipped; boxes without
    area, outside the image, with NaN or of an unknown class are dropped, as
    are images that are missing or broken. An image is also dropped if none of
    its objects can be read: as background it would teach the model that they
    are none. Images without any object are kept as examples of background. The
    dataset's `report` counts and locates all of these.

    Boxes of the dataset are in pixels of the upright image, as `load_image`
    returns it. The size that annotations state for an image shows whether
    their boxes are in another frame: the frame of the camera's sensor, which
    EXIF data rotates, or the image before it was resized. Such boxes are
    rotated or scaled, and the image is reported.

    Args:
        source: Path of a folder, of an annotation file or of a `data.yaml`; a
            list of json or csv files, whose classes are matched by name; or a
            Hugging Face dataset.
        split: String, such as `"train"`. Defaults to `None`: everything, if
            the dataset is not divided.
        class_names: Sequence of strings, the classes in the order of their
            labels; boxes of other classes are dropped. Defaults to all
            classes, in the order of their numbers (COCO, YOLO) or sorted
            (Pascal VOC).
        strict: Boolean, whether an annotation that would be repaired or
            dropped is an error. Defaults to `False`.
        check: `"decode"` reads every image once to find broken files;
            `"header"` reads only the first bytes, for very large datasets.
            Defaults to `"decode"`.
        layout: `"coco"`, `"voc"`, `"yolo"`, `"labelme"`, `"cvat"`,
            `"label_studio"`, `"yolo_rows"`, `"open_images"`, `"csv"`,
            `"imagefolder"` or `"tfrecord"`, for a folder with annotations in
            several layouts. Defaults to `None`: the layout that is found.
        images: Folder of the images, if they are in none of the usual places.
            Annotations that name images outside the data set need it; lists
            of YOLO may name images anywhere. Defaults to `None`.
        box_frame: `"upright"` if the boxes are in the image as it is shown,
            `"stored"` if they are in the image before its EXIF rotation.
            Defaults to `"auto"`: as the stated size of an image shows,
            upright if it does not.
        stated_size: `"ignore"` to use boxes in pixels as they are, whatever
            size the annotations state; `"scale"` to scale them if the stated
            size has the same aspect ratio as the image. Defaults to `"auto"`:
            `"scale"`, unless boxes reach beyond the stated size and not
            beyond the image.
        crowds: `"ignore"` if training ignores boxes that are marked as groups
            of objects, `"objects"` if each is an object. Some tools, such as
            CVAT, mark every mask as a group. Defaults to `"ignore"`.
        bounding_box_format: String, format of the boxes of Hugging Face
            datasets, in the terms of Keras, such as `"xyxy"`. Defaults to
            `None`: `"xywh"`, as most of them have.

    Returns:
        A `DetectionDataset`.

    Raises:
        FileNotFoundError: If `source`, or its split, does not exist.
        ValueError: If no layout is recognized, or several are; if there are
            no boxes, or they are in another format; if `strict` and an
            annotation is invalid.

    Example:
    ```python
    train = keras_efficient.data.load_detection("bccd", "train")
    print(train.report)
    ```
    """
    if crowds not in CROWDS:
        raise ValueError(
            f"`crowds` must be one of {CROWDS}. Received: crowds={crowds!r}"
        )
    if is_hf_dataset(source):
        given = {"layout": layout, "images": images}
        unused = [name for name, value in given.items() if value is not None]
        if unused:
            raise ValueError(
                "A Hugging Face dataset contains its images and has no layout. "
                f"Received: {listed(unused)}"
            )
        raw = read_hf_dataset(source, split, class_names, bounding_box_format)
    else:
        raw = read_annotations(
            source, split, layout, images, class_names, crowds,
            bounding_box_format,
        )  # fmt: skip
    if crowds == "objects":
        for image in raw.images:
            image.is_crowd = None
    frames = FrameOptions(box_frame, stated_size)
    with named_errors(raw.source):
        return DetectionDataset(
            *validated_records(raw, class_names, strict, check, frames)
        )


def detection_from_arrays(
    images: Any,
    boxes: Sequence[Any],
    labels: Sequence[Any],
    class_names: Sequence[str] | None = None,
    bounding_box_format: str = "xyxy",
) -> DetectionDataset:
    """Make a dataset of images with boxes in memory.

    Args:
        images: Array of shape `(number, height, width, channels)`, uint8, or a
            sequence of such images of any sizes.
        boxes: Sequence of arrays of shape `(boxes of the image, 4)`, or an
            array of shape `(number, max_boxes, 4)`.
        labels: Sequence of integer arrays of shape `(boxes of the image,)`, or
            an array of shape `(number, max_boxes)`; rows below 0 are padding.
        class_names: Sequence of strings, the classes in the order of their
            labels. Defaults to the labels themselves.
        bounding_box_format: String, format of `boxes` in the terms of Keras,
            such as `"xywh"` or `"rel_yxyx"`; see `ops.convert_boxes`. Defaults
            to `"xyxy"`, in pixels.

    Returns:
        A `DetectionDataset`.

    Raises:
        ValueError: If shapes, types or values are invalid, or the boxes look
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
    raw = read_detection_arrays(
        images, boxes, labels, class_names, bounding_box_format
    )
    return DetectionDataset(*validated_records(raw))
