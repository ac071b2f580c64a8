"""Logs of a training run: one CSV file for each phase."""

import csv
import math
import pathlib

import keras

from keras_efficient import visualization
from keras_efficient.atomic_writes import atomic_file
from keras_efficient.log import get_logger
from keras_efficient.types import PathLike

_LOGGER = get_logger(__name__)


class EpochLog(keras.callbacks.Callback):
    """Writes a CSV file with one row for each epoch.

    Unlike `keras.callbacks.CSVLogger`, it replaces the row of an epoch that a
    resumed run repeats.

    Args:
        path: `pathlib.Path` of the file.
    """

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.path = path
        try:
            self.columns = read_log(path) if path.exists() else {}
        except ValueError as error:
            _LOGGER.warning("Earlier epochs are not logged: %s", error)
            self.columns = {}

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the row of an epoch."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        values["epoch"] = float(epoch)
        for name in ("epoch", *values):
            self.columns.setdefault(name, [])
        # Some metrics are not measured in every epoch.
        for name, column in self.columns.items():
            del column[epoch:]
            column += [math.nan] * (epoch - len(column))
            column.append(values.get(name, math.nan))
        with (
            atomic_file(self.path) as path,
            open(path, "w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(self.columns)
            writer.writerows(zip(*self.columns.values(), strict=True))


class CurveWriter(keras.callbacks.Callback):
    """Draws the curves of a run after each epoch.

    Args:
        directory: `pathlib.Path` of the run.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__()
        self.directory = directory

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Draw the logs so far."""
        with atomic_file(self.directory / "curves.png") as path:
            visualization.plot_history(
                read_logs(self.directory), path, self.directory.name
            )


def read_logs(directory: PathLike) -> dict[str, dict[str, list[float]]]:
    """Read the logs of a training run.

    Args:
        directory: Path of the run.

    Returns:
        Dict from the phases in their order (`"head"`, `"all"`) to dicts from
        metrics to lists of floats, one for each epoch; NaN if not measured.

    Example:
    ```python
    logs = keras_efficient.training.read_logs("runs/cells")
    keras_efficient.visualization.plot_history(logs, "curves.png")
    ```
    """
    files = pathlib.Path(directory).glob("log_*.csv")
    # The head is trained first.
    order = sorted(files, key=lambda path: (path.stem != "log_head", path.stem))
    return {path.stem.removeprefix("log_"): read_log(path) for path in order}


def read_log(path: pathlib.Path) -> dict[str, list[float]]:
    """Read the log of one phase.

    Args:
        path: `pathlib.Path` of the CSV file.

    Returns:
        Dict from metrics to lists of floats, one for each epoch.

    Raises:
        ValueError: If the file is damaged.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            names, *rows = csv.reader(file)
        columns = zip(*([float(x) for x in row] for row in rows), strict=True)
        return dict(zip(names, map(list, columns), strict=True))
    except (ValueError, csv.Error) as error:
        raise ValueError(
            f"{path} is damaged ({error}). Delete it to continue without the "
            "log of earlier epochs."
        ) from error
