"""Writing and verification of an export, on the TensorFlow backend."""

import dataclasses
import pathlib
import tempfile

import keras

from keras_efficient.export.exported_model import ExportedModel
from keras_efficient.export.formats.export_format import ExportFormat
from keras_efficient.export.formats.export_format import ExportSettings
from keras_efficient.export.specs import Spec
from keras_efficient.export.verification.answers import Comparison
from keras_efficient.export.verification.answers import compare_answers
from keras_efficient.export.verification.comparison import verify
from keras_efficient.export.verification.expected_outputs import ExpectedOutputs
from keras_efficient.export.verification.report import median_milliseconds
from keras_efficient.fusing import fuse


def write_and_verify(
    model: keras.Model,
    export_format: ExportFormat,
    spec: Spec,
    path: pathlib.Path,
    settings: ExportSettings,
    expected: ExpectedOutputs | None,
) -> tuple[Comparison, float | None]:
    """Write an export and run it, on the TensorFlow backend.

    Args:
        model: A `keras.Model`.
        export_format: The `ExportFormat`.
        spec: The description of the model.
        path: File or empty folder to write.
        settings: `ExportSettings`.
        expected: The outputs to compare with, or `None` to skip verification.

    Returns:
        A tuple of the `Comparison` with the model, and the time for one image
        in the format's runtime in milliseconds, `None` without verification.

    Raises:
        ExportMismatchError: If the difference is too large.
    """
    # The converters do not fold the batch normalization of a head, whose
    # convolution several levels share.
    model = fuse(model)
    export_format.write(model, spec, path, settings)
    if expected is None:
        return Comparison(), None
    signatures = export_format.read(path)
    difference = verify(signatures, expected)
    exported = ExportedModel(
        export_format.name, dict(settings.metadata), signatures
    )
    answers = compare_answers(exported, expected)
    milliseconds = median_milliseconds(
        lambda: (
            signatures["images"](expected.samples.images[:1])
            if "images" in signatures
            else signatures["raw"](expected.samples.raw[:1])
        )
    )
    if "network" in expected.outputs and "raw" not in signatures:
        # No detections to compare, so compare the outputs of the network.
        settings = dataclasses.replace(
            settings, layout="named", network_only=True
        )
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            path = path if export_format.is_folder else path / "network"
            export_format.write(model, spec, path, settings)
            network = {"network": export_format.read(path)["images"]}
            difference = max(difference, verify(network, expected))
    return dataclasses.replace(answers, difference=difference), milliseconds
