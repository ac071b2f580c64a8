"""The run directory of `keras-efficient train`: before and after a run."""

import pathlib
from typing import TYPE_CHECKING

from keras_efficient.cli.train_config import CONFIG_FILE
from keras_efficient.cli.train_config import CompleteConfig
from keras_efficient.cli.train_config import differences
from keras_efficient.cli.train_config import read_config

if TYPE_CHECKING:
    from keras_efficient.training import RunDirectory


def interruption_message(run: "RunDirectory") -> str:
    """Return the message after Ctrl-C.

    Args:
        run: The run directory.

    Returns:
        A string.
    """
    resume = f"To resume: keras-efficient train --config {run.path}"
    resume = f"{resume}/{CONFIG_FILE}"
    if not run.last_weights.exists():
        return f"Interrupted. {run.path} contains complete epochs.\n{resume}"
    kept = "best" if run.best.path.exists() else "current"
    return (
        f"Interrupted. {run.path} contains the current weights "
        f"({run.last_weights.name}) and a model with the {kept} weights "
        f"({run.model_file.name}).\n{resume}"
    )


def prepare(
    run: "RunDirectory", settings: CompleteConfig, overwrite: bool
) -> bool:
    """Check the run directory, and return whether to train."""
    folder, config_file = run.path, run.path / CONFIG_FILE
    run.finish_removing()
    if overwrite and config_file.exists():
        run.remove()
        return True
    if not folder.exists() or all(map(_is_leftover, folder.iterdir())):
        return True
    if not config_file.exists():
        raise FileExistsError(
            f"{folder} is not empty and is not a run directory. Choose another "
            "--directory."
        )
    changed = differences(settings, read_config(config_file, {}))
    if changed:
        raise ValueError(
            f"{folder} contains a run with other settings: "
            f"{'; '.join(changed)}. Choose another --directory, or pass "
            "--overwrite to delete it."
        )
    if run.is_finished:
        print(
            f"The run in {folder} is finished. Pass --overwrite to repeat it, "
            f"or evaluate it with `keras-efficient evaluate {folder} "
            f"{settings.data}`."
        )
        return False
    print(f"Resuming the run in {folder}.")
    return True


def _is_leftover(path: pathlib.Path) -> bool:
    """Whether a process that was killed while writing has left a path."""
    return path.name.startswith(".") and path.suffix == ".tmp"
