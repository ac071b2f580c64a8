"""Trained models as files that other programs serve."""

from keras_efficient.export.api import litert
from keras_efficient.export.api import onnx
from keras_efficient.export.api import openvino
from keras_efficient.export.api import saved_model
from keras_efficient.export.exported_model import ExportedModel
from keras_efficient.export.exported_model import load
from keras_efficient.export.verification.check import ExportMismatchError

__all__ = [
    "ExportMismatchError",
    "ExportedModel",
    "litert",
    "load",
    "onnx",
    "openvino",
    "saved_model",
]
