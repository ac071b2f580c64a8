"""Checkpoints from which a training goes on as if there was no break."""

import json
import pathlib

import keras
import numpy as np

from keras_efficient.atomic_writes import write_text


class EpochCheckpoints(keras.callbacks.Callback):
    """Keeps what a training needs to go on, after every epoch.

    Weights, the optimizer's state and, other than
    `keras.callbacks.BackupAndRestore`, the states of all random numbers, so
    that dropout goes on where it stopped. A checkpoint counts only once it is
    whole: a process may be killed at any moment.

    On PyTorch Keras' dropout draws from the global random numbers: these are
    seeded anew at the beginning of each epoch, by `seed` and its number.

    Args:
        directory: Path of the folder; made if it is not there.
        seed: Integer, for the global random numbers. Defaults to 0.

    Returns:
        A `keras.callbacks.Callback`.

    Example:
    ```python
    checkpoints = keras_efficient.training.EpochCheckpoints("run")
    model.compile(...)
    epoch = checkpoints.restore(model)
    model.fit(..., initial_epoch=epoch, callbacks=[checkpoints])
    ```
    """

    def __init__(self, directory, seed=0):
        super().__init__()
        self.directory = pathlib.Path(directory)
        self.seed = seed

    def restore(self, model):
        """Fills a compiled model from the last whole checkpoint.

        Args:
            model: A `keras.Model`, compiled as when the checkpoint was made.

        Returns:
            The number of the epoch to go on with; 0 without a checkpoint.
        """
        states = sorted(self.directory.glob("epoch_*.json"))
        if not states:
            return 0
        # The optimizer's variables must be there to be filled.
        model.optimizer.build(model.trainable_variables)
        model.load_weights(self._weights_of(states[-1]))
        state = json.loads(states[-1].read_text())
        for variable, values in zip(
            _random_states(model), state["random_states"], strict=True
        ):
            variable.assign(np.array(values, dtype=variable.dtype))
        return state["epoch"]

    def on_epoch_begin(self, epoch, logs=None):
        """Seeds the global random numbers, where Keras draws from them."""
        # On TensorFlow a new seed throws the compiled training step away.
        if keras.backend.backend() == "torch":
            keras.utils.set_random_seed(self.seed + epoch)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the checkpoint of an epoch, and removes the one before."""
        self.directory.mkdir(parents=True, exist_ok=True)
        old = list(self.directory.glob("epoch_*"))
        state_path = self.directory / f"epoch_{epoch + 1:05d}.json"
        self.model.save_weights(self._weights_of(state_path))
        state = {
            "epoch": epoch + 1,
            "random_states": [
                keras.ops.convert_to_numpy(variable).tolist()
                for variable in _random_states(self.model)
            ],
        }
        # The state comes last: with it the checkpoint is whole.
        write_text(state_path, json.dumps(state))
        for path in sorted(old):
            if path.stem.split(".")[0] != state_path.stem:
                path.unlink()

    def _weights_of(self, state_path):
        return state_path.with_suffix(".weights.h5")


def _random_states(model):
    weights = {id(weight) for weight in model.weights}
    return [v for v in model.variables if id(v) not in weights]
