"""LiteRT files (`.tflite`), formerly TensorFlow Lite."""

import json
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import keras

from keras_efficient.export.formats.export_format import ExportFormat
from keras_efficient.export.formats.export_format import ExportSettings
from keras_efficient.export.formats.export_format import SignatureFunction
from keras_efficient.export.formats.litert import files
from keras_efficient.export.formats.litert import mediapipe
from keras_efficient.export.formats.litert import runner
from keras_efficient.export.formats.litert.quantization import quantize
from keras_efficient.export.formats.litert.quantization import (
    quantize_completely,
)
from keras_efficient.export.formats.litert.runner import SIGNATURE
from keras_efficient.export.formats.litert.settings import INTEGERS
from keras_efficient.export.formats.litert.settings import standardize
from keras_efficient.export.graph.signatures import NETWORK_OUTPUTS
from keras_efficient.export.graph.signatures import function_of_images
from keras_efficient.export.graph.signatures import network_signature
from keras_efficient.export.graph.signatures import numeric_signature
from keras_efficient.export.specs import DetectionSpec
from keras_efficient.export.specs import Spec

METADATA_KEY = b"keras_efficient"


class LiteRT(ExportFormat):
    """LiteRT files, for phones and microcontrollers."""

    name = "litert"
    precisions = ("float32", "float16", "int8")
    packages = ("tensorflow", "ai_edge_litert")
    int8_packages = ("ai_edge_quantizer",)

    def recognizes(self, path: pathlib.Path) -> bool:
        """See `ExportFormat.recognizes`."""
        return path.suffix == ".tflite" and path.is_file()

    def prepare(self, spec: Spec, settings: ExportSettings) -> ExportSettings:
        """See `ExportFormat.prepare`."""
        return standardize(spec, super().prepare(spec, settings))

    def write(
        self,
        model: keras.Model,
        spec: Spec,
        path: pathlib.Path,
        settings: ExportSettings,
    ) -> None:
        """See `ExportFormat.write`."""
        path.write_bytes(_convert(model, spec, settings))
        images = settings.calibration or ()
        if settings.io_dtype in INTEGERS:
            quantize_completely(path, images, settings.io_dtype)
        elif settings.precision == "int8":
            quantize(path, images)
        # Last, because other tools do not keep the metadata.
        content = files.unpack(path.read_bytes())
        text = json.dumps(settings.metadata)
        files.add_metadata(content, METADATA_KEY, text.encode())
        if settings.layout == "mediapipe":
            packed = mediapipe.add_task_metadata(content, spec, model.name)
        else:
            if settings.io_dtype and isinstance(spec, DetectionSpec):
                files.sort_outputs(content, NETWORK_OUTPUTS)
            packed = files.pack(content)
        path.write_bytes(packed)

    def read_metadata(self, path: pathlib.Path) -> dict[str, Any]:
        """See `ExportFormat.read_metadata`."""
        content = files.unpack(path.read_bytes())
        return json.loads(files.find_metadata(content, METADATA_KEY))

    def read(self, path: pathlib.Path) -> dict[str, SignatureFunction]:
        """See `ExportFormat.read`."""
        return runner.read(path)


def _make_function(
    model: keras.Model, spec: Spec, settings: ExportSettings
) -> Callable[[Any], Any]:
    """Return the function of images that a file contains."""
    size = settings.image_size or spec.preprocessing.size
    if settings.io_dtype is not None:
        return network_signature(model, spec).function
    if settings.layout == "mediapipe" and isinstance(spec, DetectionSpec):
        return mediapipe.make_function(model, spec, size)
    return numeric_signature(model, spec, settings.network_only).function


def _convert(model: keras.Model, spec: Spec, settings: ExportSettings) -> bytes:
    """Return the content of a file, before quantization."""
    import tensorflow as tf

    size = settings.image_size or spec.preprocessing.size
    shape = (settings.batch_size or 1, *size, spec.channels)
    module = tf.Module()
    # `tf.Module` does not find the weights inside Keras layers.
    module.weights = [variable.value for variable in model.variables]
    module.images = function_of_images(
        _make_function(model, spec, settings),
        shape,
        "uint8" if settings.io_dtype is None else "float32",
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, {SIGNATURE: module.images})
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[SIGNATURE]
        )
        if settings.precision == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
