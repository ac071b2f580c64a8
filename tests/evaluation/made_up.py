"""Data sets of boxes without pictures, and random detections."""

import numpy as np

from keras_efficient.data import DetectionDataset
from keras_efficient.data import DetectionRecord
from keras_efficient.data import DetectionReport
from keras_efficient.inference import Detections

IMAGE = np.zeros((2, 3, 3), "uint8")


def record(boxes, labels, is_crowd=None, areas=None, image_id=1):
    count = len(labels)
    return DetectionRecord(
        image=IMAGE,
        boxes=np.array(boxes, "float32").reshape(-1, 4),
        labels=np.array(labels, "int32"),
        is_crowd=np.zeros(count, bool) if is_crowd is None else is_crowd,
        size=(300, 400),
        image_id=image_id,
        areas=areas,
    )


def dataset_of(records, class_names, category_ids=None):
    return DetectionDataset(
        records=tuple(records),
        class_names=tuple(class_names),
        category_ids=tuple(category_ids or range(1, len(class_names) + 1)),
        report=DetectionReport("here", "made up", len(records), {}),
    )


def found(boxes, scores, labels):
    return Detections(
        boxes=np.array(boxes, "float32").reshape(-1, 4),
        scores=np.array(scores, "float32"),
        labels=np.array(labels, "int32"),
    )


def random_boxes(rng, count):
    """Return boxes of all sizes that COCO distinguishes."""
    sides = np.exp(rng.uniform(np.log(6), np.log(250), (count, 2)))
    corners = rng.uniform(0, 1, (count, 2)) * np.maximum(
        np.array([400, 300]) - sides, 1
    )
    return np.concatenate([corners, corners + sides], -1).astype("float32")


def random_dataset(seed=0, num_images=14):
    """Return five classes: one without boxes, one with crowds only."""
    rng = np.random.default_rng(seed)
    records = []
    for i in range(num_images):
        count = 0 if i % 5 == 4 else int(rng.integers(1, 9))
        labels = rng.choice([0, 1, 2, 4], count)
        boxes = random_boxes(rng, count)
        area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
        records.append(
            record(
                boxes,
                labels,
                is_crowd=(labels == 4) | (rng.random(count) < 0.15),
                # Areas of masks are smaller than boxes; not in all images.
                areas=area * rng.uniform(0.4, 1, count) if i % 2 else None,
                # Neither sorted nor consecutive.
                image_id=int(1000 - 37 * i),
            )
        )
    names = ("ant", "bee", "cicada", "dragonfly", "earwig")
    return dataset_of(records, names, (3, 7, 18, 44, 90))


def detections_for(dataset, seed=0):
    """Return shifted, repeated, mislabeled, missing and false detections."""
    rng = np.random.default_rng(seed)
    detections = []
    for record in dataset.records:
        places = np.repeat(np.arange(len(record.labels)), 3)
        places = places[rng.random(len(places)) < 0.6]
        truth = record.boxes[places]
        sides = np.tile(truth[:, 2:] - truth[:, :2], 2)
        spread = rng.choice([0.0, 0.03, 0.12], (len(places), 1))
        boxes = truth + sides * rng.normal(0, 1, sides.shape) * spread
        boxes = np.concatenate([boxes, random_boxes(rng, 3)])
        num_classes = len(dataset.class_names)
        labels = np.append(
            record.labels[places], rng.integers(0, num_classes, 3)
        )
        is_renamed = rng.random(len(labels)) < 0.1
        labels = np.where(
            is_renamed, rng.integers(0, num_classes, len(labels)), labels
        )
        # Few digits, so that there are ties.
        detections.append(found(boxes, rng.random(len(boxes)).round(1), labels))
    return detections
