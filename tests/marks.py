"""Marks of tests that take much longer on one backend than on another."""

import keras
import pytest


def _unmarked(test):
    return test


BACKEND = keras.backend.backend()
# Starting another process with TensorFlow takes seconds.
slow_elsewhere = pytest.mark.slow if BACKEND != "tensorflow" else _unmarked
# A step of training is compiled, for up to a minute.
slow_to_compile = pytest.mark.slow if BACKEND != "torch" else _unmarked
