"""COCO metrics of detections."""

import logging
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data import DetectionDataset
from keras_efficient.data import DetectionRecord
from keras_efficient.evaluation.coco_result import IOU_50
from keras_efficient.evaluation.coco_result import METRICS
from keras_efficient.evaluation.coco_result import ClassResult
from keras_efficient.evaluation.coco_result import COCOResult
from keras_efficient.evaluation.confusion import detection_confusion
from keras_efficient.inference import Detections
from keras_efficient.ops import convert_boxes

# Indices into the arrays of `COCOeval.eval` of faster-coco-eval.
IOU_75 = 5
ALL_AREAS, MOST_DETECTIONS = 0, -1


def evaluate_coco(
    dataset: DetectionDataset, detections: Iterable[Detections]
) -> COCOResult:
    """Compute the COCO metrics of detections.

    `faster-coco-eval` matches detections and boxes, with the same results as
    COCO's own code. Boxes around crowds need not be detected, and detections
    inside them are not counted as false.

    Args:
        dataset: A `data.DetectionDataset`.
        detections: Sequence of `inference.Detections`, or of objects with
            `boxes`, `scores` and `labels`, one for each image, in the order of
            the data set. Labels are those of the data set. Include detections
            with low scores, which the precision-recall curves need.

    Returns:
        A `COCOResult`.

    Raises:
        ValueError: If the data set has no images, the number of detections
            differs, labels are out of range, or numbers are not finite.

    Example:
    >>> dataset = keras_efficient.data.detection_from_arrays(
    ...     np.zeros((1, 80, 80, 3), "uint8"),
    ...     [[[10, 10, 60, 60]]],
    ...     [[0]],
    ...     class_names=["cat"],
    ... )
    >>> found = keras_efficient.inference.Detections(
    ...     boxes=np.array([[11, 12, 60, 58]], "float32"),
    ...     scores=np.array([0.9], "float32"),
    ...     labels=np.array([0], "int32"),
    ... )
    >>> print(keras_efficient.evaluation.evaluate_coco(dataset, [found]))
    class  images   boxes      AP    AP50    AP75   AR100
    cat         1       1   0.900   1.000   1.000   0.900
    all         1       1   0.900   1.000   1.000   0.900
    AP by size: small -, medium 0.900, large -

    Reference:
        - https://cocodataset.org/#detection-eval
    """
    detections = list(detections)
    if not detections or len(detections) != len(dataset.records):
        raise ValueError(
            "`detections` must have one entry for each image, in the order of "
            "the data set, and the data set at least one image. Received: "
            f"{len(detections)} entries for {len(dataset.records)} images"
        )
    numbers = _numbers(dataset.records)
    rows = []
    for i, found in enumerate(detections):
        rows += _rows(found, i, numbers[i], len(dataset.class_names))
    evaluator = _evaluate(_ground_truth(dataset, numbers), rows)
    precision = evaluator.eval["precision"][..., ALL_AREAS, MOST_DETECTIONS]
    recall = evaluator.eval["recall"][..., ALL_AREAS, MOST_DETECTIONS]
    values = map(float, evaluator.stats[: len(METRICS)])
    return COCOResult(
        metrics=dict(zip(METRICS, values, strict=True)),
        per_class=_per_class(dataset, precision, recall),
        precision=precision.copy(),  # without the other areas
        num_images=len(dataset.records),
        confusion=detection_confusion(dataset, detections),
    )


def _evaluate(truth: dict[str, Any], rows: list[dict[str, Any]]) -> Any:
    """Run the evaluation without messages."""
    # Imported here, because the import takes a second.
    from faster_coco_eval import COCO
    from faster_coco_eval import COCOeval_faster

    logger = logging.getLogger("faster_coco_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        expected = COCO(truth)
        evaluator = COCOeval_faster(
            expected, expected.loadRes(rows), iouType="bbox"
        )
        evaluator.run()
    finally:
        logger.setLevel(level)
    return evaluator


def _numbers(records: Sequence[DetectionRecord]) -> list[int]:
    """Return a number from 1 for each image.

    The numbers have the order of the ids in the annotation file, if there are
    any, because COCO's code ranks detections with equal scores by it.
    """
    places = list(range(len(records)))
    if all(isinstance(record.image_id, int) for record in records):
        places.sort(key=lambda i: records[i].image_id)
    numbers = {place: number for number, place in enumerate(places, 1)}
    return [numbers[i] for i in range(len(records))]


def _ground_truth(
    dataset: DetectionDataset, numbers: list[int]
) -> dict[str, Any]:
    """Return a COCO annotation file; images and classes count from 1."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, record in zip(numbers, dataset.records, strict=True):
        height, width = (int(side) for side in record.size)
        images.append({"id": number, "height": height, "width": width})
        boxes = _xywh(record.boxes)
        areas = boxes[:, 2] * boxes[:, 3]
        areas = areas if record.areas is None else record.areas
        for box, label, area, is_crowd in zip(
            boxes, record.labels, areas, record.is_crowd, strict=True
        ):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": int(label) + 1,
                    "bbox": box.tolist(),
                    "area": float(area),
                    "iscrowd": int(is_crowd),
                }
            )
    categories = [
        {"id": i + 1, "name": name}
        for i, name in enumerate(dataset.class_names)
    ]
    return {
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }


def _rows(
    found: Detections, index: int, number: int, num_classes: int
) -> list[dict[str, Any]]:
    """Return the rows of a COCO results file for one image."""
    boxes = np.asarray(found.boxes, "float64").reshape(-1, 4)
    scores = np.asarray(found.scores, "float64")
    labels = np.asarray(found.labels)
    if not len(boxes) == len(scores) == len(labels):
        raise ValueError(
            "Each detection must have a box, a score and a label. Received: "
            f"{len(boxes)} boxes, {len(scores)} scores, {len(labels)} labels "
            f"for image {index}"
        )
    is_finite = np.isfinite(boxes).all(-1) & np.isfinite(scores)
    if not is_finite.all():
        first = np.argmin(is_finite)
        raise ValueError(
            "Boxes and scores must be finite. The training may have diverged. "
            f"Received: box={boxes[first].tolist()}, "
            f"score={scores[first]} for image {index}"
        )
    is_known = (labels >= 0) & (labels < num_classes)
    if not is_known.all():
        raise ValueError(
            f"Labels must be in [0, {num_classes - 1}], the classes of the "
            "data set. Remove rows of padding. Received: label "
            f"{labels[np.argmin(is_known)]} for image {index}"
        )
    return [
        {
            "image_id": number,
            "category_id": int(label) + 1,
            "bbox": box,
            "score": score,
        }
        for box, score, label in zip(
            _xywh(boxes).tolist(), scores.tolist(), labels, strict=True
        )
    ]


def _xywh(boxes: np.ndarray) -> np.ndarray:
    # In double precision, as COCO's code.
    boxes = np.asarray(boxes, "float64").reshape(-1, 4)
    return convert_boxes(boxes, "xyxy", "xywh")


def _per_class(
    dataset: DetectionDataset, precision: np.ndarray, recall: np.ndarray
) -> tuple[ClassResult, ...]:
    """Return the metrics of each class; all are -1 if it has no boxes."""
    counted = [record.labels[~record.is_crowd] for record in dataset.records]
    return tuple(
        ClassResult(
            name=name,
            num_images=sum(int((labels == i).any()) for labels in counted),
            num_boxes=sum(int((labels == i).sum()) for labels in counted),
            ap=float(precision[:, :, i].mean()),
            ap50=float(precision[IOU_50, :, i].mean()),
            ap75=float(precision[IOU_75, :, i].mean()),
            ar100=float(recall[:, i].mean()),
        )
        for i, name in enumerate(dataset.class_names)
    )
