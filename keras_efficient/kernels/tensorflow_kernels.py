"""Kernels for TensorFlow: its fused batch normalisation, frozen functions.

One fused kernel instead of Keras' moments and elementwise steps: a training
step of B0 takes three quarters of the time. In a frozen function the weights
are constants, which TensorFlow lays out once, as its kernels want them.
"""

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from keras_efficient.kernels import default

HOLDS_VALUES = True
FUSED_DTYPES = ("float16", "bfloat16", "float32")


def conv(inputs, kernel, bias, strides, padding, data_format):
    """Convolution whose bias TensorFlow fuses with it."""
    if bias is None or data_format != "channels_last":
        return NotImplemented
    outputs = default.conv(inputs, kernel, None, strides, padding, data_format)
    return tf.nn.bias_add(outputs, tf.cast(bias, outputs.dtype))


def depthwise_conv(inputs, kernel, bias, strides, padding, data_format):
    """Depthwise convolution whose bias TensorFlow fuses with it."""
    if bias is None or data_format != "channels_last":
        return NotImplemented
    outputs = default.depthwise_conv(
        inputs, kernel, None, strides, padding, data_format
    )
    return tf.nn.bias_add(outputs, tf.cast(bias, outputs.dtype))


def batch_norm(inputs, mean, variance, gamma, beta, axis, epsilon):
    """Normalisation by given statistics."""
    if not _is_fusible(inputs, axis):
        return NotImplemented
    outputs, _, _ = tf.compat.v1.nn.fused_batch_norm(
        inputs,
        _as_float32(gamma),
        _as_float32(beta),
        _as_float32(mean),
        _as_float32(variance),
        epsilon=epsilon,
        is_training=False,
    )
    return outputs


def batch_norm_training(inputs, gamma, beta, axis, epsilon):
    """Normalisation by the batch's statistics."""
    if not _is_fusible(inputs, axis):
        return NotImplemented
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        inputs,
        _as_float32(gamma),
        _as_float32(beta),
        epsilon=epsilon,
        is_training=True,
    )
    # TensorFlow's variance divides by count - 1, Keras' by count.
    shape = tf.shape(inputs, out_type=tf.int64)
    count = tf.cast(tf.reduce_prod(shape[:-1]), variance.dtype)
    return outputs, mean, variance * (count - 1) / count


def compiled(function, inputs, variables, has_loop):
    """A graph with the variables' values of now as constants."""
    del variables, has_loop
    specs = [
        tf.TensorSpec(x.shape, tf.as_dtype(getattr(x.dtype, "name", x.dtype)))
        for x in inputs
    ]
    traced = tf.function(function, autograph=False)
    traced = traced.get_concrete_function(*specs)
    structure = traced.structured_outputs
    frozen = convert_variables_to_constants_v2(traced)

    def run(*arrays):
        tensors = [
            tf.convert_to_tensor(array, spec.dtype)
            for array, spec in zip(arrays, specs, strict=True)
        ]
        return tf.nest.pack_sequence_as(structure, frozen(*tensors))

    return run


def fingerprint(variables):
    """Sums of the values, each with a weight of its own.

    A variable of TensorFlow does not tell that it has changed, least of all
    within a graph.
    """
    values = [variable.value for variable in variables]
    return tuple(_weighted_sums(values).numpy())


@tf.function(autograph=False, reduce_retracing=False)
def _weighted_sums(values):
    size = max([value.shape.num_elements() for value in values], default=0)
    # Uneven, never 0, and of both signs.
    weights = tf.math.cos(tf.range(size, dtype=tf.float32) * 0.7 + 0.1)
    sums = []
    for value in values:
        flat = tf.cast(tf.reshape(value, [-1]), tf.float32)
        sums.append(tf.tensordot(flat, weights[: flat.shape[0]], 1))
    return tf.stack(sums) if sums else tf.zeros([0])


def _is_fusible(inputs, axis):
    return (
        len(inputs.shape) == 4
        and axis in (-1, 3)
        and inputs.dtype.name in FUSED_DTYPES
    )


def _as_float32(tensor):
    return tf.cast(tf.convert_to_tensor(tensor), tf.float32)
