"""Parameters and multiply-adds of Keras models, exactly and without a run."""

from keras_efficient.counting.multiply_adds import count_multiply_adds
from keras_efficient.counting.parameters import count_parameters

__all__ = ["count_multiply_adds", "count_parameters"]
