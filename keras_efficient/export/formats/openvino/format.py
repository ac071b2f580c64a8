"""OpenVINO models: a folder with `model.xml` and `model.bin`."""

import json
import pathlib
from typing import Any

import keras
import numpy as np

from keras_efficient.export.formats.export_format import ExportFormat
from keras_efficient.export.formats.export_format import ExportSettings
from keras_efficient.export.formats.export_format import Outputs
from keras_efficient.export.formats.export_format import SignatureFunction
from keras_efficient.export.formats.export_format import run_in_batches
from keras_efficient.export.formats.openvino.quantization import quantize
from keras_efficient.export.graph.signatures import function_of_images
from keras_efficient.export.graph.signatures import numeric_signature
from keras_efficient.export.specs import Spec

MODEL_FILE = "model.xml"
METADATA_FILE = "metadata.json"


class OpenVINO(ExportFormat):
    """OpenVINO models, for processors of Intel and others."""

    name = "openvino"
    precisions = ("float32", "float16", "int8")
    packages = ("tensorflow", "openvino")
    int8_packages = ("nncf",)
    is_folder = True
    has_float64 = False

    def recognizes(self, path: pathlib.Path) -> bool:
        """See `ExportFormat.recognizes`."""
        return (path / MODEL_FILE).exists()

    def write(
        self,
        model: keras.Model,
        spec: Spec,
        path: pathlib.Path,
        settings: ExportSettings,
    ) -> None:
        """See `ExportFormat.write`."""
        import openvino

        signature = numeric_signature(model, spec, settings.network_only)
        graph = function_of_images(signature.function, settings.images_shape)
        converted = openvino.convert_model(graph.get_concrete_function())
        converted.inputs[0].get_tensor().set_names({"images"})
        _use_unstable_top_k(converted)
        # The outputs of a dictionary are sorted by name.
        names = sorted(signature.output_names)
        for output, name in zip(converted.outputs, names, strict=True):
            output.get_tensor().set_names({name})
        if settings.precision == "int8":
            converted = quantize(converted, settings.calibration or ())
        openvino.save_model(
            converted,
            path / MODEL_FILE,
            compress_to_fp16=settings.precision == "float16",
        )
        text = json.dumps(settings.metadata, indent=2, ensure_ascii=False)
        (path / METADATA_FILE).write_text(text + "\n", encoding="utf-8")

    def read_metadata(self, path: pathlib.Path) -> dict[str, Any]:
        """See `ExportFormat.read_metadata`."""
        return json.loads((path / METADATA_FILE).read_text(encoding="utf-8"))

    def read(self, path: pathlib.Path) -> dict[str, SignatureFunction]:
        """See `ExportFormat.read`."""
        import openvino

        compiled = openvino.Core().compile_model(
            path / MODEL_FILE, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        shape = compiled.inputs[0].partial_shape
        batch_size = shape[0].get_length() if shape[0].is_static else None

        def run_batch(images: np.ndarray) -> Outputs:
            outputs = compiled([images])
            return {
                output.any_name: outputs[output].copy()
                for output in compiled.outputs
            }

        return {
            "images": lambda images: run_in_batches(
                run_batch, images, batch_size
            )
        }


def _use_unstable_top_k(model: Any) -> None:
    """Let TopK return equal values in any order.

    OpenVINO keeps their order with a bubble sort, which takes seconds for 5000
    of 450,000 values.
    """
    from openvino import opset14

    for node in model.get_ordered_ops():
        if node.get_type_name() != "TopK":
            continue
        attributes = node.get_attributes()
        faster = opset14.topk(
            node.input_value(0),
            node.input_value(1),
            attributes["axis"],
            attributes["mode"],
            attributes["sort"],
            attributes["index_element_type"],
            stable=False,
        )
        for old, new in zip(node.outputs(), faster.outputs(), strict=True):
            old.replace(new)
