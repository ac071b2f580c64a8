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
# Packages whose docstring examples run on every backend; those of the others
# run on PyTorch and are slow tests elsewhere.
COMPUTING_PACKAGES = ("kernels", "layers", "losses", "models", "ops")


def has_slow_examples(file):
    """Return whether the examples of a file of the package are slow tests.

    Args:
        file: Path relative to the folder `keras_efficient`.
    """
    return BACKEND != "torch" and file.parts[0] not in COMPUTING_PACKAGES
