"""The kernels as `keras.ops` gives them, on any backend and device."""

from keras import ops

from keras_efficient.kernels.padding import padding_amounts
from keras_efficient.kernels.padding import pads_of_all_axes


def conv(inputs, kernel, strides, padding, data_format):
    """Convolution; `kernel` is `(height, width, inputs, outputs)`."""
    inputs, padding = _padded(inputs, kernel, padding, data_format)
    return ops.conv(
        inputs,
        kernel,
        strides=strides,
        padding=padding,
        data_format=data_format,
    )


def depthwise_conv(inputs, kernel, strides, padding, data_format):
    """Convolution of each channel; `kernel` is `(height, width, inputs, 1)`."""
    inputs, padding = _padded(inputs, kernel, padding, data_format)
    return ops.depthwise_conv(
        inputs,
        kernel,
        strides=strides,
        padding=padding,
        data_format=data_format,
    )


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


def _padded(inputs, kernel, padding, data_format):
    if padding != "symmetric":
        return inputs, padding
    # These amounts depend on the kernel alone: the image may be of any size.
    pairs = [
        padding_amounts(None, size, 1, padding) for size in kernel.shape[:2]
    ]
    return ops.pad(inputs, pads_of_all_axes(pairs, data_format)), "valid"
