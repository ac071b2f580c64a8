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
# Code that does not depend on the backend is tested on the one whose models
# build fastest; on the others its tests are slow ones. Usable as `pytestmark`.
on_one_backend = (
    pytest.mark.slow
    if BACKEND != "torch"
    else pytest.mark.skipif(False, reason="runs on this backend")
)
