"""Derivatives on any backend, and by differences."""

import keras
import numpy as np


def gradient(function, x):
    """Derivative of a scalar function on any backend."""
    x = x.astype("float32")
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(x))
    if backend == "torch":
        import torch

        x = torch.tensor(x, requires_grad=True)
        function(x).backward()
        return x.grad.numpy()
    import tensorflow as tf

    x = tf.Variable(x)
    with tf.GradientTape() as tape:
        value = function(tf.convert_to_tensor(x))
    return tape.gradient(value, x).numpy()


def differences(function, x, step=1e-5):
    """Derivative of a scalar NumPy function, in float64."""
    x = np.asarray(x, "float64")
    slopes = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        slopes[index] = (function(x + shift) - function(x - shift)) / (2 * step)
    return slopes
