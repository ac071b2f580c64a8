"""Progress of `keras-efficient train`."""

from collections.abc import Iterable
from typing import Any

import keras

from keras_efficient.cli.progress import new_progress
from keras_efficient.cli.progress import track

# Metrics at the beginning of a line, if they were measured.
METRICS = (
    "loss", "accuracy", "val_loss", "val_accuracy", "val_mAP", "val_mAP50",
)  # fmt: skip


class TrainingProgress(keras.callbacks.Callback):
    """Shows a bar with the remaining time, and prints a line for each epoch.

    Use it as a context manager, which removes the bar also after an error.

    Args:
        steps: Integer, batches in an epoch.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> "TrainingProgress":
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def evaluating(self, items: Iterable, total: int) -> Iterable:
        """Show a bar for the evaluation after training."""
        self._stop()
        return track(items, total, "Evaluating")

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Remove the bar of the previous phase."""
        self._stop()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Show the number of the epoch."""
        epochs = self.params["epochs"]
        if self._progress is None:
            self._progress = new_progress()
            self._progress.start()
            # The duration of epochs before an interruption is unknown.
            self._task = self._progress.add_task(
                "", total=(epochs - epoch) * self.steps
            )
        self._progress.update(
            self._task, description=f"Epoch {epoch + 1} of {epochs}"
        )

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Advance the bar."""
        self._progress.advance(self._task)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Print the metrics of the epoch."""
        logs = logs or {}
        metrics = "  ".join(
            f"{name} {float(logs[name]):.4f}"
            for name in METRICS
            if name in logs
        )
        epochs = self.params["epochs"]
        print(f"epoch {epoch + 1}/{epochs}  {metrics}", flush=True)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Remove the bar."""
        self._stop()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
