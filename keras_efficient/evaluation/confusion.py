"""Confusion matrices and their picture."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data import DetectionDataset
from keras_efficient.data import DetectionRecord
from keras_efficient.inference import Detections
from keras_efficient.inference.label_layout import shortened
from keras_efficient.ops import box_coverage
from keras_efficient.ops import box_iou
from keras_efficient.plotting import new_figure
from keras_efficient.types import Axes
from keras_efficient.types import Figure
from keras_efficient.types import PathLike

BACKGROUND = "background"
# With more classes, cells are too small for numbers.
MAX_NUMBERED = 25
# Number of names that can be read along an axis.
MAX_NAMES = 60
MAX_NAME_LENGTH = 24


def detection_confusion(
    dataset: DetectionDataset,
    found: Iterable[Detections],
    *,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.3,
) -> np.ndarray:
    """Compute the confusion matrix of detections.

    In each image, detections are matched in the order of their scores, each
    with the unmatched box of any class that it overlaps most. Boxes around
    crowds are not counted, nor are detections that lie mostly inside them.

    Args:
        dataset: A `data.DetectionDataset`.
        found: Sequence of `inference.Detections`, one for each image, with
            the labels of the data set.
        iou_threshold: Float in `(0, 1]`, lowest IoU of a match. Defaults to
            0.5.
        score_threshold: Float in `[0, 1]`, lowest score of a detection that is
            counted. Defaults to 0.3.

    Returns:
        Integer array `(num_classes + 1, num_classes + 1)`: rows are true
        classes, columns predicted classes; the last of each is the background.
        The last row counts false detections, the last column missed boxes.

    Raises:
        ValueError: If the number of detections is not the number of images.

    Example:
    >>> dataset = keras_efficient.data.detection_from_arrays(
    ...     np.zeros((1, 80, 80, 3), "uint8"), [[[10, 10, 60, 60]]], [[0]],
    ...     class_names=["cat", "dog"],
    ... )
    >>> found = keras_efficient.inference.Detections(
    ...     boxes=np.array([[11, 12, 60, 58]], "float32"),
    ...     scores=np.array([0.9], "float32"),
    ...     labels=np.array([1], "int32"),
    ... )
    >>> keras_efficient.evaluation.detection_confusion(dataset, [found])
    array([[0, 1, 0],
           [0, 0, 0],
           [0, 0, 0]])
    """
    found = list(found)
    if len(found) != len(dataset.records):
        raise ValueError(
            f"`found` must have one entry for each of {len(dataset.records)} "
            f"images. Received: {len(found)} entries"
        )
    background = dataset.num_classes
    matrix = np.zeros((background + 1, background + 1), int)
    for record, detections in zip(dataset.records, found, strict=True):
        for true_label, predicted in _match(
            record, detections, iou_threshold, score_threshold, background
        ):
            matrix[true_label, predicted] += 1
    return matrix


def _match(
    record: DetectionRecord,
    found: Detections,
    iou_threshold: float,
    score_threshold: float,
    background: int,
) -> Iterator[tuple[int, int]]:
    """Yield the true and the predicted label of each box and detection."""
    scores = np.asarray(found.scores)
    kept = np.flatnonzero(scores >= score_threshold)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    boxes = np.asarray(found.boxes, "float64").reshape(-1, 4)[kept]
    labels = np.asarray(found.labels)[kept]
    is_crowd = np.asarray(record.is_crowd, bool)
    crowds = np.asarray(record.boxes, "float64").reshape(-1, 4)[is_crowd]
    truth = np.asarray(record.boxes, "float64").reshape(-1, 4)[~is_crowd]
    true_labels = np.asarray(record.labels)[~is_crowd]
    overlaps = box_iou(boxes, truth)
    in_crowd = box_coverage(boxes, crowds) >= iou_threshold
    is_free = np.ones(len(truth), bool)
    for row, label in enumerate(labels):
        free = np.where(is_free, overlaps[row], -1.0)
        best = int(np.argmax(free)) if len(free) else -1
        if best >= 0 and free[best] >= iou_threshold:
            is_free[best] = False
            yield int(true_labels[best]), int(label)
        elif not in_crowd[row].any():
            yield background, int(label)
    for label in true_labels[is_free]:
        yield int(label), background


def plot_confusion_matrix(
    matrix: Any,
    class_names: Sequence[str],
    path: PathLike | None = None,
    normalize: bool = True,
) -> Figure:
    """Draw a confusion matrix.

    Colors are fractions of each row. Numbers are written for up to 25 classes.
    Of many class names only some are written.

    Args:
        matrix: Array `(number, number)` of counts; rows are true classes,
            columns predicted classes.
        class_names: Sequence of strings, one for each row; or one less, for a
            matrix whose last row and column are the background.
        path: File to save the picture to. Defaults to `None`.
        normalize: Boolean, whether to write percentages of each row instead of
            counts. Defaults to `True`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If the number of names does not fit the matrix.

    Example:
    >>> figure = keras_efficient.visualization.plot_confusion_matrix(
    ...     [[8, 2], [1, 9]], ["cat", "dog"]
    ... )
    """
    matrix = np.asarray(matrix)
    names = [str(name) for name in class_names]
    if matrix.shape == (len(names) + 1,) * 2:
        names.append(BACKGROUND)
    if matrix.shape != (len(names),) * 2:
        raise ValueError(
            "`matrix` must have a row and a column for each name. Received: "
            f"shape {matrix.shape}, {len(names)} names"
        )
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    number = len(names)
    side = float(np.clip(2.5 + 0.42 * number, 4.5, 14.0))
    figure = new_figure((side + 1, side))
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    bar = figure.colorbar(picture, ax=axes, shrink=0.8)
    bar.set_label("fraction of the row")
    _name_axes(axes, names)
    if number <= MAX_NUMBERED:
        _write_numbers(axes, matrix, shares, normalize)
    if path is not None:
        figure.savefig(path)
    return figure


def _name_axes(axes: Axes, names: list[str]) -> None:
    step = -(-len(names) // MAX_NAMES)
    places = range(0, len(names), step)
    shown = [shortened(names[i], MAX_NAME_LENGTH) for i in places]
    size = 9 if len(names) <= 30 else 7
    axes.set_xticks(places, shown, rotation=90, fontsize=size)
    axes.set_yticks(places, shown, fontsize=size)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")


def _write_numbers(
    axes: Axes, matrix: np.ndarray, shares: np.ndarray, normalize: bool
) -> None:
    size = 10 if len(matrix) <= 12 else 7
    for row, column in np.argwhere(matrix > 0):
        share = shares[row, column]
        text = f"{share:.0%}" if normalize else str(matrix[row, column])
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=size,
            color="white" if share > 0.5 else "black",
        )
