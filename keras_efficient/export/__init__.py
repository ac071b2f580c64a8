"""Trained models as files that other programs serve."""

from keras_efficient.export.exporting import saved_model
from keras_efficient.export.verification import ExportMismatchError

__all__ = ["ExportMismatchError", "saved_model"]
