"""What is taken for what: confusion matrices and their picture."""

import numpy as np

from keras_efficient.ops import box_coverage
from keras_efficient.ops import box_iou
from keras_efficient.plotting import new_figure

BACKGROUND = "background"
# With more classes than these, cells are too small for numbers.
MAX_NUMBERED = 25
# As many names as can be read along an axis.
MAX_NAMES = 60
MAX_NAME_LENGTH = 24


def detection_confusion(
    dataset, found, *, iou_threshold=0.5, score_threshold=0.3
):
    """Counts which class's boxes were found as which class.

    In each image the surest detection takes the box that it overlaps most,
    of whatever class, then the next what is left. Boxes around crowds are
    left out, as is what lies mostly in them.

    Args:
        dataset: A `data.DetectionDataset`.
        found: Sequence of `inference.Detections`, one for each image, with
            the labels of the data set.
        iou_threshold: Float in `(0, 1]`, the least overlap. Defaults to 0.5.
        score_threshold: Float, what is less sure does not count. Defaults to
            0.3.

    Returns:
        Integer array `(num_classes + 1, num_classes + 1)`: rows are what is
        there, columns what was found, the last of each the background. Its
        last row counts what was found where nothing is, its last column what
        was not found.

    Raises:
        ValueError: If there are not as many detections as images.

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
            f"images. Received: {len(found)}"
        )
    background = dataset.num_classes
    matrix = np.zeros((background + 1, background + 1), int)
    for record, detections in zip(dataset.records, found, strict=True):
        for there, taken_for in _pairs(
            record, detections, iou_threshold, score_threshold, background
        ):
            matrix[there, taken_for] += 1
    return matrix


def _pairs(record, found, iou_threshold, score_threshold, background):
    """What is there and what it was taken for, one by one."""
    scores = np.asarray(found.scores)
    kept = np.flatnonzero(scores >= score_threshold)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    boxes = np.asarray(found.boxes, "float64").reshape(-1, 4)[kept]
    labels = np.asarray(found.labels)[kept]
    is_crowd = np.asarray(record.is_crowd, bool)
    crowds = np.asarray(record.boxes, "float64").reshape(-1, 4)[is_crowd]
    there = np.asarray(record.boxes, "float64").reshape(-1, 4)[~is_crowd]
    true_labels = np.asarray(record.labels)[~is_crowd]
    overlaps = box_iou(boxes, there)
    in_crowd = box_coverage(boxes, crowds) >= iou_threshold
    is_free = np.ones(len(there), bool)
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


def plot_confusion_matrix(matrix, class_names, path=None, normalize=True):
    """Draws a confusion matrix: rows are what is there.

    Colors are shares of each row. Cells have numbers up to 25 classes; of
    many names only some are written.

    Args:
        matrix: Array `(number, number)` of counts, rows what is there,
            columns what it was taken for.
        class_names: Sequence of strings, one for each row; or one less, for a
            matrix whose last row and column are the background.
        path: Where to save the picture. Defaults to `None`: nowhere.
        normalize: Boolean, whether numbers are percent of their row, or
            counts. Defaults to `True`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If names and matrix do not fit.

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
    bar.set_label("share of the row")
    _name_axes(axes, names)
    if number <= MAX_NUMBERED:
        _write_numbers(axes, matrix, shares, normalize)
    if path is not None:
        figure.savefig(path)
    return figure


def _name_axes(axes, names):
    step = -(-len(names) // MAX_NAMES)
    places = range(0, len(names), step)
    shown = [_shortened(names[i]) for i in places]
    size = 9 if len(names) <= 30 else 7
    axes.set_xticks(places, shown, rotation=90, fontsize=size)
    axes.set_yticks(places, shown, fontsize=size)
    axes.set_xlabel("taken for")
    axes.set_ylabel("is")


def _shortened(name):
    if len(name) <= MAX_NAME_LENGTH:
        return name
    # What tells long names apart is often their end.
    half = MAX_NAME_LENGTH // 2
    return f"{name[:half]}…{name[1 - half :]}"


def _write_numbers(axes, matrix, shares, normalize):
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
