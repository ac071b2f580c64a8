"""The course of a fine-tuning run: settings, phases and report."""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras

from keras_efficient import deprecation
from keras_efficient import evaluation
from keras_efficient.atomic_writes import remove_leftovers
from keras_efficient.inference.model_images import images_of
from keras_efficient.log import get_logger
from keras_efficient.training.callbacks import FollowEpochs
from keras_efficient.training.callbacks import StopOnInterrupt
from keras_efficient.training.callbacks import TerminateOnNaN
from keras_efficient.training.callbacks import Throughput
from keras_efficient.training.checkpoints import EpochCheckpoints
from keras_efficient.training.class_targets import ClassTargets
from keras_efficient.training.epoch_logs import CurveWriter
from keras_efficient.training.epoch_logs import EpochLog
from keras_efficient.training.run_directory import RunDirectory
from keras_efficient.training.run_directory import can_plot
from keras_efficient.training.run_directory import warn_without_matplotlib
from keras_efficient.training.weights_files import save_weights

_LOGGER = get_logger(__name__)
# All layers are trained in the last phase.
LAST_PHASE = "all"


@dataclasses.dataclass(frozen=True)
class FinetuneResult:
    """Result of a fine-tuning run.

    Attributes:
        logs: Dict from metrics to lists of floats, one for each epoch of the
            phase that trains all layers; NaN if not measured.
        head_logs: The same for the epochs that train only the head. Empty for
            detectors and if there were none.
        directory: `pathlib.Path` of the run directory.
        best_weights: `pathlib.Path` of the weights with the best validation
            metric, or `None` without a validation set.
        evaluation: With `report=True`, the evaluation of the saved model on
            the validation set; otherwise `None`.
    """

    logs: dict[str, list[float]]
    head_logs: dict[str, list[float]]
    directory: pathlib.Path
    best_weights: pathlib.Path | None = None
    evaluation: Any = None

    @property
    def all(self) -> dict[str, list[float]]:
        """Deprecated name of `logs`."""
        deprecation.warn(
            "training.FinetuneResult.all", "training.FinetuneResult.logs"
        )
        return self.logs

    @property
    def head(self) -> dict[str, list[float]]:
        """Deprecated name of `head_logs`."""
        deprecation.warn(
            "training.FinetuneResult.head",
            "training.FinetuneResult.head_logs",
        )
        return self.head_logs


class TrainingRun:
    """One call of a `finetune_*` function."""

    def __init__(
        self,
        directory: RunDirectory,
        model: keras.Model,
        train: Any,
        validation: Any,
    ) -> None:
        self.directory = directory
        self.model = model
        self.train = train
        self.validation = validation
        self.metrics: keras.callbacks.Callback | None = None
        self.interrupt: StopOnInterrupt | None = None
        self.report = False

    def prepare(
        self,
        settings: dict[str, Any],
        *,
        report: bool,
        save_on_interrupt: bool,
    ) -> None:
        """Check the arguments, and write what is known before training."""
        for name, value in (("train", self.train), ("val", self.validation)):
            if report and not hasattr(value, "records"):
                raise ValueError(
                    "`report=True` requires `train` from the method `batches` "
                    "of a data set, and a data set as `validation`. Received: "
                    f"a {type(value).__name__} as the {name} data"
                )
        remove_leftovers(self.directory.path)
        self.directory.check_settings(settings)
        self.report = report
        if save_on_interrupt:
            self.interrupt = StopOnInterrupt(self.directory.last_weights)
        if report:
            names = tuple(self.validation.class_names)
            self.directory.write_class_names(names)
            self.directory.draw_batch(self.train, names)
            if not can_plot():
                warn_without_matplotlib()

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Handle Ctrl-C inside the block, and save the model after it."""
        with self.interrupt or contextlib.nullcontext():
            try:
                yield
            except KeyboardInterrupt:
                is_saved = self.interrupt is not None and (
                    self.interrupt.is_saved
                )
                if self.report and is_saved:
                    self.directory.save_model(self.model)
                raise

    def fit(
        self,
        phase: str,
        epochs: int,
        callbacks: Sequence[keras.callbacks.Callback],
        verbose: str | int,
    ) -> None:
        """Train one phase, from the epoch at which it was interrupted."""
        best = self.directory.best
        files = [self.directory.log_file(phase)]
        # The checkpoints of a later phase contain a later best epoch.
        if phase == LAST_PHASE or not any(
            self.directory.checkpoints(LAST_PHASE).glob("*.json")
        ):
            files.append(best.note)
        checkpoints = EpochCheckpoints(
            self.directory.checkpoints(phase), files=files
        )
        start = checkpoints.restore(self.model)
        if best.path.exists() and not best.is_saved:
            _LOGGER.warning(
                "%s is damaged and was deleted: the best epoch is chosen among "
                "those after epoch %d.",
                best.path,
                start,
            )
            best.path.unlink()
        if start >= epochs:
            # As `fit` ends: with the average of the weights, if there is one.
            if start:
                self.model.optimizer.finalize_variable_values(
                    self.model.trainable_variables
                )
            return
        self.model.fit(
            self.train,
            validation_data=self._validation_batches(),
            initial_epoch=start,
            epochs=epochs,
            callbacks=self._callbacks(phase, checkpoints, callbacks),
            shuffle=False,  # Keras would shuffle the batches once more.
            verbose=verbose,
        )

    def finish(
        self,
        start: float,
        progress: Callable[[Iterable, int], Iterable] | None,
    ) -> FinetuneResult:
        """Write the report, and return the result."""
        result = None
        directory = self.directory
        if self.report:
            save_weights(self.model, directory.last_weights)
            directory.save_model(self.model)
            result = self._evaluate(progress)
            directory.draw_figures(result)
            directory.draw_predictions(self.model, self.validation)
            seconds = round(time.perf_counter() - start, 1)
            directory.write_results(result, seconds=seconds)
        best = directory.best.path
        return FinetuneResult(
            directory.logs("all"),
            directory.logs("head"),
            directory.path,
            best if best.exists() else None,
            result,
        )

    def _evaluate(
        self, progress: Callable[[Iterable, int], Iterable] | None
    ) -> Any:
        options = {"batch_size": self.train.batch_size, "progress": progress}
        if self.directory.task == "detection":
            return evaluation.evaluate_detection(
                self.model, self.validation, **options
            )
        return evaluation.evaluate_classification(
            self.model, self.validation, **options
        )

    def _validation_batches(self) -> Any:
        if self.directory.task == "detection":
            return None
        if not hasattr(self.validation, "batches"):
            return self.validation
        batch_size = getattr(self.train, "batch_size", 32)
        images = images_of(self.model)
        batches = self.validation.batches(
            images.size, batch_size, channels=images.channels
        )
        return ClassTargets(self.model).fitting(batches)

    def _callbacks(
        self,
        phase: str,
        checkpoints: EpochCheckpoints,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> list[keras.callbacks.Callback]:
        # What stops an epoch comes before what records it as complete.
        first = [x for x in callbacks if isinstance(x, StopOnInterrupt)]
        if self.interrupt is not None:
            first.append(self.interrupt)
        found = list(first)
        if hasattr(self.train, "epoch"):
            found.append(FollowEpochs(self.train))
        if hasattr(self.train, "num_images"):
            found.append(Throughput(self.train.num_images))
        found.append(TerminateOnNaN(self.train))
        if self.metrics is not None:
            found.append(self.metrics)
        found.append(EpochLog(self.directory.log_file(phase)))
        # The checkpoint completes an epoch: a run that is killed before it
        # repeats the epoch, with the same best weights.
        found.append(self.directory.best)
        found.append(checkpoints)
        if self.report and can_plot():
            found.append(CurveWriter(self.directory.path))
        return [*found, *(x for x in callbacks if x not in first)]


def check_length(train: Any) -> None:
    """Raise a `ValueError` if training data has no length."""
    if not hasattr(train, "__len__"):
        raise ValueError(
            "`train` must have a length, its number of batches, for the "
            "learning rate schedule. Received: a "
            f"{type(train).__name__}. See the method `batches` of "
            "`data.ClassificationDataset` and `data.DetectionDataset`."
        )
