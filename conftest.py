import os
import pathlib

# Must be set before TensorFlow is imported, to hide its start-up messages.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow computes channels first on CPU by oneDNN only, which it enables by
# default on CPUs with AVX-512 VNNI or AMX.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# One thread for each of several test processes: more than there are cores
# make small networks up to ten times slower.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in (
        "OMP_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ):
        os.environ.setdefault(_name, "1")
# JAX compiles most programs of the tests once and runs them once.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# Disables the telemetry of OpenVINO, which forks this process.
os.environ.setdefault("CI", "true")

import pytest

# Keras is imported when the first test needs it: the process that starts the
# others runs none.
PACKAGE = pathlib.Path(__file__).parent / "keras_efficient"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    from tests.marks import has_slow_examples

    for item in items:
        path = item.path
        if isinstance(item, pytest.DoctestItem) and PACKAGE in path.parents:
            if has_slow_examples(path.relative_to(PACKAGE)):
                item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _names_in_docstring_examples(doctest_namespace):
    import keras
    import numpy as np

    import keras_efficient

    doctest_namespace.update(
        keras=keras, keras_efficient=keras_efficient, np=np
    )


@pytest.fixture(autouse=True)
def _seed():
    import keras

    keras.utils.set_random_seed(42)


@pytest.fixture
def zero_initial_weights(monkeypatch):
    """Initialize weights with zeros, because random ones are slow on JAX."""
    import keras
    import numpy as np

    add_weight = keras.layers.Layer.add_weight

    def add_zeros(self, *args, **kwargs):
        kwargs["initializer"] = lambda shape, dtype=None: np.zeros(shape, dtype)
        return add_weight(self, *args, **kwargs)

    monkeypatch.setattr(keras.layers.Layer, "add_weight", add_zeros)
