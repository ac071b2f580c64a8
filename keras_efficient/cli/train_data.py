"""What lies in a folder: classes or boxes, and in which splits."""

import pathlib

import keras

from keras_efficient import data
from keras_efficient.data.readers import coco
from keras_efficient.data.readers import pascal_voc
from keras_efficient.data.readers import yolo
from keras_efficient.data.readers.files import files_below
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import list_folder
from keras_efficient.data.readers.image_folder import find_splits

HELD_OUT = ("val", "valid", "validation", "test")
BUILT_IN = {
    "cifar10": keras.datasets.cifar10,
    "cifar100": keras.datasets.cifar100,
}


def find_task(source: str, task: str | None) -> str:
    """Whether a source has images with boxes, or of classes.

    Args:
        source: Folder, file, `"cifar10"` or `"cifar100"`.
        task: What was asked for; it has precedence.

    Returns:
        `"classification"` or `"detection"`.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If it has neither.
    """
    path = pathlib.Path(source)
    if source not in BUILT_IN and not path.exists():
        raise FileNotFoundError(
            f"There is no file or folder {source}; data sets that Keras "
            f"downloads are {', '.join(BUILT_IN)}."
        )
    if task is not None:
        return task
    if source in BUILT_IN or path.suffix == ".npz":
        return "classification"
    if path.is_file():
        return "detection"
    if _splits_with_boxes(path):
        return "detection"
    if find_splits(path) or _has_classes(path):
        return "classification"
    raise ValueError(
        f"{path} has neither images with boxes (COCO json, Pascal VOC, YOLO) "
        "nor folders of classes with images in them."
    )


def load_splits(source: str, task: str, val_share: float, seed: int):
    """Training and held-out set.

    Args:
        source: As of `find_task`.
        task: What it gave.
        val_share: Share that is held out where there is no split for it.
        seed: Integer, of that choice.

    Returns:
        A pair of `DetectionDataset`s or `ClassificationDataset`s.
    """
    path = pathlib.Path(source)
    if source in BUILT_IN:
        (x, y), (x_val, y_val) = BUILT_IN[source].load_data()
        return data.classification_from_arrays(
            x, y
        ), data.classification_from_arrays(x_val, y_val)
    is_detection = task == "detection"
    load = data.load_detection if is_detection else data.load_classification
    if path.suffix == ".npz":
        train = load(source, "train")
        return train, load(source, "test", class_names=train.class_names)
    if is_detection:
        splits = _splits_with_boxes(path)
    else:
        splits = set(find_splits(path))
    first = next((x for x in ("train", "training") if x in splits), None)
    second = next((x for x in HELD_OUT if x in splits), None)
    train = load(source, first)
    if first is None or second is None:
        return train.split(val_share, seed=seed)
    return train, load(source, second, class_names=train.class_names)


def _splits_with_boxes(path):
    """Names of the splits, `None` for all that there is."""
    if path.is_file():
        return set(yolo.find_yolo(path)) if path.suffix != ".json" else {None}
    found = set()
    for find in (coco.find_coco, pascal_voc.find_voc, yolo.find_yolo):
        found |= set(find(path))
    return found


def _has_classes(path):
    return any(
        any(map(is_image, files_below(path / name)))
        for name in list_folder(path)[0]
    )
