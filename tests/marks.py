"""Marks for tests that are slow on some backends."""

import keras
import pytest


def _unmarked(test):
    return test


BACKEND = keras.backend.backend()
# For tests that start another process with TensorFlow, which takes seconds.
slow_elsewhere = pytest.mark.slow if BACKEND != "tensorflow" else _unmarked
# For tests that compile a training step, which takes up to a minute.
slow_to_compile = pytest.mark.slow if BACKEND != "torch" else _unmarked
# For tests of code that does not depend on the backend: they run on PyTorch,
# which builds models fastest, and are marked as slow on the other backends.
# Also valid as `pytestmark`.
on_one_backend = (
    pytest.mark.slow
    if BACKEND != "torch"
    else pytest.mark.skipif(False, reason="runs on this backend")
)
