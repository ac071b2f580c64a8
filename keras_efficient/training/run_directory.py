"""The directory of a training run: settings, logs, weights and report."""

import importlib.util
import json
import pathlib
import platform
import shlex
import shutil
import sys
from typing import Any

import keras
import numpy as np
from PIL import Image

from keras_efficient import evaluation
from keras_efficient import inference
from keras_efficient import visualization
from keras_efficient.atomic_writes import atomic_file
from keras_efficient.atomic_writes import write_text
from keras_efficient.data.records import joined_names
from keras_efficient.inference.results import displayable
from keras_efficient.log import get_logger
from keras_efficient.training.callbacks import BestWeights
from keras_efficient.training.callbacks import read_json
from keras_efficient.training.epoch_logs import read_log
from keras_efficient.types import PathLike
from keras_efficient.types import Task
from keras_efficient.version import __version__

_LOGGER = get_logger(__name__)
# Metric that selects the best weights.
MONITOR = {"classification": "val_accuracy", "detection": "val_mAP"}
# Number of validation images in the picture of predictions.
NUM_PREDICTIONS = 9
# Longer side of a picture with a caption, in pixels.
CAPTION_SIDE = 288
# Everything that a run and its command write.
FILES = (
    "config.yaml",
    "settings.json",
    "*_checkpoints",
    "log_*.csv",
    "best.weights.h5",
    "best.json",
    "last.weights.h5",
    "model.keras",
    "class_names.txt",
    "results.json",
    "curves.png",
    "confusion_matrix.png",
    "precision_recall.png",
    "predictions.jpg",
    "train_batch.jpg",
)


class RunDirectory:
    """Files of a training run.

    Args:
        path: Path of the directory. It is created when the first file is
            written.
        task: String, `"classification"` or `"detection"`.

    Example:
    >>> run = keras_efficient.training.RunDirectory("runs/cells", "detection")
    >>> run.is_finished, run.model_file.name
    (False, 'model.keras')
    """

    def __init__(self, path: PathLike, task: Task) -> None:
        self.path = pathlib.Path(path)
        self.task = task
        self.best = BestWeights(self.path / "best.weights.h5", MONITOR[task])
        self.last_weights = self.path / "last.weights.h5"
        self.model_file = self.path / "model.keras"
        self.results_file = self.path / "results.json"

    @property
    def is_finished(self) -> bool:
        """Whether a run in this directory has written its results."""
        return self.results_file.exists()

    def check_settings(self, settings: dict[str, Any]) -> None:
        """Write the settings, or compare them with those of the directory.

        Args:
            settings: Dict of values that can be written as JSON.

        Raises:
            ValueError: If the directory holds a run with other settings.
        """
        path = self.path / "settings.json"
        settings = json.loads(json.dumps(settings, default=str))
        known = self._read_settings(path)
        if known is None:
            write_text(path, json.dumps(settings, indent=1))
            return
        changed = [
            f"{name} was {known.get(name)}, is {value}"
            for name, value in settings.items()
            if known.get(name) != value
        ]
        if changed:
            raise ValueError(
                f"{self.path} contains a run with other settings: "
                f"{', '.join(changed)}. Use the same settings to resume it, "
                "or choose another directory."
            )

    def _read_settings(self, path: pathlib.Path) -> dict[str, Any] | None:
        if not path.exists():
            return None
        known = read_json(path)
        if known is None:
            _LOGGER.warning(
                "%s is damaged and was written again: whether the run began "
                "with the same settings is unknown.",
                path,
            )
        return known

    def checkpoints(self, phase: str) -> pathlib.Path:
        """Return the folder of the checkpoints of a phase."""
        return self.path / f"{phase}_checkpoints"

    def log_file(self, phase: str) -> pathlib.Path:
        """Return the path of the log of a phase."""
        return self.path / f"log_{phase}.csv"

    def logs(self, phase: str) -> dict[str, list[float]]:
        """Return the logs of a phase, an empty dict if there are none."""
        path = self.log_file(phase)
        return read_log(path) if path.exists() else {}

    def remove(self) -> None:
        """Remove the files of the run, and no others.

        If this is interrupted, `finish_removing` continues.
        """
        if self.path.exists():
            write_text(self._mark, "")
            self.finish_removing()

    def finish_removing(self) -> None:
        """Finish a `remove` that was interrupted; otherwise do nothing."""
        if not self._mark.exists():
            return
        for pattern in FILES:
            for path in self.path.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._mark.unlink()

    @property
    def _mark(self) -> pathlib.Path:
        """A file that exists while the run is removed."""
        return self.path / ".removing"

    def save_model(self, model: keras.Model) -> None:
        """Write the model with the best weights, or else the current ones.

        Args:
            model: The trained `keras.Model`. It receives the best weights.
        """
        if self.best.path.exists():
            self.best.load(model)
            with atomic_file(self.model_file) as path:
                model.save(path)
            return
        with (
            evaluation.averaged_weights(model),
            atomic_file(self.model_file) as path,
        ):
            model.save(path)

    def write_class_names(self, names: tuple[str, ...]) -> None:
        """Write one class name on each line."""
        lines = "".join(f"{name}\n" for name in names)
        write_text(self.path / "class_names.txt", lines)

    def draw_batch(self, batches: Any, class_names: tuple[str, ...]) -> None:
        """Draw the first training batch."""
        self.path.mkdir(parents=True, exist_ok=True)
        images, labels = batches[0]
        visualization.plot_batch(
            images, labels, class_names, self.path / "train_batch.jpg"
        )

    def draw_figures(self, result: Any) -> None:
        """Draw the figures of an evaluation, if matplotlib is installed."""
        if not can_plot():
            return
        if self.task == "detection":
            result.plot_precision_recall(self.path / "precision_recall.png")
        # Classes that do not exclude each other have no such matrix.
        if hasattr(result, "plot_confusion_matrix"):
            result.plot_confusion_matrix(self.path / "confusion_matrix.png")

    def draw_predictions(self, model: keras.Model, dataset: Any) -> None:
        """Draw predictions for images spread over a validation set."""
        records = dataset.records
        count = min(NUM_PREDICTIONS, len(records))
        positions = np.linspace(0, len(records) - 1, count).astype(int)
        records = [records[position] for position in positions]
        images = [record.image for record in records]
        if self.task == "detection":
            found = inference.detect(model, images)
            captions = [
                f"{len(one)} found, {len(record.boxes)} labeled"
                for record, one in zip(records, found, strict=True)
            ]
            pictures = [one.plot() for one in found]
        else:
            names = dataset.class_names
            classified = inference.classify(
                model, images, class_names=_names_of(model, names)
            )
            captions = [
                f"{joined_names(names[label] for label in record.labels)}: "
                f"{joined_names(_shares(one))}"
                for record, one in zip(records, classified, strict=True)
            ]
            pictures = [_for_caption(displayable(x)) for x in images]
        path = self.path / "predictions.jpg"
        visualization.plot_predictions(pictures, path, captions)

    def write_results(self, result: Any, **more: Any) -> None:
        """Write metrics, best epoch and versions.

        Args:
            result: Result of `evaluate_classification` or
                `evaluate_detection`.
            **more: Further entries that can be written as JSON.
        """
        content = {
            "best": read_json(self.best.note),
            "result": result.to_dict(),
            **more,
            "command": shlex.join(sys.argv),
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
            "keras_efficient": __version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
        write_text(self.results_file, json.dumps(content, indent=1))


def _names_of(
    model: keras.Model, names: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the names that the model has, or those of the data set."""
    own = getattr(model, "class_names", None)
    return names if own is None else own


def _shares(found: Any) -> list[str]:
    rows = [one for one in found if one.predicted[0]]
    return [f"{one.names[0]} {one.probabilities[0]:.0%}" for one in rows]


def can_plot() -> bool:
    """Return whether matplotlib is installed, which draws the figures."""
    return importlib.util.find_spec("matplotlib") is not None


def warn_without_matplotlib() -> None:
    """Report that figures are not drawn."""
    _LOGGER.info(
        "matplotlib is not installed: no curves and no confusion matrix are "
        'drawn. Install it with `pip install "keras-efficient[plot]"`.'
    )


def _for_caption(image: np.ndarray) -> Image.Image:
    """Return a picture in the size that suits a line of text below it."""
    picture = Image.fromarray(image)
    factor = CAPTION_SIDE / max(picture.size)
    size = (
        max(1, round(factor * picture.width)),
        max(1, round(factor * picture.height)),
    )
    resampling = Image.Resampling
    # Tiny pictures keep visible pixels.
    method = resampling.NEAREST if factor > 3 else resampling.LANCZOS
    return picture.resize(size, method)
