"""The steps of an export, the same for every format.

`run_export` describes the model, computes the outputs that the export must
reproduce, lets the format write and read the export, compares, and renames the
finished file or folder.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_efficient.atomic_writes import atomic_file
from keras_efficient.atomic_writes import atomic_folder
from keras_efficient.export.exported_model import load
from keras_efficient.export.formats.export_format import ExportFormat
from keras_efficient.export.formats.export_format import ExportSettings
from keras_efficient.export.formats.fixed_size_images import calibration_images
from keras_efficient.export.formats.table import FORMATS
from keras_efficient.export.specs import ClassificationSpec
from keras_efficient.export.specs import Preprocessing
from keras_efficient.export.specs import Spec
from keras_efficient.export.specs import describe
from keras_efficient.export.specs import without_training
from keras_efficient.export.tf_subprocess import call_on_tensorflow
from keras_efficient.export.verification import expected_outputs
from keras_efficient.export.verification import report
from keras_efficient.export.writing import write_and_verify
from keras_efficient.types import PathLike
from keras_efficient.version import __version__

METADATA_VERSION = 1
MAX_COMPARED_IMAGES = 16


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """The arguments of the functions in `export.api`, whose docstrings apply.

    Attributes:
        class_names: Names of the classes, or `None`.
        preprocessing: Preprocessing of the images, or `None`.
        from_logits: Boolean, whether to apply a softmax or a sigmoid, or
            `None`.
        postprocessing: Keyword arguments of `postprocessing.postprocess`, or
            `exclusive` and `threshold` of a classifier.
        precision: String, the numeric precision.
        batch_size: Integer, a fixed number of images, or `None`.
        image_size: `(height, width)`, a fixed size of the images, or `None`.
        layout: String, the layout of the outputs.
        io_dtype: String, the dtype of input and outputs of the network alone,
            or `None` for an export with all steps.
        calibration: Images for int8, or `None`.
        photos: Image files on which the export is compared with the model.
        verify: Boolean, whether to compare them.
        validation: Data set on which to measure accuracies, or `None`.
        overwrite: Boolean, whether to replace an existing export.
    """

    class_names: Sequence[str] | None = None
    preprocessing: Preprocessing | None = None
    from_logits: bool | None = None
    postprocessing: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    precision: str = "float32"
    batch_size: int | None = None
    image_size: tuple[int, int] | None = None
    layout: str = "named"
    io_dtype: str | None = None
    calibration: Any = None
    photos: Sequence[PathLike | bytes] = ()
    verify: bool = True
    validation: Any = None
    overwrite: bool = False


def run_export(
    format_name: str,
    model: keras.Model,
    path: PathLike,
    options: ExportOptions,
) -> report.ExportReport:
    """Export a model and log how the export compares with the model.

    Args:
        format_name: String, a key of `formats.table.FORMATS`.
        model: A `keras.Model`.
        path: File or folder to write.
        options: `ExportOptions`.

    Returns:
        A `report.ExportReport`.

    Raises:
        ExportMismatchError: If the export does not reproduce the model.
    """
    path, precision = pathlib.Path(path), options.precision
    spec = describe(
        model,
        options.class_names,
        options.preprocessing,
        options.from_logits,
        options.postprocessing,
    )
    metadata = spec.metadata()
    export_format = FORMATS[format_name]
    export_format.check_precision(precision, options.calibration)
    export_format.require_packages(precision)
    settings = export_format.prepare(
        spec,
        ExportSettings(
            precision=precision,
            batch_size=options.batch_size,
            image_size=options.image_size,
            layout=options.layout,
            io_dtype=options.io_dtype,
            served_name=path.absolute().parent.name,
        ),
    )
    metadata |= {
        "format_version": METADATA_VERSION,
        "keras_efficient_version": __version__,
        "keras_version": keras.__version__,
        "backend": keras.backend.backend(),
        "model": model.name,
        "precision": precision,
        "fixed_image_size": settings.image_size,
        "io_dtype": settings.io_dtype,
    }
    file_spec = None
    if (
        isinstance(spec, ClassificationSpec)
        and settings.io_dtype is None
        and settings.image_size == spec.preprocessing.size
    ):
        # The file would crop a second time what its reader has cropped.
        file_spec = spec.of_prepared_images()
    metadata["is_prepared"] = file_spec is not None
    settings = dataclasses.replace(settings, metadata=metadata)
    writer = atomic_folder if export_format.is_folder else atomic_file
    with writer(path, options.overwrite) as unfinished:
        measured = _export(
            export_format, model, spec, file_spec, unfinished, settings, options
        )
    measured.log(f"{format_name} in {precision}")
    return dataclasses.replace(measured, path=path)


def _export(
    export_format: ExportFormat,
    model: keras.Model,
    spec: Spec,
    file_spec: Spec | None,
    path: pathlib.Path,
    settings: ExportSettings,
    options: ExportOptions,
) -> report.ExportReport:
    """Write, verify and measure an export at a temporary path."""
    if options.calibration is not None:
        images = calibration_images(
            options.calibration,
            spec.preprocessing,
            settings.image_size,
            spec.channels,
            is_network=settings.io_dtype is not None,
            is_prepared=file_spec is not None,
        )
        settings = dataclasses.replace(settings, calibration=images)
    expected = keras_milliseconds = None
    if options.verify:
        expected = expected_outputs.compute_expected_outputs(
            model,
            spec,
            options.photos,
            image_size=settings.image_size,
            precision=settings.precision,
            has_float64=export_format.has_float64,
            network_images=_network_images(settings),
            file_spec=file_spec,
        )
        keras_milliseconds = report.network_milliseconds(
            model, spec, expected.samples.raw[:1]
        )
    comparison, milliseconds = call_on_tensorflow(
        write_and_verify,
        without_training(model),
        export_format,
        file_spec or spec,
        path,
        settings,
        expected,
    )
    own_metrics = export_metrics = None
    if options.validation is not None:
        own_metrics, export_metrics = report.measure_accuracy(
            model, load(path), spec, options.validation
        )
    return report.ExportReport(
        path=path,
        megabytes=report.megabytes(path),
        difference=comparison.difference,
        answer_difference=comparison.answer_difference,
        agreement=comparison.agreement,
        milliseconds=milliseconds,
        keras_milliseconds=keras_milliseconds,
        model_metrics=own_metrics,
        export_metrics=export_metrics,
    )


def _network_images(settings: ExportSettings) -> list[np.ndarray] | None:
    """Return images for the comparison of an int8 export of the network.

    Noise, with which other exports are compared, exceeds the ranges measured
    on the calibration images.
    """
    if settings.io_dtype is None or settings.calibration is None:
        return None
    return list(settings.calibration[:MAX_COMPARED_IMAGES])
