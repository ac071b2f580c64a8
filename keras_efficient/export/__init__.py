"""Trained models as files that other programs serve."""

from keras_efficient.export.exported import ExportedModel
from keras_efficient.export.exported import load
from keras_efficient.export.exporting import litert
from keras_efficient.export.exporting import onnx
from keras_efficient.export.exporting import openvino
from keras_efficient.export.exporting import saved_model
from keras_efficient.export.verification import ExportMismatchError

__all__ = [
    "ExportMismatchError",
    "ExportedModel",
    "litert",
    "load",
    "onnx",
    "openvino",
    "saved_model",
]
