"""What a training shows while it runs."""

import keras

from keras_efficient.cli.progress import new_progress
from keras_efficient.training import read_logs
from keras_efficient.visualization import plot_history

# What a line says first, where it was measured.
FIRST = ("loss", "accuracy", "val_loss", "val_accuracy", "val_mAP", "val_mAP50")


class TrainingProgress(keras.callbacks.Callback):
    """A bar with the remaining time, and a line for each epoch.

    Args:
        steps: Batches of an epoch.
    """

    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self._progress = None

    def on_train_begin(self, logs=None):
        """Begins a bar at the first epoch, whose number is still unknown."""
        self.stop()

    def on_epoch_begin(self, epoch, logs=None):
        """Says which epoch begins."""
        epochs = self.params["epochs"]
        if self._progress is None:
            self._progress = new_progress()
            self._progress.start()
            # Of epochs that were done before nobody knows how long they took.
            self._task = self._progress.add_task(
                "", total=(epochs - epoch) * self.steps
            )
        self._progress.update(
            self._task, description=f"Epoch {epoch + 1} of {epochs}"
        )

    def on_train_batch_end(self, batch, logs=None):
        """Counts."""
        self._progress.advance(self._task)

    def on_epoch_end(self, epoch, logs=None):
        """Prints the numbers of the epoch."""
        logs = logs or {}
        numbers = "  ".join(
            f"{name} {float(logs[name]):.4f}" for name in FIRST if name in logs
        )
        epochs = self.params["epochs"]
        print(f"epoch {epoch + 1}/{epochs}  {numbers}", flush=True)

    def on_train_end(self, logs=None):
        """Takes the bar away."""
        self.stop()

    def stop(self):
        """Takes the bar away, also after an error."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class Curves(keras.callbacks.Callback):
    """Draws the curves of a run anew after each epoch.

    Args:
        directory: Folder of the run.
    """

    def __init__(self, directory):
        super().__init__()
        self.directory = directory

    def on_epoch_end(self, epoch, logs=None):
        """Draws what is logged."""
        draw_curves(self.directory)


def draw_curves(directory):
    """Draws the curves of a run, from its logs."""
    new = directory / "curves.new.png"
    plot_history(read_logs(directory), new, directory.name)
    new.replace(directory / "curves.png")
