"""Checkpoints from which training resumes as if it had not been interrupted."""

import json
import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from keras_efficient.atomic_writes import remove_leftovers
from keras_efficient.atomic_writes import write_text
from keras_efficient.log import get_logger
from keras_efficient.training.callbacks import read_json
from keras_efficient.training.epoch_logs import read_log
from keras_efficient.training.weights_files import save_weights
from keras_efficient.types import PathLike

_LOGGER = get_logger(__name__)


class EpochCheckpoints(keras.callbacks.Callback):
    """Saves after every epoch what a training run needs to resume.

    It saves the weights, the state of the optimizer and, unlike
    `keras.callbacks.BackupAndRestore`, the states of all random number
    generators, so that dropout continues where it stopped. A checkpoint is
    valid only when it is complete: the process may be killed at any moment.
    The last two are kept. If the last one is damaged, training resumes from
    the one before it, with a warning.

    On PyTorch the dropout of Keras uses the global random number generator,
    which is seeded at the beginning of each epoch with `seed` plus the epoch.

    Args:
        directory: Path of the folder, created if it does not exist.
        seed: Integer, seed of the global random number generators. Defaults
            to 0.
        files: Sequence of paths of `.json` and `.csv` files that belong to
            the run, such as its log. Each checkpoint contains them; `restore`
            writes those that are missing or damaged. Defaults to none.

    Example:
    ```python
    checkpoints = keras_efficient.training.EpochCheckpoints("run")
    model.compile(...)
    epoch = checkpoints.restore(model)
    model.fit(..., initial_epoch=epoch, callbacks=[checkpoints])
    ```
    """

    def __init__(
        self,
        directory: PathLike,
        seed: int = 0,
        files: Sequence[PathLike] = (),
    ) -> None:
        super().__init__()
        self.directory = pathlib.Path(directory)
        self.seed = seed
        self.files = [pathlib.Path(path) for path in files]

    def restore(self, model: keras.Model) -> int:
        """Load the last complete checkpoint into a compiled model.

        Args:
            model: A `keras.Model`, compiled as when the checkpoint was written.

        Returns:
            The number of completed epochs; 0 without a checkpoint.

        Raises:
            ValueError: If there are checkpoints, but none can be loaded.
        """
        remove_leftovers(self.directory)
        states = sorted(self.directory.glob("epoch_*.json"), reverse=True)
        errors = []
        for path in states:
            try:
                epoch = self._load(model, path)
            except Exception as error:  # h5py and Keras raise many kinds.
                errors.append(f"{path}: {error}")
                continue
            if errors:
                _LOGGER.warning(
                    "Resuming after epoch %d, since a later checkpoint is "
                    "damaged: %s",
                    epoch,
                    "; ".join(errors),
                )
            return epoch
        if errors:
            raise ValueError(
                f"No checkpoint in {self.directory} can be loaded: "
                f"{'; '.join(errors)}. If the model is the same as before, "
                "the files are damaged: delete them to train from the start."
            )
        return 0

    def _load(self, model: keras.Model, state_path: pathlib.Path) -> int:
        """Load a checkpoint, and return the number of completed epochs."""
        state = json.loads(state_path.read_text())
        # The variables of the optimizer must exist before loading.
        model.optimizer.build(model.trainable_variables)
        model.load_weights(self._weights_of(state_path))
        for variable, values in zip(
            _random_states(model), state["random_states"], strict=True
        ):
            variable.assign(np.array(values, dtype=variable.dtype))
        contents = state.get("files", {})
        for path in self.files:
            if path.name in contents and not _is_intact(path):
                _LOGGER.warning(
                    "%s is missing or damaged, and was restored as of epoch "
                    "%d.",
                    path,
                    state["epoch"],
                )
                write_text(path, contents[path.name])
        return state["epoch"]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Seed the global random number generators where Keras uses them."""
        # On TensorFlow a new seed would discard the compiled step.
        if keras.backend.backend() == "torch":
            keras.utils.set_random_seed(self.seed + epoch)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the checkpoint of an epoch, and keep the previous one."""
        self.directory.mkdir(parents=True, exist_ok=True)
        state_path = self.directory / _file_name(epoch + 1)
        save_weights(self.model, self._weights_of(state_path))
        state = {
            "epoch": epoch + 1,
            "random_states": [
                keras.ops.convert_to_numpy(variable).tolist()
                for variable in _random_states(self.model)
            ],
            "files": {
                path.name: path.read_text(encoding="utf-8")
                for path in self.files
                if path.exists()
            },
        }
        # The state is written last: it completes the checkpoint.
        write_text(state_path, json.dumps(state))
        kept = {state_path.stem, pathlib.Path(_file_name(epoch)).stem}
        for path in sorted(self.directory.glob("epoch_*")):
            if path.name.split(".")[0] not in kept:
                path.unlink()

    def _weights_of(self, state_path: pathlib.Path) -> pathlib.Path:
        return state_path.with_suffix(".weights.h5")


def _is_intact(path: pathlib.Path) -> bool:
    if path.suffix == ".json":
        return read_json(path) is not None
    try:
        return bool(read_log(path))
    except (OSError, ValueError):
        return False


def _file_name(epoch: int) -> str:
    return f"epoch_{epoch:05d}.json"


def _random_states(model: keras.Model) -> list[keras.Variable]:
    weights = {id(weight) for weight in model.weights}
    return [v for v in model.variables if id(v) not in weights]
