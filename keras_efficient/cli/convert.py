"""`keras-efficient convert`."""

import enum
import pathlib
from typing import Annotated
from typing import Any

import typer

import keras_efficient
from keras_efficient.atomic_writes import atomic_file
from keras_efficient.cli.loading import build_for_file
from keras_efficient.cli.loading import builder_name
from keras_efficient.cli.options import BackendOption

SUFFIXES = (".keras", ".weights.h5")


class Padding(enum.StrEnum):
    """Padding of the convolutions."""

    SAME = "same"
    SYMMETRIC = "symmetric"


def convert(
    model: Annotated[
        str,
        typer.Argument(
            help="Name of the model, or auto for the published network that "
            "the weights are from."
        ),
    ],
    checkpoint: Annotated[
        pathlib.Path,
        typer.Argument(help="Checkpoint to read, in any supported format."),
    ],
    output: Annotated[
        pathlib.Path,
        typer.Argument(help="File to write, .keras or .weights.h5."),
    ],
    num_classes: Annotated[
        int | None,
        typer.Option(
            help="Number of classes (default: that of the checkpoint)."
        ),
    ] = None,
    image_size: Annotated[
        tuple[int, int] | None,
        typer.Option(
            help="Image size in pixels (default: the size of the model).",
            metavar="<height> <width>",
        ),
    ] = None,
    padding: Annotated[
        Padding | None,
        typer.Option(
            help="Padding of the convolutions (default: that of the library "
            "that the checkpoint is from)."
        ),
    ] = None,
    batch_norm_epsilon: Annotated[
        float | None,
        typer.Option(
            help="Epsilon of batch normalization (default: that of the library "
            "that the checkpoint is from)."
        ),
    ] = None,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="Load a checkpoint that does not fill all layers."
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
    backend: BackendOption = None,
) -> None:
    """Convert a checkpoint of another library to a file of Keras.

    keras-efficient convert EfficientDetD0 tf_efficientdet_d0.pth d0.keras
    """
    if not output.name.endswith(SUFFIXES):
        raise ValueError(
            f"`output` must end in {' or '.join(SUFFIXES)}. Received: {output}"
        )
    if not checkpoint.exists():
        raise FileNotFoundError(f"File not found: {checkpoint}")
    with atomic_file(output, overwrite) as path:
        network = _build(
            model,
            checkpoint,
            num_classes,
            image_size,
            padding,
            batch_norm_epsilon,
        )
        report = keras_efficient.converters.load_checkpoint(
            network, checkpoint, strict=not partial
        )
        print(report)
        _save(network, path)
    size = output.stat().st_size / 1e6
    print(f"Written: {output}, {size:.1f} MB")


def _build(model, checkpoint, num_classes, image_size, padding, epsilon):
    name = None if model == "auto" else builder_name(model)
    arguments: dict[str, Any] = {
        "padding": None if padding is None else padding.value,
        "batch_norm_epsilon": epsilon,
    }
    if image_size is not None:
        arguments["input_shape"] = (*image_size, 3)
    return build_for_file(name, checkpoint, num_classes, **arguments)


def _save(network, path):
    """Write the model, and compare the file with it."""
    import keras
    import numpy as np

    from keras_efficient.training.weights_files import save_weights

    if path.suffix == ".keras":
        network.save(path)
        again = keras.saving.load_model(path, compile=False)
    else:
        save_weights(network, path)
        again = keras.models.clone_model(network)
        again.load_weights(path)
    for old, new in zip(network.weights, again.weights, strict=True):
        if not np.array_equal(
            keras.ops.convert_to_numpy(old), keras.ops.convert_to_numpy(new)
        ):
            raise OSError(
                f"The variable {old.path} differs after reading {path.name}."
            )
