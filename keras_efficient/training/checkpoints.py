"""Checkpoints from which training resumes as if it had not been interrupted."""

import json
import pathlib

import keras
import numpy as np

from keras_efficient.atomic_writes import write_text
from keras_efficient.types import PathLike


class EpochCheckpoints(keras.callbacks.Callback):
    """Saves after every epoch what a training run needs to resume.

    It saves the weights, the state of the optimizer and, unlike
    `keras.callbacks.BackupAndRestore`, the states of all random number
    generators, so that dropout continues where it stopped. A checkpoint is
    valid only when it is complete: the process may be killed at any moment.

    On PyTorch the dropout of Keras uses the global random number generator,
    which is seeded at the beginning of each epoch with `seed` plus the epoch.

    Args:
        directory: Path of the folder, created if it does not exist.
        seed: Integer, seed of the global random number generators. Defaults
            to 0.

    Example:
    ```python
    checkpoints = keras_efficient.training.EpochCheckpoints("run")
    model.compile(...)
    epoch = checkpoints.restore(model)
    model.fit(..., initial_epoch=epoch, callbacks=[checkpoints])
    ```
    """

    def __init__(self, directory: PathLike, seed: int = 0) -> None:
        super().__init__()
        self.directory = pathlib.Path(directory)
        self.seed = seed

    def restore(self, model: keras.Model) -> int:
        """Load the last complete checkpoint into a compiled model.

        Args:
            model: A `keras.Model`, compiled as when the checkpoint was written.

        Returns:
            The number of completed epochs; 0 without a checkpoint.
        """
        states = sorted(self.directory.glob("epoch_*.json"))
        if not states:
            return 0
        # The variables of the optimizer must exist before loading.
        model.optimizer.build(model.trainable_variables)
        model.load_weights(self._weights_of(states[-1]))
        state = json.loads(states[-1].read_text())
        for variable, values in zip(
            _random_states(model), state["random_states"], strict=True
        ):
            variable.assign(np.array(values, dtype=variable.dtype))
        return state["epoch"]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Seed the global random number generators where Keras uses them."""
        # On TensorFlow a new seed would discard the compiled step.
        if keras.backend.backend() == "torch":
            keras.utils.set_random_seed(self.seed + epoch)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the checkpoint of an epoch, and remove the previous one."""
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
        # The state is written last: it completes the checkpoint.
        write_text(state_path, json.dumps(state))
        for path in sorted(old):
            if path.stem.split(".")[0] != state_path.stem:
                path.unlink()

    def _weights_of(self, state_path: pathlib.Path) -> pathlib.Path:
        return state_path.with_suffix(".weights.h5")


def _random_states(model: keras.Model) -> list[keras.Variable]:
    weights = {id(weight) for weight in model.weights}
    return [v for v in model.variables if id(v) not in weights]
