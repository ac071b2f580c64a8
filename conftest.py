import os

# Said before TensorFlow is imported: its start-up messages are no warnings.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# OpenVINO then sends no telemetry, for which it forks this process.
os.environ.setdefault("CI", "true")

import keras
import numpy as np
import pytest

import keras_efficient


@pytest.fixture(autouse=True)
def _names_in_docstring_examples(doctest_namespace):
    doctest_namespace.update(
        keras=keras, keras_efficient=keras_efficient, np=np
    )


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(42)


@pytest.fixture
def zero_initial_weights(monkeypatch):
    """Spares Keras' own initial weights, which are slow to draw on JAX."""
    add_weight = keras.layers.Layer.add_weight

    def add_zeros(self, *args, **kwargs):
        kwargs["initializer"] = lambda shape, dtype=None: np.zeros(shape, dtype)
        return add_weight(self, *args, **kwargs)

    monkeypatch.setattr(keras.layers.Layer, "add_weight", add_zeros)
