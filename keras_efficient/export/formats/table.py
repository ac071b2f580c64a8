"""The table of export formats."""

from keras_efficient.export.formats.export_format import ExportFormat
from keras_efficient.export.formats.litert.format import LiteRT
from keras_efficient.export.formats.onnx.format import ONNX
from keras_efficient.export.formats.openvino.format import OpenVINO
from keras_efficient.export.formats.saved_model.format import SavedModel

# One row for each format, by its name.
FORMATS: dict[str, ExportFormat] = {
    "saved_model": SavedModel(),
    "onnx": ONNX(),
    "litert": LiteRT(),
    "openvino": OpenVINO(),
}
