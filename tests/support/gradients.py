"""Gradients and compilation on any backend."""

import keras
import numpy as np


def compiled(function):
    """Compile a function on JAX, which would compile each operation."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def value_and_gradient(function, x):
    """Return value and gradient of a scalar function as NumPy arrays."""
    x = x.astype("float32")
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        value, slopes = jax.jit(jax.value_and_grad(function))(x)
        return float(value), np.asarray(slopes)
    if backend == "torch":
        import torch

        x = torch.tensor(x, requires_grad=True)
        value = function(x)
        value.backward()
        return float(value.detach()), x.grad.numpy()
    import tensorflow as tf

    x = tf.Variable(x)
    with tf.GradientTape() as tape:
        value = function(tf.convert_to_tensor(x))
    return float(value), tape.gradient(value, x).numpy()


def differences(function, x, step=1e-5):
    """Return finite differences of a scalar NumPy function, in float64."""
    x = np.asarray(x, "float64")
    slopes = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        slopes[index] = (function(x + shift) - function(x - shift)) / (2 * step)
    return slopes


def compile_for_any_batch(function, *examples):
    """Compile a function of arrays as a training step does."""
    if keras.backend.backend() != "tensorflow":
        return compiled(function)
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in examples]
    return tf.function(function, input_signature=signature)
