"""`keras-efficient convert`."""

import enum
import pathlib
from typing import Annotated

import keras
import numpy as np
import typer

import keras_efficient
from keras_efficient.atomic_writes import atomic_file
from keras_efficient.cli.loading import DETECTORS
from keras_efficient.cli.loading import builder_name
from keras_efficient.cli.options import BackendOption
from keras_efficient.variants import EFFICIENTNET_VARIANTS

SUFFIXES = (".keras", ".weights.h5")


class Padding(enum.StrEnum):
    """Where a network pads its images."""

    SAME = "same"
    SYMMETRIC = "symmetric"


def convert(
    model: Annotated[str, typer.Argument(help="The name of the model.")],
    checkpoint: Annotated[
        pathlib.Path,
        typer.Argument(help="What to read, of any format of README's table."),
    ],
    output: Annotated[
        pathlib.Path,
        typer.Argument(help="What to write: .keras or .weights.h5."),
    ],
    num_classes: Annotated[
        int | None,
        typer.Option(help="Of the model; by default 1000, or COCO's 90."),
    ] = None,
    image_size: Annotated[
        tuple[int, int] | None,
        typer.Option(
            help="By default the model's own.", metavar="<height> <width>"
        ),
    ] = None,
    padding: Annotated[
        Padding,
        typer.Option(help="symmetric for timm's own and torchvision's."),
    ] = Padding.SAME,
    batch_norm_epsilon: Annotated[
        float, typer.Option(help="With symmetric padding; B5 to B7: 1e-3.")
    ] = 1e-5,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Take what is there, and say what not."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what is there.")
    ] = False,
    backend: BackendOption = None,
):
    """Reads a checkpoint of any known library, and writes it for Keras.

    keras-efficient convert EfficientDetD0 tf_efficientdet_d0.pth d0.keras
    """
    if not output.name.endswith(SUFFIXES):
        raise ValueError(
            f"`output` must end in {' or '.join(SUFFIXES)}. Received: {output}"
        )
    if not checkpoint.exists():
        raise FileNotFoundError(f"There is no file {checkpoint}")
    with atomic_file(output, overwrite) as path:
        network = _build(
            model, num_classes, image_size, padding, batch_norm_epsilon
        )
        report = keras_efficient.converters.load_checkpoint(
            network, checkpoint, strict=not partial
        )
        print(report)
        _save(network, path)
    size = output.stat().st_size / 1e6
    print(f"Written: {output}, {size:.1f} MB")


def _build(model, num_classes, image_size, padding, epsilon):
    name = builder_name(model)
    arguments = {}
    if image_size is not None:
        arguments["input_shape"] = (*image_size, 3)
    if num_classes is not None:
        word = "num_classes" if name in DETECTORS else "classes"
        arguments[word] = num_classes
    if padding is Padding.SAME:
        if name in DETECTORS:
            arguments["backbone_weights"] = None
        return getattr(keras_efficient, name)(weights=None, **arguments)
    if name not in EFFICIENTNET_VARIANTS:
        raise ValueError(
            f"`padding` is for EfficientNetB0 to B7. Build {name} in Python, "
            "upon a backbone `EfficientNet(padding='symmetric')`, and call "
            "`converters.load_checkpoint`."
        )
    row = EFFICIENTNET_VARIANTS[name]
    return keras_efficient.EfficientNet(
        width_coefficient=row.width_coefficient,
        depth_coefficient=row.depth_coefficient,
        resolution=row.resolution,
        dropout_rate=row.dropout_rate,
        padding=padding.value,
        batch_norm_epsilon=epsilon,
        name=name.lower(),
        **arguments,
    )


def _save(network, path):
    """Writes the model, and compares what was written with it."""
    if path.suffix == ".keras":
        network.save(path)
        again = keras.saving.load_model(path, compile=False)
    else:
        network.save_weights(path)
        again = keras.models.clone_model(network)
        again.load_weights(path)
    for old, new in zip(network.weights, again.weights, strict=True):
        if not np.array_equal(
            keras.ops.convert_to_numpy(old), keras.ops.convert_to_numpy(new)
        ):
            raise OSError(f"{path.name} would not hold {old.path} as it is.")
