"""Gradients of whole networks against float64."""

import contextlib

import keras
import numpy as np
import pytest
from keras import ops

from tests.harness import to_numpy
from tests.models import builders
from tests.models import detectors


def precise():
    """Enable float64 on JAX."""
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def gradients(model, x, y):
    """Return the gradients of the cross-entropy by variable path."""
    dtype = model.trainable_variables[0].dtype
    x, y = ops.convert_to_tensor(x, dtype), ops.convert_to_tensor(y, dtype)

    def loss_of(outputs):
        return -ops.mean(ops.sum(y * ops.log_softmax(outputs), axis=-1))

    variables = model.trainable_variables
    if keras.backend.backend() == "jax":
        import jax

        others = [v.value for v in model.non_trainable_variables]

        @jax.jit
        @jax.grad
        def values(trainable):
            outputs, _ = model.stateless_call(
                trainable, others, x, training=True
            )
            return loss_of(outputs)

        found = values([v.value for v in variables])
    elif keras.backend.backend() == "torch":
        loss_of(model(x, training=True)).backward()
        found = [v.value.grad for v in variables]
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = loss_of(model(x, training=True))
        found = tape.gradient(loss, [v.value for v in variables])
    return {v.path: to_numpy(g) for v, g in zip(variables, found, strict=True)}


@pytest.mark.slow
def test_gradients_of_b0():
    arguments = {
        "input_shape": (96, 96, 3),
        "classes": 10,
        "classifier_activation": None,
        "drop_connect_rate": 0.0,
        "dropout_rate": 0.0,
    }
    x = detectors.image(4, 96, 96, 3)
    y = np.eye(10)[[1, 3, 5, 7]]
    model = builders.build("B0", **arguments)
    weights = model.get_weights()
    found = gradients(model, x, y)
    with precise():
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float64")
        try:
            model = builders.build("B0", **arguments)
        finally:
            keras.config.set_dtype_policy(policy)
        model.set_weights([w.astype("float64") for w in weights])
        expected = gradients(model, x, y)
    assert next(iter(expected.values())).dtype == "float64"
    for path, gradient in found.items():
        reference = expected[path]
        largest = np.abs(reference).max()
        # If the next batch normalization removes the shift of a channel, its
        # gradient is 0, and only rounding errors remain.
        if largest < 1e-10:
            assert path.endswith("project/norm/beta"), path
            continue
        assert np.abs(gradient - reference).max() < 1e-3 * largest, path
