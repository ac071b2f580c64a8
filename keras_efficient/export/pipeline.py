"""How an export is made, whatever the format."""

import dataclasses
import importlib
import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_efficient.atomic_writes import atomic_file
from keras_efficient.atomic_writes import atomic_folder
from keras_efficient.data.images import standardize_size
from keras_efficient.evaluation import evaluate_detection
from keras_efficient.export.classification_spec import ClassificationSpec
from keras_efficient.export.classification_spec import fill_inputs
from keras_efficient.export.exported_model import load
from keras_efficient.export.formats.precision import calibration_images
from keras_efficient.export.formats.precision import check_precision
from keras_efficient.export.formats.precision import save_images
from keras_efficient.export.formats.table import FOLDERS
from keras_efficient.export.formats.table import milliseconds
from keras_efficient.export.formats.table import require_packages
from keras_efficient.export.formats.table import write_and_try
from keras_efficient.export.specs import describe
from keras_efficient.export.tf_subprocess import export_in_child
from keras_efficient.export.verification.check import make_check
from keras_efficient.models.detection_model import DetectionModel


@dataclasses.dataclass(frozen=True)
class Trial:
    """How the result is tried.

    Attributes:
        photos: Image files, or their bytes, to try it on.
        verify: Boolean, whether it is compared with the model at all.
        validation: A data set to measure both on, or `None`.
    """

    photos: Sequence[str | os.PathLike | bytes] = ()
    verify: bool = True
    validation: Any = None


def run_export(
    name,
    model,
    path,
    description,
    settings,
    trial,
    *,
    calibration=None,
    overwrite=False,
):
    """Writes a model in one format, and tries what was written.

    Args:
        name: String, the format.
        model: A `keras.Model`.
        path: The file or folder to write.
        description: Class names, preprocessing, whether there are logits, and
            the options of post-processing, as `specs.describe` takes them.
        settings: Dict of the format's settings.
        trial: A `Trial`.
        calibration: Images for int8, or `None`.
        overwrite: Boolean. Defaults to `False`.

    Returns:
        `path`, a `pathlib.Path`.

    Raises:
        ExportMismatchError: If the result says otherwise than the model.
    """
    check_precision(name, settings["precision"], calibration)
    require_packages(name, settings["precision"])
    spec = describe(model, *description)
    path = pathlib.Path(path)
    size = _checked_shapes(name, spec, settings)
    if settings.get("layout", "named") != "named":
        _check_layout(spec, settings["layout"], settings["batch_size"], size)
    settings = {
        **settings,
        "image_size": size,
        "metadata": _metadata(model, spec, settings["precision"], size),
        "served_name": path.absolute().parent.name,
    }
    new = atomic_folder if name in FOLDERS else atomic_file
    with new(path, overwrite) as unfinished, _Workspace() as workspace:
        if calibration is not None:
            file = workspace / "calibration.npz"
            images = calibration_images(calibration, spec.preprocessing, size)
            save_images(file, images)
            settings["calibration"] = str(file)
        _write(name, model, spec, unfinished, settings, trial)
        if trial.validation is not None:
            _measure(name, model, spec, unfinished, trial.validation)
    return path


def _write(name, model, spec, path, settings, trial):
    """Writes and compares one format, here or in a child process."""
    check = None
    if trial.verify:
        check = make_check(
            model,
            spec,
            trial.photos,
            settings["image_size"],
            settings["precision"],
            has_float64=name != "openvino",
        )
    plain_model = _without_training(model)
    is_here = keras.backend.backend() == "tensorflow"
    write = write_and_try if is_here else export_in_child
    report = write(name, plain_model, spec, path, settings, check)
    if check is not None:
        own = _own_milliseconds(model, spec, check)
        print(
            f"{name} in {settings['precision']}, {_megabytes(path):.1f} MB: "
            f"repeats the model to {report['difference']:.1e}; "
            f"{report['milliseconds']:.0f} ms an image in its own runtime, "
            f"with all steps; the network alone takes {own:.0f} ms in Keras "
            f"on {keras.backend.backend()}"
        )


def _measure(name, model, spec, path, dataset):
    """Prints the accuracy of model and export on a data set."""
    exported = load(path)
    if isinstance(model, DetectionModel):
        options = {"preprocessing": spec.preprocessing, **spec.options}
        results = [
            evaluate_detection(model, dataset, **options),
            evaluate_detection(exported, dataset, score_threshold=0.0),
        ]
        numbers = [
            "mAP {mAP:.3f}, mAP50 {mAP50:.3f}".format(**result.metrics)
            for result in results
        ]
    else:
        labels = np.array([record.label for record in dataset.records])
        images = [record.image for record in dataset.records]
        found = exported.predict(images).argmax(-1)
        batches = dataset.batches(
            spec.image_size, preprocessing=spec.preprocessing
        )
        own = model.predict(batches, verbose=0).argmax(-1)
        numbers = [f"accuracy {(x == labels).mean():.3f}" for x in (own, found)]
    print(
        f"On {len(dataset.records)} images: {numbers[0]} in Keras; "
        f"{numbers[1]} as {name}"
    )


def _checked_shapes(name, spec, settings):
    """The fixed size of the images, `None` for any."""
    batch_size = settings.get("batch_size")
    if batch_size is not None and batch_size < 1:
        raise ValueError(
            f"`batch_size` must be at least 1. Received: {batch_size}"
        )
    size = settings.get("image_size")
    if size is None and name == "litert":
        size = spec.preprocessing.size
    return None if size is None else standardize_size(size)


def _check_layout(spec, layout, batch_size, size):
    """Raises an error where LiteRT's file cannot be laid out so."""
    if layout != "mediapipe":
        raise ValueError(
            "`layout` must be one of ('named', 'mediapipe'). Received: "
            f"layout={layout!r}"
        )
    if isinstance(spec, ClassificationSpec):
        raise ValueError(
            "MediaPipe's layout is one of detectors; its image classifier "
            "takes none with preprocessing inside. Received: a classifier"
        )
    if batch_size != 1:
        raise ValueError(
            "MediaPipe gives one image at a time. Received: "
            f"batch_size={batch_size}"
        )
    if spec.preprocessing.antialias and size != spec.preprocessing.size:
        raise ValueError(
            "MediaPipe takes no file with loops, and scaling with "
            "`antialias=True` is one. Export with "
            "`DetectionPreprocessing(antialias=False)`, or leave `image_size` "
            f"out. Received: image_size={size}, "
            f"preprocessing={spec.preprocessing}"
        )


def _metadata(model, spec, precision, image_size):
    """What is written beside the network."""
    package = importlib.import_module("keras_efficient")
    return {
        "format_version": 1,
        "keras_efficient_version": package.__version__,
        "keras_version": keras.__version__,
        "backend": keras.backend.backend(),
        "model": model.name,
        "precision": precision,
        "fixed_image_size": image_size,
        **spec.metadata(),
    }


class _Workspace(tempfile.TemporaryDirectory):
    """A temporary folder as a `pathlib.Path`."""

    def __enter__(self):
        return pathlib.Path(super().__enter__())


def _megabytes(path):
    files = [path] if path.is_file() else path.rglob("*")
    return sum(x.stat().st_size for x in files if x.is_file()) / 1e6


def _own_milliseconds(model, spec, check):
    """Time of the network alone for one image, on the model's backend."""
    pixels = check.samples.raw[:1]
    if spec.is_channels_first:
        pixels = pixels.transpose(0, 3, 1, 2)
    inputs = fill_inputs(model, pixels)
    return milliseconds(lambda: model.predict_on_batch(inputs))


def _without_training(model: keras.Model) -> keras.Model:
    """The same layers without optimiser, losses and training steps."""
    if isinstance(model, DetectionModel):
        return keras.Model(model.inputs[0], model.output, name=model.name)
    inputs = fill_inputs(model, model.inputs[0])
    plain_model = keras.Model(inputs, model.outputs[0], name=model.name)
    if type(model).call in (type(plain_model).call, keras.Sequential.call):
        return plain_model
    return model
