"""An EfficientNet of three blocks, for tests independent of the size."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.converters import load_checkpoint
from keras_efficient.converters.naming.variable_names import named_variables
from keras_efficient.variants import EFFICIENTNET_STAGES
from tests.converters import checkpoints


def build(**arguments):
    return keras_efficient.EfficientNet(
        **{
            "stages": EFFICIENTNET_STAGES[:3],
            "width_coefficient": 0.25,
            "depth_coefficient": 0.5,
            "top_filters": 64,
            "resolution": 32,
            "classes": 5,
            **arguments,
        }
    )


def random_weights(model, seed=5):
    """Return random weights for a model by canonical name."""
    rng = np.random.default_rng(seed)
    return {
        name: checkpoints.random_value(rng, name, tuple(variable.shape))
        for name, variable in named_variables(model).items()
    }


def values(model):
    return {
        name: keras.ops.convert_to_numpy(variable)
        for name, variable in named_variables(model).items()
    }


def check_equal(received, expected):
    assert set(received) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(received[name], value, name)


def trained(**arguments):
    """Build a model with random weights."""
    model = build(**arguments)
    weights = random_weights(model)
    for name, variable in named_variables(model).items():
        variable.assign(weights[name])
    return model


def save(model, path):
    """Save a model, or its weights only, by the suffix of a path."""
    if path.name.endswith(".keras"):
        model.save(path)
    else:
        model.save_weights(path)
    return path


def check_refused(model, message, path, **arguments):
    """Check that an error is raised and the model is not changed."""
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        load_checkpoint(model, path, **arguments)
    for value, same in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, same)
