"""Networks of keras.applications, with the weights of ours."""

import keras
import numpy as np
from keras import ops

from keras_efficient.converters.naming.variable_names import named_variables


def reference_of(model, name="EfficientNetB0", **arguments):
    """The same network of keras.applications, with the weights of `model`.

    The statistics and biases of `model`, which are 0 or 1, are changed first.
    """
    builder = getattr(keras.applications, name)
    reference = builder(weights=None, **arguments)
    vary(model)
    copy_weights(reference, model)
    return reference


def vary(model):
    """Change the weights that are 0 or 1, mildly: nothing saturates."""
    rng = np.random.default_rng(0)
    for name, variable in named_variables(model).items():
        kind = name.rpartition("/")[2]
        if kind in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.8, 1.2, variable.shape))
        elif kind in ("beta", "moving_mean", "bias"):
            variable.assign(rng.normal(0, 0.1, variable.shape))


def copy_weights(reference, model):
    own = named_variables(model)
    for variable in reference.variables:
        if variable.path in own:
            variable.assign(ops.convert_to_numpy(own[variable.path]))
    layers = {type(layer).__name__: layer for layer in reference.layers}
    mean = ops.convert_to_numpy(model.get_layer("preprocessing").mean)
    std = ops.convert_to_numpy(model.get_layer("preprocessing").std)
    norm = layers["Normalization"]
    norm.mean = ops.convert_to_tensor(mean.reshape(1, 1, 1, -1))
    norm.variance = ops.convert_to_tensor(std.reshape(1, 1, 1, -1) ** 2)


def pixels(*shape):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, shape).astype("float32")
