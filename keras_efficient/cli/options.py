"""Options that several commands share, and the exit statuses."""

import enum
import pathlib
from typing import Annotated
from typing import Any

import typer

# Exit statuses. 1: an export differs from its model, a training failed, or
# some images could not be read.
FAILURE = 1
# 2: invalid files or options, including those that typer reports.
USAGE_ERROR = 2
# 130: the user pressed Ctrl-C.
INTERRUPTED = 130


class Backend(enum.StrEnum):
    """Backend of Keras."""

    TENSORFLOW = "tensorflow"
    JAX = "jax"
    TORCH = "torch"


class Nms(enum.StrEnum):
    """Method of non-maximum suppression."""

    SOFT = "soft"
    HARD = "hard"


class Dtype(enum.StrEnum):
    """Data type in which a network computes."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"

    @property
    def argument(self) -> str | None:
        """Return the argument `dtype` of `inference`, `None` for float32."""
        return None if self is Dtype.FLOAT32 else self.value


def passed_options(**options: Any) -> dict[str, Any]:
    """Return the options that were passed on the command line.

    Args:
        **options: Values of options, `None` for those that were not passed.

    Returns:
        A dict without the options that are `None`.
    """
    return {name: x for name, x in options.items() if x is not None}


def _check_backend(requested: Backend | None) -> Backend | None:
    """Raise an error if Keras already runs on another backend."""
    if requested is None:
        return None
    import keras

    if requested != keras.backend.backend():
        raise ValueError(
            f"`backend`: Keras already runs on {keras.backend.backend()}. Set "
            f"the environment variable KERAS_BACKEND={requested} instead."
        )
    return requested


BackendOption = Annotated[
    Backend | None,
    typer.Option(
        "--backend",
        help="Backend of Keras (default: the one that Keras is configured "
        "for).",
        callback=_check_backend,
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        help="Name of a model, a .keras file, or a run directory of `train`."
    ),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        help="Name of a model, a .keras file, or a run directory of `train`."
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        help="Probability from which on a class is predicted, for classifiers "
        "whose classes do not exclude each other (default: the model's)."
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        help="Weights for a model given by its name: a published set (`list` "
        "shows them), a checkpoint file, or none (default: the published "
        "set)."
    ),
]
ClassNamesOption = Annotated[
    pathlib.Path | None,
    typer.Option(
        help="Text file with one class name on each line (default: the names "
        "stored with the model, or class_names.txt beside it)."
    ),
]
TaskOption = Annotated[
    str | None,
    typer.Option(
        help="Task: classification or detection (default: recognized from the "
        "data)."
    ),
]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        help="Layout of images with boxes, such as coco, voc or yolo (default: "
        "recognized)."
    ),
]
ImagesOption = Annotated[
    str | None,
    typer.Option(
        help="Folder of the images, for annotation files that are stored "
        "elsewhere."
    ),
]
CrowdsOption = Annotated[
    str | None,
    typer.Option(
        help="Boxes that COCO marks as crowds: ignore, or objects to use them "
        "as single objects (default ignore)."
    ),
]
BoxFrameOption = Annotated[
    str | None,
    typer.Option(
        help="Frame of the boxes of images with EXIF rotation: auto, upright "
        "or stored (default auto)."
    ),
]
StatedSizeOption = Annotated[
    str | None,
    typer.Option(
        help="Boxes of images whose size differs from the stated one: auto, "
        "scale or ignore to use the boxes unchanged (default auto)."
    ),
]
StrictOption = Annotated[
    bool | None,
    typer.Option(
        "--strict",
        help="Stop if an annotation would be repaired or dropped.",
    ),
]
DtypeOption = Annotated[
    Dtype, typer.Option(help="Data type in which the network computes.")
]
OverwriteFolderOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Write into a folder that is not empty."),
]
