"""Evaluation of a detection model on a data set."""

import dataclasses
from typing import Any

import keras
import numpy as np

from keras_efficient.data import DetectionDataset
from keras_efficient.data.images import standardize_size
from keras_efficient.data.letterbox import DetectionPreprocessing
from keras_efficient.evaluation.class_matching import match_classes
from keras_efficient.evaluation.coco import evaluate_coco
from keras_efficient.evaluation.coco_result import COCOResult
from keras_efficient.inference import Detections
from keras_efficient.types import Progress


def evaluate_detection(
    model: keras.Model,
    dataset: DetectionDataset,
    *,
    batch_size: int = 8,
    image_size: tuple[int, int] | int | None = None,
    preprocessing: DetectionPreprocessing | None = None,
    dtype: str | None = None,
    progress: Progress | None = None,
    score_threshold: float = 0.001,
    **options: Any,
) -> COCOResult:
    """Compute the COCO metrics of a detection model on a data set.

    If the model has `class_names`, classes are matched by their names, and
    detections of classes that the data set does not have are ignored: a model
    trained on COCO can be evaluated on a data set of cats and dogs. Otherwise
    the labels of model and data set must be the same.

    Args:
        model: An `EfficientDet`, or an `export.ExportedModel`.
        dataset: A `data.DetectionDataset`.
        batch_size: Integer, images for each call of the network. Defaults to
            8.
        image_size: `(height, width)` in pixels, or one integer for both, for a
            model that accepts any image size. Defaults to `None`: that of the
            model.
        preprocessing: A `data.DetectionPreprocessing`, instead of
            `image_size`. Defaults to `None`.
        dtype: String, the dtype of the computation, such as `"bfloat16"`.
            Defaults to `None`: as the model.
        progress: Function of an iterator of results and their number that
            returns an iterable of the same results and shows progress.
            Defaults to `None`.
        score_threshold: Float in `[0, 1]`, lowest score of a detection. The
            metrics rank detections by score, so that low scores matter.
            Defaults to 0.001.
        **options: Further arguments of `inference.detect`, such as `nms`,
            `iou_threshold` and `max_detections`, which defaults to COCO's 100.

    Returns:
        A `COCOResult`.

    Raises:
        ValueError: If the model does not have all classes of the data set, or
            the data set is empty.

    Example:
    ```python
    dataset = keras_efficient.data.load_detection("bccd", "test")
    print(keras_efficient.evaluation.evaluate_detection(model, dataset))
    ```
    """
    if not len(dataset):
        raise ValueError("The data set must have at least one image.")
    labels = match_classes(model, dataset)
    if image_size is not None:
        preprocessing = DetectionPreprocessing(standardize_size(image_size))
    # Exported models do not have these options.
    optional = {
        "preprocessing": preprocessing,
        "dtype": dtype,
        "progress": progress,
    }
    options |= {k: v for k, v in optional.items() if v is not None}
    found = model.detect(
        [record.image for record in dataset.records],
        batch_size=batch_size,
        score_threshold=score_threshold,
        **options,
    )
    if labels is not None:
        names = dataset.class_names
        found = [_relabeled(image, labels, names) for image in found]
    return evaluate_coco(dataset, found)


def _relabeled(
    found: Detections, labels: np.ndarray, class_names: tuple[str, ...]
) -> Detections:
    """Return detections with other labels, without those labeled -1."""
    renamed = labels[np.asarray(found.labels, "int64")]
    kept = found[renamed >= 0]
    return dataclasses.replace(
        kept, labels=renamed[renamed >= 0], class_names=class_names
    )
