"""Callbacks that keep weights: the best ones, and those of a broken run."""

import contextlib
import json
import math
import os
import pathlib
import signal
import threading

import keras

from keras_efficient.atomic_writes import write_text
from keras_efficient.evaluation import averaged_weights


class BestWeights(keras.callbacks.Callback):
    """Saves the weights whenever a measure is better than ever before.

    Of a training with an average of the weights it saves that, which is what
    was measured. Other than `keras.callbacks.ModelCheckpoint` it knows after a
    break what was best before, and epochs that were not measured do not
    count. The optimizer is not kept: load the file with `load`, or into a model
    that is not compiled.

    Args:
        path: Path of a `.weights.h5` file. Beside it a `.json` says the epoch
            and the value.
        monitor: Name of the measure in the logs, the higher the better.

    Returns:
        A `keras.callbacks.Callback`.

    Example:
    ```python
    best = keras_efficient.training.BestWeights(
        "run/best.weights.h5", "val_accuracy"
    )
    model.fit(batches, validation_data=validation, callbacks=[best])
    ```
    """

    def __init__(self, path, monitor):
        super().__init__()
        self.path = pathlib.Path(path)
        self.monitor = monitor

    @property
    def note(self):
        """Path of the file that says what is in the other."""
        return self.path.with_name(f"{self.path.name.split('.')[0]}.json")

    @property
    def best(self):
        """The highest value so far; minus infinity without one."""
        if not (self.note.exists() and self.path.exists()):
            return -math.inf
        return json.loads(self.note.read_text())[self.monitor]

    def on_epoch_end(self, epoch, logs=None):
        """Saves, if it was measured and is better."""
        value = (logs or {}).get(self.monitor)
        if value is None or not float(value) > self.best:
            return
        new = self.path.with_name(f"new.{self.path.name}")
        with averaged_weights(self.model), _no_optimizer(self.model):
            self.model.save_weights(new)
        new.replace(self.path)
        note = {"epoch": epoch + 1, self.monitor: float(value)}
        write_text(self.note, json.dumps(note))

    def load(self, model):
        """Fills a model with the best weights, and leaves its optimizer.

        Args:
            model: The `keras.Model`.
        """
        with _no_optimizer(model):
            model.load_weights(self.path)


@contextlib.contextmanager
def _no_optimizer(model):
    """Weights files have those of the model alone, a third of the size."""
    optimizer = getattr(model, "optimizer", None)
    model.optimizer = None
    try:
        yield
    finally:
        model.optimizer = optimizer


class StopOnInterrupt(keras.callbacks.Callback):
    """Lets Ctrl-C end a training between two steps, with its weights saved.

    As a context manager around `fit` it takes the place of Python's own
    answer to Ctrl-C: the step under way ends, the weights are saved, and
    `fit` raises `KeyboardInterrupt`. A second Ctrl-C ends at once. The epoch
    does not count as done, so that a run that goes on repeats it. Among the
    callbacks it must stand first. `is_saved` says whether there are weights.

    Args:
        path: Path of a `.weights.h5` file for the weights at that moment.

    Returns:
        A `keras.callbacks.Callback`.

    Raises:
        KeyboardInterrupt: In `fit`, after Ctrl-C.

    Example:
    ```python
    with keras_efficient.training.StopOnInterrupt("last.weights.h5") as stop:
        model.fit(batches, callbacks=[stop])
    ```
    """

    def __init__(self, path):
        super().__init__()
        self.path = pathlib.Path(path)
        self.is_asked = False
        self.is_saved = False

    def __enter__(self):
        self.is_asked = self.is_saved = False
        self._before = None
        # Python hears of signals in its main thread only.
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, *error):
        self._give_back()

    def _hear(self, number, frame):
        self.is_asked = True
        self._give_back()
        # `print` may be at work at this very moment, and cannot be twice.
        os.write(2, b"\nEnding after this step; Ctrl-C again ends at once.\n")

    def _give_back(self):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def on_train_batch_end(self, batch, logs=None):
        """Ends the epoch."""
        if self.is_asked:
            self.model.stop_training = True

    def on_test_begin(self, logs=None):
        """Stops ahead of a validation."""
        self._stop()

    def on_epoch_end(self, epoch, logs=None):
        """Stops ahead of what keeps this epoch as done."""
        self._stop()

    def on_train_end(self, logs=None):
        """Stops after the last epoch, while which was measured."""
        self._stop()

    def _stop(self):
        if not self.is_asked:
            return
        new = self.path.with_name(f"new.{self.path.name}")
        self.model.save_weights(new)
        new.replace(self.path)
        self.is_saved = True
        raise KeyboardInterrupt
