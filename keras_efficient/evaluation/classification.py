"""How often a classifier is right, and what it takes for what."""

import dataclasses

import numpy as np

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.evaluation.confusion import plot_confusion_matrix
from keras_efficient.inference import classify_each

# Rows of a table that is still read.
MAX_ROWS = 40


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ClassificationResult:
    """What an evaluation gave; `print` shows it as a table.

    Attributes:
        accuracy: Share of the images whose most probable class is right.
        top5_accuracy: Share whose class is among the five most probable; of
            fewer than six classes it is 1.
        confusion: Integer array `(num_classes, num_classes)`: rows are what
            is there, columns what it was taken for.
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
        """Of what was taken for a class, the share that is; NaN of nothing."""
        return _share(np.diag(self.confusion), self.confusion.sum(0))

    @property
    def recall(self) -> np.ndarray:
        """Of what is of a class, the share that was found; NaN of nothing."""
        return _share(np.diag(self.confusion), self.confusion.sum(1))

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall; NaN where one is."""
        precision, recall = self.precision, self.recall
        both = precision + recall
        return np.where(both == 0, 0.0, _share(2 * precision * recall, both))

    def to_dict(self) -> dict:
        """Plain numbers and strings, for JSON; `None` is not measured."""
        rows = zip(
            self.class_names,
            self.confusion.sum(1),
            self.precision,
            self.recall,
            self.f1,
            strict=True,
        )
        return {
            "accuracy": self.accuracy,
            "top5_accuracy": self.top5_accuracy,
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

    def plot_confusion_matrix(self, path=None, normalize=True):
        """Draws what is taken for what.

        Args:
            path: Where to save the picture. Defaults to `None`: nowhere.
            normalize: Boolean, percent of each row, or counts. Defaults to
                `True`.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            ImportError: If matplotlib is not installed.
        """
        return plot_confusion_matrix(
            self.confusion, self.class_names, path, normalize
        )

    def __repr__(self):
        width = max(len("class"), *map(len, self.class_names), 0)
        heads = ("images", "precision", "recall", "F1")
        lines = [f"{'class':<{width}}" + "".join(f"{h:>11}" for h in heads)]
        order = range(len(self.class_names))
        if len(order) > MAX_ROWS:
            # The worst tell most.
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
            lines.append(f"and {rest} better classes")
        top5 = ""
        if len(self.class_names) > 5:
            top5 = f", among the five most probable {self.top5_accuracy:.1%}"
        lines.append(
            f"{self.accuracy:.1%} of {self.num_images} images right{top5}"
        )
        return "\n".join(lines)


def evaluate_classification(
    model,
    dataset,
    *,
    batch_size=32,
    image_size=None,
    preprocessing=None,
    dtype=None,
    progress=None,
):
    """Classifies the images of a data set, and says how well.

    Args:
        model: A functional or Sequential `keras.Model`, as of
            `inference.classify`.
        dataset: A `data.ClassificationDataset`, with the classes of the model
            in the order of its outputs.
        batch_size: Integer. Defaults to 32.
        image_size: `(height, width)` or one number for both, for a model that
            takes any size. Defaults to the model's.
        preprocessing: A `data.ClassificationPreprocessing` in place of
            `image_size`.
        dtype: String, in what the network computes, such as `"bfloat16"`.
            Defaults to `None`: as the model does.
        progress: Function of an iterator and of how much it will give, which
            gives the same and shows how far it is. Defaults to `None`.

    Returns:
        A `ClassificationResult`.

    Raises:
        ValueError: If the model has another number of classes than the data
            set, or the set is empty.

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
    number = len(dataset.class_names)
    if not len(dataset):
        raise ValueError("The data set has no images.")
    if model.output_shape[-1] != number:
        raise ValueError(
            f"The model must have the {number} classes of the data set. "
            f"Received: a model with {model.output_shape[-1]} outputs"
        )
    if image_size is not None:
        preprocessing = ClassificationPreprocessing(image_size)
    found = classify_each(
        model,
        (record.image for record in dataset.records),
        top=min(5, number),
        batch_size=min(batch_size, len(dataset)),
        preprocessing=preprocessing,
        dtype=dtype,
    )
    if progress is not None:
        found = progress(found, len(dataset))
    confusion = np.zeros((number, number), int)
    in_top = 0
    for record, answer in zip(dataset.records, found, strict=True):
        confusion[record.label, answer.labels[0]] += 1
        in_top += record.label in answer.labels
    return ClassificationResult(
        accuracy=float(np.trace(confusion)) / len(dataset),
        top5_accuracy=in_top / len(dataset),
        confusion=confusion,
        class_names=tuple(dataset.class_names),
        num_images=len(dataset),
    )


def _share(part, whole):
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(
        part, whole, out=np.full_like(part, np.nan), where=whole > 0
    )


def _plain(number):
    return None if np.isnan(number) else float(number)


def _shown(number):
    return "-" if np.isnan(number) else f"{number:.3f}"
