"""ONNX files.

The only signature is `"images"`, without strings, which many runtimes do not
support.
"""

import json
import pathlib
import tempfile
from typing import Any

import keras
import numpy as np

from keras_efficient.export.formats.export_format import ExportFormat
from keras_efficient.export.formats.export_format import ExportSettings
from keras_efficient.export.formats.export_format import Outputs
from keras_efficient.export.formats.export_format import SignatureFunction
from keras_efficient.export.formats.export_format import run_in_batches
from keras_efficient.export.formats.onnx.float16 import to_float16
from keras_efficient.export.formats.onnx.quantization import quantize
from keras_efficient.export.graph.signatures import function_of_images
from keras_efficient.export.graph.signatures import numeric_signature
from keras_efficient.export.specs import Spec
from keras_efficient.internals import tensorflow_internals

OPSET = 17
METADATA_KEY = "keras_efficient"


class ONNX(ExportFormat):
    """ONNX files, for ONNX Runtime and others."""

    name = "onnx"
    precisions = ("float32", "float16", "int8")
    packages = ("tensorflow", "tf2onnx", "onnxruntime")

    def recognizes(self, path: pathlib.Path) -> bool:
        """See `ExportFormat.recognizes`."""
        return path.suffix == ".onnx" and path.is_file()

    def write(
        self,
        model: keras.Model,
        spec: Spec,
        path: pathlib.Path,
        settings: ExportSettings,
    ) -> None:
        """See `ExportFormat.write`."""
        import onnx

        signature = numeric_signature(model, spec, settings.network_only)
        graph = function_of_images(
            lambda images: list(signature.function(images).values()),
            settings.images_shape,
        )
        proto = _simplify(convert(graph.get_concrete_function()))
        old_names = [x.name for x in proto.graph.output]
        _rename(proto.graph, old_names, signature.output_names)
        entry = proto.metadata_props.add()
        entry.key, entry.value = METADATA_KEY, json.dumps(settings.metadata)
        onnx.checker.check_model(proto, full_check=True)
        onnx.save(proto, str(path))
        if settings.precision == "float16":
            to_float16(path)
        elif settings.precision == "int8":
            quantize(path, settings.calibration or ())

    def read_metadata(self, path: pathlib.Path) -> dict[str, Any]:
        """See `ExportFormat.read_metadata`."""
        import onnx

        proto = onnx.load(str(path))
        entries = {entry.key: entry.value for entry in proto.metadata_props}
        return json.loads(entries[METADATA_KEY])

    def read(self, path: pathlib.Path) -> dict[str, SignatureFunction]:
        """See `ExportFormat.read`."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        names = [x.name for x in session.get_outputs()]
        batch = session.get_inputs()[0].shape[0]
        batch_size = batch if isinstance(batch, int) else None

        def run_batch(images: np.ndarray) -> Outputs:
            outputs = session.run(None, {"images": images})
            return dict(zip(names, outputs, strict=True))

        return {
            "images": lambda images: run_in_batches(
                run_batch, images, batch_size
            )
        }


def convert(function: Any) -> Any:
    """Convert a TensorFlow function to ONNX.

    The optimizers of tf2onnx are skipped: they take minutes, and those of ONNX
    Runtime produce the same graph in a second.

    Args:
        function: A `tf.ConcreteFunction` of one tensor.

    Returns:
        An `onnx.ModelProto`.
    """
    proto, inputs = tensorflow_internals.convert_to_onnx(function, OPSET)
    (name,) = (x.split(":")[0] for x in inputs)
    _rename(proto.graph, inputs, [name])
    return proto


def _simplify(proto: Any) -> Any:
    """Fold constants and batch normalization, and remove transpositions."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    )
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = f"{folder}/model.onnx"
        onnxruntime.InferenceSession(
            proto.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
        )
        simplified = onnx.load(options.optimized_model_filepath)
    # ONNX Runtime adds the versions of all operator sets that it knows.
    (standard,) = (x for x in proto.opset_import if not x.domain)
    del simplified.opset_import[:]
    simplified.opset_import.append(standard)
    return simplified


def _rename(graph: Any, old: list[str], new: list[str]) -> None:
    """Rename inputs or outputs of a graph in place."""
    names = dict(zip(old, new, strict=True))
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for places in (node.input, node.output):
            for i, name in enumerate(places):
                places[i] = names.get(name, name)
