"""`keras-efficient export`."""

import enum
import inspect
import pathlib
from typing import Annotated

import typer

import keras_efficient
from keras_efficient.cli.loading import class_names_of
from keras_efficient.cli.loading import load_model
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import ClassNamesOption
from keras_efficient.cli.options import WeightsOption
from keras_efficient.data.images import load_image
from keras_efficient.data.readers.files import is_image
from keras_efficient.export.formats.precision import check_precision
from keras_efficient.models.detector import Detector

# What `export.load` knows files of these formats by.
SUFFIXES = {"onnx": ".onnx", "litert": ".tflite"}
POST_PROCESSING = ("score_threshold", "max_detections", "nms")


class Format(enum.StrEnum):
    """What can be written."""

    SAVED_MODEL = "saved_model"
    ONNX = "onnx"
    LITERT = "litert"
    OPENVINO = "openvino"


class Precision(enum.StrEnum):
    """In how many digits it computes."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"


def export(
    model: Annotated[
        str,
        typer.Argument(help="A .keras file, a folder of `train`, or a name."),
    ],
    output: Annotated[
        pathlib.Path, typer.Argument(help="The file or folder to write.")
    ],
    format: Annotated[Format, typer.Option(help="What to write.")],
    weights: WeightsOption = None,
    class_names: ClassNamesOption = None,
    precision: Annotated[
        Precision, typer.Option(help="In what the network computes.")
    ] = Precision.FLOAT32,
    calibration: Annotated[
        pathlib.Path | None,
        typer.Option(help="For int8: a folder of images like those to come."),
    ] = None,
    validation: Annotated[
        pathlib.Path | None,
        typer.Option(help="A data set to measure model and export on."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="The split of --validation.")
    ] = None,
    photo: Annotated[
        list[pathlib.Path] | None,
        typer.Option(
            help="An image to compare on; may be given again.",
            metavar="<path>",
        ),
    ] = None,
    image_size: Annotated[
        tuple[int, int] | None,
        typer.Option(
            help="If the images' size is fixed.", metavar="<height> <width>"
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="If the number of images is fixed.")
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(help="Of litert's outputs: named, or mediapipe."),
    ] = None,
    score_threshold: Annotated[
        float | None, typer.Option(help="Of detections; 0.3 by default.")
    ] = None,
    max_detections: Annotated[
        int | None, typer.Option(help="Of one image; 100 by default.")
    ] = None,
    nms: Annotated[
        str | None, typer.Option(help="soft (the default) or hard.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what is there.")
    ] = False,
    backend: BackendOption = None,
):
    """Writes a model for serving, and compares what it wrote with it.

    keras-efficient export cells.keras served/cells/1 --format saved_model
    """
    write = getattr(keras_efficient.export, format.value)
    given = {
        "class_names": class_names,
        "calibration": calibration,
        "validation": validation,
        "image_size": image_size,
        "batch_size": batch_size,
        "layout": layout,
        "score_threshold": score_threshold,
        "max_detections": max_detections,
        "nms": nms,
    }
    given = {name: x for name, x in given.items() if x is not None}
    _check_options(write, format, given, split)
    check_precision(format.value, precision.value, calibration)
    _check_suffix(output, format)
    network = load_model(model, weights)
    _check_task(network, given)
    for file in photo or ():
        load_image(file)  # Its error has the file's name.
    names = class_names_of(network, model, class_names)
    # A detector's own are known to the export.
    if names is not None and names is not getattr(network, "class_names", None):
        given["class_names"] = names
    if calibration is not None:
        given["calibration"] = _images_in(calibration)
    if validation is not None:
        given["validation"] = _data_set(network, validation, split)
    written = write(
        network,
        output,
        precision=precision.value,
        photos=photo or (),
        overwrite=overwrite,
        **given,
    )
    print(f"Written: {written}")


def _check_options(write, format, given, split):
    """Raises an error where a format has no use for an option."""
    parameters = inspect.signature(write).parameters
    for name in given:
        if name not in parameters and name not in POST_PROCESSING:
            raise ValueError(f"{_option(name)} is not for {format.value}.")
    if split is not None and "validation" not in given:
        raise ValueError("--split goes with --validation.")


def _check_suffix(output, format):
    """Raises an error for a file that could not be loaded again."""
    suffix = SUFFIXES.get(format.value, output.suffix)
    if output.suffix != suffix:
        raise ValueError(
            f"{format.value} is written to a file whose name ends in {suffix}. "
            f"Received: {output}"
        )


def _check_task(network, given):
    """Raises an error where a classifier has no use for an option."""
    for name in POST_PROCESSING:
        if name in given and not isinstance(network, Detector):
            raise ValueError(
                f"{_option(name)} is for detectors, and the model is none."
            )


def _option(name):
    return f"--{name.replace('_', '-')}"


def _images_in(folder):
    """All image files below a folder."""
    files = [path for path in sorted(folder.rglob("*")) if is_image(path)]
    if not files:
        raise ValueError(f"--calibration: no images in a folder {folder}.")
    return files


def _data_set(model, path, split):
    """Images with labels, of the kind that the model needs."""
    data = keras_efficient.data
    if isinstance(model, Detector):
        return data.load_detection(path, split, class_names=model.class_names)
    return data.load_classification(path, split)
