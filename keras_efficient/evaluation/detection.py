"""A detector measured on a data set."""

import numpy as np

from keras_efficient.data.records import listed
from keras_efficient.evaluation.coco import evaluate_coco
from keras_efficient.inference import Detections


def evaluate_detection(
    model, dataset, *, batch_size=8, score_threshold=0.001, **detect
):
    """Finds the objects of a data set, and says how well.

    A model that knows the names of its classes is measured on those that the
    data set has, by their names: one that was trained on COCO also on a set
    of cats and dogs. Else the labels of both must be the same.

    Args:
        model: An `EfficientDet`.
        dataset: A `data.DetectionDataset`.
        batch_size: Integer. Defaults to 8.
        score_threshold: Float; unsure detections count as well, as they are
            ranked by their scores. Defaults to 0.001.
        **detect: Further arguments of `inference.detect`, such as `nms`,
            `iou_threshold` and `max_detections`, which is 100 as COCO has it.

    Returns:
        A `COCOResult`.

    Raises:
        ValueError: If the model does not know all classes of the data set.

    Example:
    ```python
    dataset = keras_efficient.data.load_detection("bccd", "test")
    print(keras_efficient.evaluation.evaluate_detection(model, dataset))
    ```
    """
    labels = labels_of_model(model, dataset)
    found = model.detect(
        [record.image for record in dataset.records],
        batch_size=batch_size,
        score_threshold=score_threshold,
        **detect,
    )
    if labels is not None:
        found = [_relabelled(image, labels) for image in found]
    return evaluate_coco(dataset, found)


def labels_of_model(model, dataset):
    """The data set's label of each class of a model.

    Args:
        model: A model, maybe with `class_names` and `num_classes`.
        dataset: A `data.DetectionDataset`.

    Returns:
        An integer array, -1 for classes that the data set does not have; or
        `None` where the labels are the same.

    Raises:
        ValueError: If the model does not know all classes.
    """
    wanted = list(dataset.class_names)
    known = getattr(model, "class_names", None)
    if known is None:
        count = getattr(model, "num_classes", len(wanted))
        if count != len(wanted):
            raise ValueError(
                f"The model must have the {len(wanted)} classes of the data "
                "set, or know the names of its own: set `model.class_names`. "
                f"Received: a model with {count} classes"
            )
        return None
    known = list(known)
    missing = [name for name in wanted if name not in known]
    if missing:
        raise ValueError(
            "The model must know all classes of the data set by their names: "
            "set `model.class_names`, or load the data set with "
            "`class_names` that leave out the others. Received: "
            f"{listed(missing)}, unknown to a model of {listed(known)}"
        )
    if known == wanted:
        return None
    places = {name: label for label, name in enumerate(wanted)}
    return np.array([places.get(name, -1) for name in known])


def _relabelled(found, labels):
    """Detections with other labels, without those of no label."""
    renamed = labels[np.asarray(found.labels, "int64")]
    is_kept = renamed >= 0
    return Detections(
        boxes=np.asarray(found.boxes)[is_kept],
        scores=np.asarray(found.scores)[is_kept],
        labels=renamed[is_kept],
    )
