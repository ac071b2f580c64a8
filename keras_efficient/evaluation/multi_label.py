"""Accuracy of classes that do not exclude each other."""

import dataclasses
from typing import Any

import numpy as np

# Number of classes that `print` shows.
MAX_ROWS = 40


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class MultiLabelResult:
    """Accuracy of a model on a multi-label data set; `print` shows a table.

    Attributes:
        accuracy: Fraction of the pairs of an image and a class for which the
            prediction is right.
        exact_match: Fraction of the images of which all classes are right.
        counts: Integer array `(num_classes, 3)`: numbers of true positives,
            false positives and false negatives of each class.
        average_precision: Float array `(num_classes,)`, the area under the
            curve of precision over recall at all thresholds; NaN if no image
            belongs to the class.
        threshold: Float, the probability from which on a class is predicted.
        class_names: Names of the classes.
        num_images: Number of images.
    """

    accuracy: float
    exact_match: float
    counts: np.ndarray
    average_precision: np.ndarray
    threshold: float
    class_names: tuple[str, ...]
    num_images: int

    @property
    def precision(self) -> np.ndarray:
        """Precision of each class; NaN if it was never predicted."""
        return _ratio(self.counts[:, 0], self.counts[:, :2].sum(1))

    @property
    def recall(self) -> np.ndarray:
        """Recall of each class; NaN if no image belongs to it."""
        return _ratio(self.counts[:, 0], self.counts[:, [0, 2]].sum(1))

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall; NaN without any image."""
        true = 2 * self.counts[:, 0]
        return _ratio(true, true + self.counts[:, 1] + self.counts[:, 2])

    @property
    def metrics(self) -> dict[str, float]:
        """`"accuracy"`, `"exact_match"`, `"mAP"` and `"f1"`.

        The last two are means over the classes that images belong to.
        """
        has_images = ~np.isnan(self.average_precision)
        return {
            "accuracy": self.accuracy,
            "exact_match": self.exact_match,
            "mAP": _mean(self.average_precision[has_images]),
            "f1": _mean(self.f1[has_images]),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return numbers, strings and lists for JSON; `None` replaces NaN."""
        columns = {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "average_precision": self.average_precision,
        }
        return {
            **{name: _plain(value) for name, value in self.metrics.items()},
            "threshold": self.threshold,
            "num_images": self.num_images,
            "per_class": [
                {
                    "name": name,
                    "num_images": int(self.counts[i, [0, 2]].sum()),
                    **{key: _plain(x[i]) for key, x in columns.items()},
                }
                for i, name in enumerate(self.class_names)
            ],
        }

    def __repr__(self) -> str:
        width = max(len("class"), *map(len, self.class_names), 0)
        heads = ("images", "precision", "recall", "F1", "AP")
        lines = [f"{'class':<{width}}" + "".join(f"{h:>11}" for h in heads)]
        columns = (
            self.precision,
            self.recall,
            self.f1,
            self.average_precision,
        )
        for i, name in enumerate(self.class_names[:MAX_ROWS]):
            count = int(self.counts[i, [0, 2]].sum())
            numbers = "".join(f"{_shown(x[i]):>11}" for x in columns)
            lines.append(f"{name:<{width}}{count:>11}{numbers}")
        rest = len(self.class_names) - MAX_ROWS
        if rest > 0:
            lines.append(f"and {rest} more classes")
        lines.append(
            f"accuracy {self.accuracy:.1%} of all labels, "
            f"{self.exact_match:.1%} of images without error, "
            f"mAP {_shown(self.metrics['mAP'])} "
            f"({self.num_images} images, threshold {self.threshold:g})"
        )
        return "\n".join(lines)


def evaluate_multi_label(
    targets: np.ndarray,
    probabilities: np.ndarray,
    threshold: float,
    class_names: tuple[str, ...],
) -> MultiLabelResult:
    """Compare probabilities with the classes of the images.

    Args:
        targets: Array of 0 and 1 of shape `(number, num_classes)`.
        probabilities: Float array of the same shape.
        threshold: Float, the probability from which on a class is predicted.
        class_names: Names of the classes.

    Returns:
        A `MultiLabelResult`.
    """
    truth = np.asarray(targets) > 0
    predicted = probabilities >= np.float32(threshold)
    counts = [
        (truth & predicted).sum(0),
        (~truth & predicted).sum(0),
        (truth & ~predicted).sum(0),
    ]
    is_right = truth == predicted
    return MultiLabelResult(
        accuracy=float(is_right.mean()),
        exact_match=float(is_right.all(axis=1).mean()),
        counts=np.stack(counts, axis=1),
        average_precision=np.array(
            [
                average_precision(truth[:, i], probabilities[:, i])
                for i in range(truth.shape[1])
            ]
        ),
        threshold=threshold,
        class_names=class_names,
        num_images=len(truth),
    )


def average_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    """Return the average of the precisions at the recall of each threshold.

    As `sklearn.metrics.average_precision_score`; images of equal scores have
    the same threshold.

    Args:
        truth: Boolean array `(number,)`.
        scores: Float array `(number,)`.

    Returns:
        A float; NaN if no element is true.
    """
    if not truth.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    truth, scores = truth[order], scores[order]
    # The last element of each score.
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    found = np.cumsum(truth)[ends]
    steps = np.diff(found, prepend=0) / truth.sum()
    return float((steps * found / (ends + 1)).sum())


def _ratio(part: Any, whole: Any) -> np.ndarray:
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(
        part, whole, out=np.full_like(part, np.nan), where=whole > 0
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _plain(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _shown(number: float) -> str:
    return "-" if np.isnan(number) else f"{number:.3f}"
