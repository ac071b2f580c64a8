"""The kernels as `keras.ops` gives them, on any backend and device."""

import math

import keras
from keras import ops

from keras_efficient.kernels.padding import padding_amounts
from keras_efficient.kernels.padding import pads_of_all_axes
from keras_efficient.kernels.padding import spatial_axes


def conv(inputs, kernel, bias, strides, padding, data_format):
    """Convolution; `kernel` is `(height, width, inputs, outputs)`."""
    inputs, padding = _padded(inputs, kernel, padding, data_format)
    outputs = ops.conv(
        inputs,
        kernel,
        strides=strides,
        padding=padding,
        data_format=data_format,
    )
    return add_bias(outputs, bias, data_format)


def depthwise_conv(inputs, kernel, bias, strides, padding, data_format):
    """Convolution of each channel; `kernel` is `(height, width, inputs, 1)`."""
    inputs, padding = _padded(inputs, kernel, padding, data_format)
    outputs = ops.depthwise_conv(
        inputs,
        kernel,
        strides=strides,
        padding=padding,
        data_format=data_format,
    )
    return add_bias(outputs, bias, data_format)


def add_bias(outputs, bias, data_format):
    """Outputs plus one number for each channel; `bias` may be `None`."""
    if bias is None:
        return outputs
    # Not `ops.add`: on TensorFlow it takes the bias of a channels-first image
    # for one along the width where that equals the filters (Keras 3.15.1).
    shape = (-1,) if data_format == "channels_last" else (1, -1, 1, 1)
    return outputs + ops.reshape(bias, shape)


def max_pool(inputs, size, stride, padding, data_format):
    """Maxima of square windows of an image."""
    if padding == "symmetric":
        pair = padding_amounts(None, size, stride, padding)
        pads = pads_of_all_axes((pair, pair), data_format)
        inputs = ops.pad(inputs, pads, constant_values=-math.inf)
        padding = "valid"
    return ops.max_pool(
        inputs, size, stride, padding=padding, data_format=data_format
    )


def upsample(inputs, factor, data_format):
    """Each pixel repeated `factor` times along height and width."""
    # By tiling axes of their own, which all formats of export know.
    height, width = spatial_axes(data_format)
    shape = list(ops.shape(inputs))
    repeats = [1] * 6
    repeats[height + 1] = repeats[width + 2] = factor
    tiled = ops.tile(ops.expand_dims(inputs, (height + 1, width + 2)), repeats)
    shape[0] = -1  # the batch, which may not be known
    shape[height] *= factor
    shape[width] *= factor
    return ops.reshape(tiled, shape)


def batch_norm(inputs, mean, variance, gamma, beta, axis, epsilon):
    """Normalisation by given statistics, float32 inside."""
    return ops.batch_normalization(
        ops.cast(inputs, mean.dtype),
        mean,
        variance,
        axis,
        offset=beta,
        scale=gamma,
        epsilon=epsilon,
    )


def batch_norm_training(inputs, gamma, beta, axis, epsilon):
    """Normalisation by the batch's statistics.

    Returns the outputs, and mean and (biased) variance of the batch.
    """
    inputs = ops.cast(inputs, gamma.dtype)
    rank = len(inputs.shape)
    axes = [i for i in range(rank) if i != axis % rank]
    mean, variance = ops.moments(inputs, axes=axes)
    outputs = batch_norm(inputs, mean, variance, gamma, beta, axis, epsilon)
    return outputs, mean, variance


def norms(tensors):
    """The length of each tensor, in one of shape `(number,)`."""
    return ops.stack([ops.sqrt(ops.sum(ops.square(x))) for x in tensors])


def scaled(tensors, factors):
    """Each tensor times its factor; `factors` has the shape `(number,)`."""
    return [x * ops.cast(factors[i], x.dtype) for i, x in enumerate(tensors)]


def scale_variables(variables, factor):
    """Multiplies all variables by one factor, a scalar tensor."""
    for variable in variables:
        share = ops.cast(factor, variable.dtype)
        variable.assign(ops.multiply(variable, share))


def approach(averages, variables, share):
    """Moves each average towards its variable, by a share of the way."""
    for average, variable in zip(averages, variables, strict=True):
        change = ops.subtract(variable, average)
        step = ops.multiply(ops.cast(share, average.dtype), change)
        average.assign(ops.add(average, step))


def while_loop(condition, step, constants, state):
    """Runs `step(*constants, *state)` while `condition` of the same holds."""
    return ops.while_loop(
        lambda *state: condition(*constants, *state),
        lambda *state: step(*constants, *state),
        state,
    )


def compiled(function, inputs, variables, has_loop):
    """A function of tensors as a faster one, for inputs of these shapes.

    Args:
        function: From tensors to a structure of tensors, without effects.
        inputs: List of arrays or tensors with the shapes and dtypes to come.
        variables: List of the `keras.Variable`s that it reads.
        has_loop: Boolean, whether it runs until a condition of values holds.

    Returns:
        A function from arrays or tensors to the structure of tensors. It may
        hold the variables' values of now, or read them at each call; see
        `HOLDS_VALUES`.
    """
    del variables, has_loop
    inputs_dtypes = [keras.backend.standardize_dtype(x.dtype) for x in inputs]

    def run(*arrays):
        tensors = [
            ops.convert_to_tensor(array, dtype)
            for array, dtype in zip(arrays, inputs_dtypes, strict=True)
        ]
        return function(*tensors)

    return run


def fingerprint(variables):
    """Something equal as long as the values of variables stay the same."""
    return [ops.convert_to_numpy(variable).tobytes() for variable in variables]


def _padded(inputs, kernel, padding, data_format):
    if padding != "symmetric":
        return inputs, padding
    # These amounts depend on the kernel alone: the image may be of any size.
    pairs = [
        padding_amounts(None, size, 1, padding) for size in kernel.shape[:2]
    ]
    return ops.pad(inputs, pads_of_all_axes(pairs, data_format)), "valid"
