"""Evaluation of a classification model on a data set."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_efficient.data import ClassificationDataset
from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data.classification_batches import multi_hot
from keras_efficient.data.images import standardize_size
from keras_efficient.evaluation.class_matching import match_classes
from keras_efficient.evaluation.class_matching import match_names
from keras_efficient.evaluation.confusion import plot_confusion_matrix
from keras_efficient.evaluation.multi_label import MultiLabelResult
from keras_efficient.evaluation.multi_label import evaluate_multi_label
from keras_efficient.inference import Classification
from keras_efficient.inference import classify_each
from keras_efficient.inference.class_outputs import ClassOutputs
from keras_efficient.inference.class_outputs import outputs_of
from keras_efficient.types import Figure
from keras_efficient.types import ImageLike
from keras_efficient.types import PathLike
from keras_efficient.types import Progress

# Number of classes that `print` shows.
MAX_ROWS = 40


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ClassificationResult:
    """Accuracy and confusion matrix of a model; `print` shows a table.

    Attributes:
        accuracy: Fraction of images whose most probable class is correct.
        top5_accuracy: Fraction of images whose class is among the five most
            probable; 1 if there are fewer than six classes.
        confusion: Integer array `(num_classes, num_classes)`: rows are true
            classes, columns predicted classes.
        class_names: Names of the classes.
        num_images: Number of images.
    """

    accuracy: float
    top5_accuracy: float
    confusion: np.ndarray
    class_names: tuple[str, ...]
    num_images: int

    @property
    def precision(self) -> np.ndarray:
        """Precision of each class; NaN if it was never predicted."""
        return _ratio(np.diag(self.confusion), self.confusion.sum(0))

    @property
    def recall(self) -> np.ndarray:
        """Recall of each class; NaN if no image belongs to it."""
        return _ratio(np.diag(self.confusion), self.confusion.sum(1))

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall; NaN where either is NaN."""
        precision, recall = self.precision, self.recall
        both = precision + recall
        return np.where(both == 0, 0.0, _ratio(2 * precision * recall, both))

    @property
    def metrics(self) -> dict[str, float]:
        """`"accuracy"` and `"top5_accuracy"`."""
        return {
            "accuracy": self.accuracy,
            "top5_accuracy": self.top5_accuracy,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return numbers, strings and lists for JSON; `None` replaces NaN."""
        rows = zip(
            self.class_names,
            self.confusion.sum(1),
            self.precision,
            self.recall,
            self.f1,
            strict=True,
        )
        return {
            **self.metrics,
            "num_images": self.num_images,
            "per_class": [
                {
                    "name": name,
                    "num_images": int(count),
                    "precision": _plain(precision),
                    "recall": _plain(recall),
                    "f1": _plain(f1),
                }
                for name, count, precision, recall, f1 in rows
            ],
            "confusion": self.confusion.tolist(),
        }

    def plot_confusion_matrix(
        self, path: PathLike | None = None, normalize: bool = True
    ) -> Figure:
        """Draw the confusion matrix.

        Args:
            path: File to save the picture to. Defaults to `None`.
            normalize: Boolean, whether to write percentages of each row
                instead of counts. Defaults to `True`.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            ImportError: If matplotlib is not installed.
        """
        return plot_confusion_matrix(
            self.confusion, self.class_names, path, normalize
        )

    def __repr__(self) -> str:
        width = max(len("class"), *map(len, self.class_names), 0)
        heads = ("images", "precision", "recall", "F1")
        lines = [f"{'class':<{width}}" + "".join(f"{h:>11}" for h in heads)]
        order = np.arange(len(self.class_names))
        if len(order) > MAX_ROWS:
            # The classes with the lowest scores are the most informative.
            f1 = np.nan_to_num(self.f1, nan=-1.0)
            order = np.argsort(f1, kind="stable")[:MAX_ROWS]
        counts = self.confusion.sum(1)
        for i in order:
            numbers = (self.precision[i], self.recall[i], self.f1[i])
            lines.append(
                f"{self.class_names[i]:<{width}}{counts[i]:>11}"
                + "".join(f"{_shown(x):>11}" for x in numbers)
            )
        rest = len(self.class_names) - len(order)
        if rest:
            lines.append(f"and {rest} classes with a higher F1")
        top5 = ""
        if len(self.class_names) > 5:
            top5 = f", top-5 accuracy {self.top5_accuracy:.1%}"
        lines.append(
            f"accuracy {self.accuracy:.1%}{top5} ({self.num_images} images)"
        )
        return "\n".join(lines)


def evaluate_classification(
    model: Any,
    dataset: ClassificationDataset,
    *,
    batch_size: int = 32,
    image_size: tuple[int, int] | int | None = None,
    preprocessing: ClassificationPreprocessing | None = None,
    dtype: str | None = None,
    progress: Progress | None = None,
    from_logits: bool | None = None,
    exclusive: bool | None = None,
    threshold: float | None = None,
) -> ClassificationResult | MultiLabelResult:
    """Compute the accuracy of a classification model on a data set.

    For an image of one class, the most probable class is compared with it; of
    one output, the class that the threshold decides for. For a multi-label
    data set, the classes from the threshold on are compared with those of the
    image.

    If the model has `class_names`, classes are matched by their names.
    Otherwise the labels of model and data set must be the same.

    Args:
        model: A functional or Sequential `keras.Model`, see
            `inference.classify`; or an export that `export.load` returned.
        dataset: A `data.ClassificationDataset` with the classes of the model:
            two if the model has one output, of which the second, or the one
            that `model.class_names` states, has high probabilities.
        batch_size: Integer, images for each call of the network. Defaults to
            32.
        image_size: `(height, width)` in pixels, or one integer for both, for a
            model that accepts any image size. Defaults to `None`: that of the
            model.
        preprocessing: A `data.ClassificationPreprocessing`, instead of
            `image_size`. Defaults to `None`.
        dtype: String, the dtype of the computation, such as `"bfloat16"`.
            Defaults to `None`: as the model.
        progress: Function of an iterator of results and their number that
            returns an iterable of the same results and shows progress.
            Defaults to `None`.
        from_logits: Boolean, whether a softmax must be applied to the model's
            outputs. Defaults to `None`: determined from its last layer.
        exclusive: Boolean; see `inference.classify`. Defaults to `None`.
        threshold: Float; see `inference.classify`. Defaults to `None`.

    Returns:
        A `ClassificationResult`; for a multi-label data set a
        `MultiLabelResult`.

    Raises:
        ValueError: If the classes of model and data set differ, or the data
            set is empty.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=2)
    >>> dataset = keras_efficient.data.classification_from_arrays(
    ...     np.zeros((3, 40, 50, 3), "uint8"), [0, 1, 1]
    ... )
    >>> result = keras_efficient.evaluation.evaluate_classification(
    ...     model, dataset
    ... )
    >>> result.num_images, int(result.confusion.sum())
    (3, 3)
    """
    if not len(dataset):
        raise ValueError("The data set must have at least one image.")
    if image_size is not None:
        preprocessing = ClassificationPreprocessing(
            standardize_size(image_size)
        )
    kind = _outputs_of(model, from_logits, exclusive, threshold)
    is_binary = kind.number == 1 and not kind.exclusive
    is_multi_label = dataset.multi_label or (
        is_binary and dataset.num_classes == 1
    )
    names, labels = _match(model, kind, dataset, is_multi_label)
    number = dataset.num_classes
    found = _classify_each(
        model,
        (record.image for record in dataset.records),
        top=number if is_multi_label else min(5, number),
        class_names=names,
        batch_size=min(batch_size, len(dataset)),
        preprocessing=preprocessing,
        dtype=dtype,
        from_logits=from_logits,
        exclusive=exclusive,
        threshold=threshold,
    )
    results = found if progress is None else progress(found, len(dataset))
    if is_multi_label:
        return _multi_label_result(dataset, kind, labels, results)
    confusion = np.zeros((number, number), int)
    in_top = 0
    for record, result in zip(dataset.records, results, strict=True):
        predicted = result.labels if labels is None else labels[result.labels]
        confusion[record.label, predicted[0]] += 1
        in_top += record.label in predicted
    return ClassificationResult(
        accuracy=float(np.trace(confusion)) / len(dataset),
        top5_accuracy=in_top / len(dataset),
        confusion=confusion,
        class_names=tuple(dataset.class_names),
        num_images=len(dataset),
    )


def _outputs_of(
    model: Any,
    from_logits: bool | None,
    exclusive: bool | None,
    threshold: float | None,
) -> ClassOutputs:
    if isinstance(model, keras.Model):
        return outputs_of(model, from_logits, exclusive, threshold)
    return model.class_outputs(threshold)


def _classify_each(
    model: Any, images: Iterable[ImageLike], **options: Any
) -> Iterator[Classification]:
    """Classify images with a model, or with an export of one."""
    if isinstance(model, keras.Model):
        return classify_each(model, images, **options)
    given = {name: x for name, x in options.items() if x is not None}
    return model.classify_each(images, **given)


def _match(
    model: Any,
    kind: ClassOutputs,
    dataset: ClassificationDataset,
    is_multi_label: bool,
) -> tuple[tuple[str, ...] | None, np.ndarray | None]:
    """Return the names of the model's classes, and their labels."""
    number = dataset.num_classes
    if is_multi_label and kind.exclusive:
        raise ValueError(
            "The data set is multi-label: an image may belong to any number "
            "of classes, but exactly one is right for the model. Build it with "
            '`classifier_activation="sigmoid"`, or pass `exclusive=False` if '
            "its outputs are logits. Received: a model with exclusive classes"
        )
    is_binary = kind.number == 1 and not kind.exclusive
    expected = 1 if is_binary and number == 2 else number
    if kind.number != expected:
        raise ValueError(
            f"The model must have the {number} classes of the data set. "
            f"Received: a model with {kind.number} outputs"
        )
    if expected == number:
        return None, match_classes(model, dataset)
    names = getattr(model, "class_names", None)
    if names is None:
        return tuple(dataset.class_names), None
    if len(names) == 1:
        # The class of high probabilities, which comes second.
        others = [x for x in dataset.class_names if x not in names]
        names = (others[0], *names)
    labels = match_names(names, dataset.class_names)
    return tuple(names), labels


def _multi_label_result(
    dataset: ClassificationDataset,
    kind: ClassOutputs,
    labels: np.ndarray | None,
    results: Iterable[Classification],
) -> MultiLabelResult:
    targets = multi_hot(dataset.records, dataset.num_classes)
    probabilities = np.zeros(targets.shape, "float32")
    for row, result in zip(probabilities, results, strict=True):
        own = result.labels if labels is None else labels[result.labels]
        row[own] = result.probabilities
    return evaluate_multi_label(
        targets, probabilities, kind.threshold or 0.0, dataset.class_names
    )


def _ratio(part: Any, whole: Any) -> np.ndarray:
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(
        part, whole, out=np.full_like(part, np.nan), where=whole > 0
    )


def _plain(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _shown(number: float) -> str:
    return "-" if np.isnan(number) else f"{number:.3f}"
