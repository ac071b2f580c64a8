"""`keras-efficient export`."""

import enum
import inspect
import pathlib
from typing import Annotated
from typing import Any

import typer

import keras_efficient
from keras_efficient.cli.loading import class_names_of
from keras_efficient.cli.loading import is_detector
from keras_efficient.cli.loading import load_data_set
from keras_efficient.cli.loading import load_model
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import ClassNamesOption
from keras_efficient.cli.options import ModelArgument
from keras_efficient.cli.options import StrictOption
from keras_efficient.cli.options import ThresholdOption
from keras_efficient.cli.options import WeightsOption

# File name extensions by which `export.load` recognizes the format.
SUFFIXES = {"onnx": ".onnx", "litert": ".tflite"}
POST_PROCESSING = ("score_threshold", "max_detections", "nms")


class Format(enum.StrEnum):
    """Formats of exports."""

    SAVED_MODEL = "saved_model"
    ONNX = "onnx"
    LITERT = "litert"
    OPENVINO = "openvino"


class IODtype(enum.StrEnum):
    """Dtypes of input and outputs of exports of the network alone."""

    FLOAT32 = "float32"
    INT8 = "int8"
    UINT8 = "uint8"


class Precision(enum.StrEnum):
    """Precisions of exports."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"


def export(
    model: ModelArgument,
    output: Annotated[
        pathlib.Path, typer.Argument(help="File or folder to write.")
    ],
    format: Annotated[Format, typer.Option(help="Format of the export.")],
    weights: WeightsOption = None,
    class_names: ClassNamesOption = None,
    precision: Annotated[
        Precision, typer.Option(help="Precision of the network.")
    ] = Precision.FLOAT32,
    calibration: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Folder of typical images, required for int8 quantization."
        ),
    ] = None,
    validation: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Data set on which to evaluate the model and the export."
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split of --validation, such as val.")
    ] = None,
    strict: StrictOption = None,
    photo: Annotated[
        list[pathlib.Path] | None,
        typer.Option(
            help="Image for the comparison with the model. Can be repeated.",
            metavar="<path>",
        ),
    ] = None,
    image_size: Annotated[
        tuple[int, int] | None,
        typer.Option(
            help="Fixed size of the images in pixels.",
            metavar="<height> <width>",
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Fixed batch size.")
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            help="Layout of litert outputs: named (default) or mediapipe."
        ),
    ] = None,
    io_dtype: Annotated[
        IODtype | None,
        typer.Option(
            help="Write the network alone (litert), with input and outputs of "
            "this dtype. The integers require --precision int8."
        ),
    ] = None,
    score_threshold: Annotated[
        float | None,
        typer.Option(help="Lowest score of a detection (default 0.3)."),
    ] = None,
    max_detections: Annotated[
        int | None,
        typer.Option(
            help="Largest number of detections in one image (default 100)."
        ),
    ] = None,
    nms: Annotated[
        str | None,
        typer.Option(
            help="Method of non-maximum suppression: soft (default) or hard."
        ),
    ] = None,
    threshold: ThresholdOption = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace an existing file or folder."),
    ] = False,
    backend: BackendOption = None,
) -> None:
    """Export a model for serving, and compare the export with the model.

    keras-efficient export cells.keras served/cells/1 --format saved_model
    """
    from keras_efficient.data.images import load_image
    from keras_efficient.export.formats.table import FORMATS

    write = getattr(keras_efficient.export, format.value)
    given: dict[str, Any] = {
        "class_names": class_names,
        "calibration": calibration,
        "validation": validation,
        "image_size": image_size,
        "batch_size": batch_size,
        "layout": layout,
        "io_dtype": None if io_dtype is None else io_dtype.value,
        "score_threshold": score_threshold,
        "max_detections": max_detections,
        "nms": nms,
        "threshold": threshold,
    }
    given = {name: x for name, x in given.items() if x is not None}
    _check_options(write, format, given)
    for option, value in (("--split", split), ("--strict", strict)):
        if value is not None and validation is None:
            raise ValueError(f"{option} requires --validation.")
    FORMATS[format.value].check_precision(precision.value, calibration)
    _check_suffix(output, format)
    network = load_model(model, weights)
    _check_task(network, given)
    for file in photo or ():
        load_image(file)  # Its error has the file's name.
    names = class_names_of(network, model, class_names)
    # A detector's own are known to the export.
    if names is not None and names is not getattr(network, "class_names", None):
        given["class_names"] = names
        if is_detector(network):
            network.class_names = names
    if calibration is not None:
        given["calibration"] = _images_in(calibration)
    if validation is not None:
        given["validation"] = load_data_set(
            network, names, validation, split, bool(strict), {}
        )
    written = write(
        network,
        output,
        precision=precision.value,
        photos=photo or (),
        overwrite=overwrite,
        **given,
    )
    print(f"Written: {written}")


def _check_options(write, format, given):
    """Raise an error for an option that a format does not support."""
    parameters = inspect.signature(write).parameters
    for name in given:
        is_task_option = name in (*POST_PROCESSING, "threshold")
        if name not in parameters and not is_task_option:
            raise ValueError(
                f"{format.value} does not support {_option(name)}."
            )


def _check_suffix(output, format):
    """Raise an error for a file name that `export.load` would not accept."""
    suffix = SUFFIXES.get(format.value, output.suffix)
    if output.suffix != suffix:
        raise ValueError(
            f"The name of a {format.value} file must end in {suffix}. "
            f"Received: {output}"
        )


def _check_task(network, given):
    """Raise an error for an option of detectors with a classifier."""
    for name in POST_PROCESSING:
        if name in given and not is_detector(network):
            raise ValueError(
                f"{_option(name)} is an option for detectors only."
            )
    if "threshold" in given and is_detector(network):
        raise ValueError("--threshold is an option for classifiers only.")


def _option(name):
    return f"--{name.replace('_', '-')}"


def _images_in(folder):
    """Return all image files below a folder."""
    from keras_efficient.data.readers.files import is_image

    files = [path for path in sorted(folder.rglob("*")) if is_image(path)]
    if not files:
        raise ValueError(f"--calibration: no images found in {folder}.")
    return files
