"""Options that several commands have."""

import enum
import pathlib
from typing import Annotated

import keras
import typer

from keras_efficient.backend_option import BACKENDS

# Exit statuses. What was written is not what it should be, a training has
# failed, or some images could not be read.
FAILURE = 1
# Wrong files and options end with this, as do those that typer finds.
USAGE_ERROR = 2
# A user pressed Ctrl-C.
INTERRUPTED = 130

Backend = enum.StrEnum("Backend", {name.upper(): name for name in BACKENDS})


class Nms(enum.StrEnum):
    """How boxes of one object become one."""

    SOFT = "soft"
    HARD = "hard"


class Computing(enum.StrEnum):
    """In what a network computes."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"

    @property
    def dtype(self):
        """The argument `dtype` of `inference`: `None` is the model's own."""
        return None if self is Computing.FLOAT32 else self.value


def _check_backend(asked):
    """Raises an error where Keras already runs on another."""
    if asked is not None and asked != keras.backend.backend():
        raise ValueError(
            f"`backend`: Keras already runs on {keras.backend.backend()}; set "
            f"the environment variable KERAS_BACKEND={asked}."
        )
    return asked


BackendOption = Annotated[
    Backend | None,
    typer.Option(
        "--backend",
        help="What Keras computes with; by default as Keras is set up.",
        callback=_check_backend,
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        help="With a name: published weights (`list` shows them), a "
        "checkpoint, or none. By default the published ones."
    ),
]
ClassNamesOption = Annotated[
    pathlib.Path | None,
    typer.Option(
        help="A text file, one class a line. By default the model's own, or "
        "class_names.txt beside it."
    ),
]
DtypeOption = Annotated[
    Computing, typer.Option(help="In what the network computes.")
]
