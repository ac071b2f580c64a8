"""LiteRT files (`.tflite`), formerly TensorFlow Lite."""

import dataclasses
import json
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_efficient.export.formats.export_format import ExportFormat
from keras_efficient.export.formats.export_format import ExportSettings
from keras_efficient.export.formats.export_format import Outputs
from keras_efficient.export.formats.export_format import SignatureFunction
from keras_efficient.export.formats.export_format import run_in_batches
from keras_efficient.export.formats.litert import files
from keras_efficient.export.formats.litert import mediapipe
from keras_efficient.export.formats.litert.quantization import quantize
from keras_efficient.export.graph.signatures import function_of_images
from keras_efficient.export.graph.signatures import numeric_signature
from keras_efficient.export.specs import DetectionSpec
from keras_efficient.export.specs import Spec

SIGNATURE = "images"
METADATA_KEY = b"keras_efficient"
# Names and order of the outputs.
LAYOUTS = ("named", "mediapipe")


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
        settings = super().prepare(spec, settings)
        settings = dataclasses.replace(
            settings,
            batch_size=settings.batch_size or 1,
            image_size=settings.image_size or spec.preprocessing.size,
        )
        if settings.layout not in LAYOUTS:
            raise ValueError(
                f"`layout` must be one of {LAYOUTS}. Received: "
                f"layout={settings.layout!r}"
            )
        if settings.layout == "mediapipe":
            _check_mediapipe(spec, settings)
        return settings

    def write(
        self,
        model: keras.Model,
        spec: Spec,
        path: pathlib.Path,
        settings: ExportSettings,
    ) -> None:
        """See `ExportFormat.write`."""
        size = settings.image_size or spec.preprocessing.size
        shape = (settings.batch_size or 1, *size, spec.channels)
        task_spec = None  # set if the file is for MediaPipe Tasks
        if settings.layout == "mediapipe" and isinstance(spec, DetectionSpec):
            task_spec = spec
            function = mediapipe.make_function(model, spec, size)
        else:
            signature = numeric_signature(model, spec, settings.network_only)
            function = signature.function
        is_float16 = settings.precision == "float16"
        path.write_bytes(_convert(model, function, shape, is_float16))
        if settings.precision == "int8":
            quantize(path, settings.calibration or ())
        # Last, because other tools do not keep the metadata.
        content = files.unpack(path.read_bytes())
        text = json.dumps(settings.metadata)
        files.add_metadata(content, METADATA_KEY, text.encode())
        if task_spec is not None:
            packed = mediapipe.add_task_metadata(content, task_spec, model.name)
        else:
            packed = files.pack(content)
        path.write_bytes(packed)

    def read_metadata(self, path: pathlib.Path) -> dict[str, Any]:
        """See `ExportFormat.read_metadata`."""
        content = files.unpack(path.read_bytes())
        return json.loads(files.find_metadata(content, METADATA_KEY))

    def read(self, path: pathlib.Path) -> dict[str, SignatureFunction]:
        """See `ExportFormat.read`."""
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path), num_threads=os.cpu_count())
        runner = interpreter.get_signature_runner(SIGNATURE)
        (details,) = runner.get_input_details().values()
        batch_size, height, width, _ = (int(x) for x in details["shape"])

        # The default keeps the interpreter, which owns the runner's memory.
        def run_batch(images: np.ndarray, owner: Any = interpreter) -> Outputs:
            outputs = runner(images=images)
            outputs = {name: x.copy() for name, x in outputs.items()}
            if set(outputs) == set(mediapipe.OUTPUTS):
                return mediapipe.to_rows(outputs, (height, width))
            return outputs

        return {
            "images": lambda images: run_in_batches(
                run_batch, images, batch_size
            )
        }


def _check_mediapipe(spec: Spec, settings: ExportSettings) -> None:
    """Raise an error for settings that MediaPipe does not support."""
    if not isinstance(spec, DetectionSpec):
        raise ValueError(
            'layout="mediapipe" is for detectors only: the image classifier '
            "of MediaPipe does not accept files that contain preprocessing. "
            "Received: a classifier"
        )
    if settings.batch_size != 1:
        raise ValueError(
            "MediaPipe processes one image at a time. Received: "
            f"batch_size={settings.batch_size}"
        )
    is_resized = settings.image_size != spec.preprocessing.size
    if spec.preprocessing.antialias and is_resized:
        raise ValueError(
            "MediaPipe does not accept files with loops, which scaling with "
            "`antialias=True` needs. Pass `preprocessing=DetectionPreprocessing"
            "(size, antialias=False)`, or omit `image_size`. Received: "
            f"image_size={settings.image_size}, "
            f"preprocessing={spec.preprocessing}"
        )


def _convert(
    model: keras.Model,
    function: Callable[[Any], Any],
    shape: tuple[int, ...],
    is_float16: bool,
) -> bytes:
    """Convert a function of images to the content of a file.

    Args:
        model: The `keras.Model` that the function calls.
        function: Function from a uint8 tensor to a dictionary of tensors.
        shape: Shape of the input, `(batch, height, width, channels)`.
        is_float16: Boolean, whether weights are stored as float16.

    Returns:
        The content of the file.
    """
    import tensorflow as tf

    module = tf.Module()
    # `tf.Module` does not find the weights inside Keras layers.
    module.weights = [variable.value for variable in model.variables]
    module.images = function_of_images(function, shape)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, {SIGNATURE: module.images})
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[SIGNATURE]
        )
        if is_float16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
