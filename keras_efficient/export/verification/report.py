"""Size, speed and accuracy of an export."""

import dataclasses
import pathlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_efficient.evaluation import evaluate_classification
from keras_efficient.evaluation import evaluate_detection
from keras_efficient.export.specs import DetectionSpec
from keras_efficient.export.specs import Spec
from keras_efficient.export.specs import network_function
from keras_efficient.log import get_logger

TIMED_RUNS = 5

logger = get_logger(__name__)


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """Measurements of an export.

    Attributes:
        path: The file or folder.
        megabytes: Its size in 10**6 bytes.
        difference: The largest difference of its outputs from those of the
            model, as `comparison.verify` returns it; `None` if it was not
            verified.
        answer_difference: The largest difference of its answers to image
            files from those of the model, with all steps before and after the
            export; `None` if it was not verified.
        agreement: Share of these files with the same first answer: the most
            probable class, or the class and the place of the best detection.
        milliseconds: Time for one image in the format's runtime, with all
            steps; `None` if it was not verified.
        keras_milliseconds: Time for one image of the network alone, in Keras;
            `None` if it was not verified.
        model_metrics: Dictionary of accuracies of the model on a data set;
            `None` if none was given.
        export_metrics: The same for the export.
    """

    path: pathlib.Path
    megabytes: float
    difference: float | None = None
    answer_difference: float | None = None
    agreement: float | None = None
    milliseconds: float | None = None
    keras_milliseconds: float | None = None
    model_metrics: dict[str, float] | None = None
    export_metrics: dict[str, float] | None = None

    def log(self, title: str) -> None:
        """Log the measurements, in one or two lines.

        Args:
            title: Format and precision.
        """
        if self.difference is not None:
            logger.info(
                "%s: %.1f MB, differs from the model by %.1e at most; %.0f ms "
                "per image with all steps, where Keras on %s takes %.0f ms for "
                "the network alone",
                title,
                self.megabytes,
                self.difference,
                self.milliseconds,
                keras.backend.backend(),
                self.keras_milliseconds,
            )
        if self.answer_difference is not None:
            logger.info(
                "%s: from the same image files to the answer, it differs from "
                "the model by %.1e at most; the first answer agrees for %.0f%% "
                "of them",
                title,
                self.answer_difference,
                100 * (self.agreement or 0.0),
            )
        if self.model_metrics and self.export_metrics:
            logger.info(
                "%s: %s; model in Keras: %s",
                title,
                _joined(self.export_metrics),
                _joined(self.model_metrics),
            )


def median_milliseconds(function: Callable[[], Any]) -> float:
    """Return the median run time of a function, after a warm-up call.

    Args:
        function: Function without arguments.

    Returns:
        A float, in milliseconds.
    """
    function()
    times = []
    for _ in range(TIMED_RUNS):
        start = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def network_milliseconds(
    model: keras.Model, spec: Spec, pixels: np.ndarray
) -> float:
    """Return the run time of a network in Keras, on its own backend.

    Args:
        model: A `keras.Model`.
        spec: The description of the model.
        pixels: Array of shape `(batch, height, width, channels)`.

    Returns:
        A float, in milliseconds.
    """
    network = network_function(model, spec)
    return median_milliseconds(lambda: network(pixels))


def megabytes(path: pathlib.Path) -> float:
    """Return the size of a file, or of all files in a folder, in 10**6 bytes.

    Args:
        path: Path of the file or folder.

    Returns:
        A float.
    """
    files = [path] if path.is_file() else path.rglob("*")
    return sum(x.stat().st_size for x in files if x.is_file()) / 1e6


def measure_accuracy(
    model: Any, exported: Any, spec: Spec, dataset: Any
) -> tuple[dict[str, float], dict[str, float]]:
    """Measure a model and its export on a data set.

    Args:
        model: A `keras.Model`.
        exported: The `ExportedModel`.
        spec: The description of the model.
        dataset: A `data.ClassificationDataset` or `data.DetectionDataset`.

    Returns:
        A tuple of two dictionaries with `"mAP"` and `"mAP50"` of a detector, or
        `"accuracy"` and, of a multi-label data set, `"mAP"` of a classifier:
        those of the model and of the export.
    """
    results: tuple[Any, Any]
    if isinstance(spec, DetectionSpec):
        names = ["mAP", "mAP50"]
        results = (
            evaluate_detection(
                model,
                dataset,
                preprocessing=spec.preprocessing,
                **spec.options,
            ),
            evaluate_detection(exported, dataset, score_threshold=0.0),
        )
    else:
        names = ["accuracy", "mAP"]
        results = (
            evaluate_classification(
                model,
                dataset,
                preprocessing=spec.preprocessing,
                from_logits=spec.outputs.from_logits,
                exclusive=spec.outputs.exclusive,
                threshold=spec.outputs.threshold,
            ),
            evaluate_classification(exported, dataset),
        )
    own, other = (
        {x: float(one.metrics[x]) for x in names if x in one.metrics}
        for one in results
    )
    return own, other


def _joined(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
