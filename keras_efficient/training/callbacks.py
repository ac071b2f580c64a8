"""Callbacks of fine-tuning that Keras does not provide."""

import contextlib
import json
import math
import os
import pathlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import keras

from keras_efficient.atomic_writes import write_text
from keras_efficient.evaluation import averaged_weights
from keras_efficient.training.weights_files import save_weights
from keras_efficient.types import PathLike

# Largest number of images that an error message lists.
MAX_LISTED = 8


class FollowEpochs(keras.callbacks.Callback):
    """Sets the epoch of the batches to the epoch of `fit`.

    A training run that resumes after an interruption then sees the images in
    the same order and with the same augmentation as without the interruption.

    Args:
        batches: A `data.ClassificationBatches`, `data.DetectionBatches`, or
            any object with an attribute `epoch`.

    Example:
    ```python
    model.fit(batches, callbacks=[FollowEpochs(batches)], initial_epoch=5)
    ```
    """

    def __init__(self, batches: Any) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Set the epoch of the batches."""
        self.batches.epoch = epoch


class Throughput(keras.callbacks.Callback):
    """Adds the number of images per second to the logs of each epoch.

    Args:
        num_images: Integer, number of training images in an epoch.

    Example:
    ```python
    model.fit(batches, callbacks=[Throughput(len(dataset))])
    ```
    """

    def __init__(self, num_images: int) -> None:
        super().__init__()
        self.num_images = num_images
        self._start = 0.0
        self._train_end: float | None = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Start the clock."""
        self._start = time.perf_counter()
        self._train_end = None

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Stop the clock when validation begins."""
        self._train_end = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Add `images_per_second` to the logs."""
        end = self._train_end or time.perf_counter()
        if logs is not None:
            logs["images_per_second"] = self.num_images / (end - self._start)


class TerminateOnNaN(keras.callbacks.TerminateOnNaN):
    """Raises an error that lists the images when the loss becomes NaN.

    It is `keras.callbacks.TerminateOnNaN(raise_error=True)` with a message
    that names the epoch and the images of the batch.

    Args:
        batches: The training data of `fit`. If it has a method `sources`, as
            `data.DetectionBatches` has, the message lists the images. Defaults
            to `None`.

    Raises:
        FloatingPointError: In `fit`, when the loss is NaN or infinite.

    Example:
    ```python
    model.fit(
        batches,
        callbacks=[keras_efficient.training.TerminateOnNaN(batches)],
    )
    ```
    """

    def __init__(self, batches: Any = None) -> None:
        super().__init__(raise_error=True)
        self.batches = batches
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Store the epoch for the message."""
        self._epoch = epoch

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Check the loss."""
        try:
            super().on_batch_end(batch, logs)
        except RuntimeError as error:
            loss = float((logs or {})["loss"])
            raise FloatingPointError(
                f"The loss became {loss} in epoch {self._epoch + 1}, batch "
                f"{batch + 1}{self._images(batch)}. Lower the learning rate, "
                "clip the gradients, or check these images and their labels. "
                "The last checkpoint is intact."
            ) from error

    def _images(self, batch: int) -> str:
        if not hasattr(self.batches, "sources"):
            return ""
        names = [str(source) for source in self.batches.sources(batch)]
        rest = len(names) - MAX_LISTED
        listed = ", ".join(names[:MAX_LISTED])
        return f" ({listed}{f' and {rest} more' if rest > 0 else ''})"


class BestWeights(keras.callbacks.Callback):
    """Saves the weights when a metric reaches its highest value.

    Unlike `keras.callbacks.ModelCheckpoint`, it knows the best value of a run
    that was interrupted, ignores epochs without the metric, saves the average
    of the weights if the optimizer keeps one, and does not save the optimizer.

    If either file is missing or damaged, the best value is that of the
    following epochs.

    Args:
        path: Path of a `.weights.h5` file. A `.json` file beside it holds the
            epoch and the value.
        monitor: String, name of the metric in the logs; higher is better.

    Example:
    ```python
    best = keras_efficient.training.BestWeights(
        "run/best.weights.h5", "val_accuracy"
    )
    model.fit(batches, validation_data=validation, callbacks=[best])
    best.load(model)
    ```
    """

    def __init__(self, path: PathLike, monitor: str) -> None:
        super().__init__()
        self.path = pathlib.Path(path)
        self.monitor = monitor

    @property
    def note(self) -> pathlib.Path:
        """Path of the file with the epoch and the value."""
        return self.path.with_name(f"{self.path.name.split('.')[0]}.json")

    @property
    def best(self) -> float:
        """Highest value so far; minus infinity if there is none."""
        note = read_json(self.note) or {}
        is_valid = isinstance(note.get(self.monitor), float)
        return note[self.monitor] if is_valid and self.is_saved else -math.inf

    @property
    def is_saved(self) -> bool:
        """Whether the weights file exists and is complete."""
        import h5py

        try:
            with h5py.File(self.path) as file:
                return len(file) > 0
        except OSError:
            return False

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Save the weights if the metric improved."""
        value = (logs or {}).get(self.monitor)
        if value is None or not float(value) > self.best:
            return
        with averaged_weights(self.model), _without_optimizer(self.model):
            save_weights(self.model, self.path)
        note = {"epoch": epoch + 1, self.monitor: float(value)}
        write_text(self.note, json.dumps(note))

    def load(self, model: keras.Model) -> None:
        """Load the best weights; the optimizer is left unchanged.

        Args:
            model: The `keras.Model` that was trained, or an equal one.
        """
        with _without_optimizer(model):
            model.load_weights(self.path)


def read_json(path: pathlib.Path) -> dict[str, Any] | None:
    """Return the dict in a JSON file; `None` if it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


@contextlib.contextmanager
def _without_optimizer(model: keras.Model) -> Iterator[None]:
    """Exclude the optimizer, two thirds of the size, from weights files."""
    optimizer = getattr(model, "optimizer", None)
    model.optimizer = None
    try:
        yield
    finally:
        model.optimizer = optimizer


class StopOnInterrupt(keras.callbacks.Callback):
    """Stops training after the current step on Ctrl-C, and saves the weights.

    Used as a context manager around `fit`, it replaces Python's handling of
    Ctrl-C: the current step ends, the weights are saved, and `fit` raises
    `KeyboardInterrupt`. A second Ctrl-C stops immediately. The interrupted
    epoch does not count, so that a resumed run repeats it. Pass it as the first
    callback. The attribute `is_saved` tells whether weights were saved.

    Args:
        path: Path of a `.weights.h5` file for the weights.

    Raises:
        KeyboardInterrupt: In `fit`, after Ctrl-C.

    Example:
    ```python
    with keras_efficient.training.StopOnInterrupt("last.weights.h5") as stop:
        model.fit(batches, callbacks=[stop])
    ```
    """

    def __init__(self, path: PathLike) -> None:
        super().__init__()
        self.path = pathlib.Path(path)
        self.is_requested = False
        self.is_saved = False
        self._previous: Any = None

    def __enter__(self) -> "StopOnInterrupt":
        self.is_requested = self.is_saved = False
        self._previous = None
        # Python handles signals in its main thread only.
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.is_requested = True
        self._restore()
        # `print` is not reentrant, and may be running at this moment.
        os.write(
            2, b"\nStopping after this step. Press Ctrl-C again to stop now.\n"
        )

    def _restore(self) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """End the epoch."""
        if self.is_requested:
            self.model.stop_training = True

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Stop before validation."""
        self._stop()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Stop before other callbacks record the epoch as complete."""
        self._stop()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Stop if Ctrl-C was pressed during the last validation."""
        self._stop()

    def _stop(self) -> None:
        if not self.is_requested:
            return
        save_weights(self.model, self.path)
        self.is_saved = True
        raise KeyboardInterrupt
