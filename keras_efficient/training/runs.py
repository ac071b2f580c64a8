"""A folder with the state of a training, from which it goes on."""

import json
import math
import pathlib

import keras

from keras_efficient.atomic_writes import write_text
from keras_efficient.training.callbacks import FollowEpochs
from keras_efficient.training.callbacks import TerminateOnNaN
from keras_efficient.training.callbacks import Throughput
from keras_efficient.training.checkpoints import EpochCheckpoints
from keras_efficient.training.keeping import StopOnInterrupt

SETTINGS_FILE = "settings.json"


def check_length(train):
    """Raises an error where batches do not say how many they are."""
    if not hasattr(train, "__len__"):
        raise ValueError(
            "`train` must have a length, its number of batches, for the "
            "schedule of the learning rate. Received: "
            f"{type(train).__name__}; see `batches` of "
            "`data.ClassificationDataset` and `data.DetectionDataset`."
        )


class Run:
    """A folder with the state of one fine-tuning."""

    def __init__(
        self,
        directory,
        model,
        train,
        validation,
        callbacks=(),
        verbose="auto",
        metrics=(),
    ):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.model = model
        self.train = train
        self.validation = validation
        self.callbacks = tuple(callbacks)
        self.verbose = verbose
        # Callbacks that add to the logs, ahead of who writes them.
        self.metrics = tuple(metrics)

    def check_settings(self, settings):
        """Raises an error if the folder's run had other settings."""
        path = self.directory / SETTINGS_FILE
        settings = json.loads(json.dumps(settings, default=str))
        if not path.exists():
            write_text(path, json.dumps(settings, indent=1))
        known = json.loads(path.read_text())
        changed = [
            name for name in settings if known.get(name) != settings[name]
        ]
        if changed:
            raise ValueError(
                f"{self.directory} holds a run with other settings: "
                + ", ".join(
                    f"{name} was {known.get(name)}, is {settings[name]}"
                    for name in changed
                )
                + ". Go on with the old ones, or take another directory."
            )

    def fit(self, step, epochs):
        """Trains one step, from where it broke off."""
        checkpoints = EpochCheckpoints(self.directory / f"{step}_checkpoints")
        start = checkpoints.restore(self.model)
        if start >= epochs:
            # As `fit` ends: with the average of the weights, if there is one.
            if start:
                self.model.optimizer.finalize_variable_values(
                    self.model.trainable_variables
                )
            return
        # What ends an epoch early must know ahead of what keeps it as done.
        first = [x for x in self.callbacks if isinstance(x, StopOnInterrupt)]
        callbacks = list(first)
        if hasattr(self.train, "epoch"):
            callbacks.append(FollowEpochs(self.train))
        if hasattr(self.train, "num_images"):
            callbacks.append(Throughput(self.train.num_images))
        callbacks += [
            TerminateOnNaN(self.train),
            *self.metrics,
            _EpochLog(self.directory / f"log_{step}.csv"),
            checkpoints,
            *(x for x in self.callbacks if x not in first),
        ]
        self.model.fit(
            self.train,
            validation_data=self.validation,
            initial_epoch=start,
            epochs=epochs,
            callbacks=callbacks,
            shuffle=False,  # Keras would shuffle the batches once more
            verbose=self.verbose,
        )

    def logs(self, step):
        """What was logged of a step, one list of floats for each metric."""
        path = self.directory / f"log_{step}.csv"
        return _read_log(path) if path.exists() else {}


class _EpochLog(keras.callbacks.Callback):
    """A CSV file with one row an epoch, also after a break.

    Keras' `CSVLogger` writes an epoch twice that is run again.
    """

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.rows = _read_log(path) if path.exists() else {}

    def on_epoch_end(self, epoch, logs=None):
        logs = {name: float(value) for name, value in (logs or {}).items()}
        self.rows.setdefault("epoch", [])
        for name in logs:
            self.rows.setdefault(name, [])
        # Some numbers are not there in every epoch.
        for name, column in self.rows.items():
            del column[epoch:]
            column += [math.nan] * (epoch - len(column))
            column.append({"epoch": float(epoch), **logs}.get(name, math.nan))
        length = len(self.rows["epoch"])
        lines = [",".join(self.rows)] + [
            ",".join(repr(column[i]) for column in self.rows.values())
            for i in range(length)
        ]
        write_text(self.path, "\n".join(lines) + "\n")


def read_logs(directory):
    """The logs of a folder of a training.

    Args:
        directory: Path of the folder.

    Returns:
        Dict of the steps, in their order, to dicts of lists of floats, one
        number an epoch; NaN is not measured.

    Example:
    ```python
    logs = keras_efficient.training.read_logs("runs/cells")
    keras_efficient.visualization.plot_history(logs, "curves.png")
    ```
    """
    files = pathlib.Path(directory).glob("log_*.csv")
    # The head learns first.
    order = sorted(files, key=lambda path: (path.stem != "log_head", path.stem))
    return {path.stem.removeprefix("log_"): _read_log(path) for path in order}


def _read_log(path):
    names, *rows = [line.split(",") for line in path.read_text().split()]
    return {
        name: [float(row[i]) for row in rows] for i, name in enumerate(names)
    }
