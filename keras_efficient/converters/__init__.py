"""Weights of other libraries, in whatever files they come."""

from keras_efficient.converters.file_formats import read_checkpoint
from keras_efficient.converters.loading import load_checkpoint
from keras_efficient.converters.report import LoadReport

__all__ = ["LoadReport", "load_checkpoint", "read_checkpoint"]
