"""Batch norm folded into the convolution ahead of it."""

import keras
import numpy as np
from keras import ops


def normalized(x, conv, bn, training):
    """A convolution and its batch norm, which a fused layer does not have."""
    x = conv(x)
    return x if bn is None else bn(x, training=training)


def fold(target, conv, norm=None):
    """Gives a layer the weights of another one and of the norm behind it.

    Args:
        target: Layer of the class of `conv`, built, with a bias where there
            is a norm.
        conv: A convolution or dense layer of Keras or of ours, linear.
        norm: The batch normalisation that follows it, or `None`.
    """
    if norm is None:
        copy_weights(target, conv)
        return
    if hasattr(conv, "pointwise_conv"):
        copy_weights(target.depthwise_conv, conv.depthwise_conv)
        fold(target.pointwise_conv, conv.pointwise_conv, norm)
        return
    scale, shift = _scale_and_shift(norm)
    if conv.use_bias:
        shift = shift + _values(conv.bias) * scale
    target.bias.assign(shift.astype("float32"))
    if hasattr(conv, "pointwise_kernel"):
        target.depthwise_kernel.assign(conv.depthwise_kernel)
        _assign_scaled(target.pointwise_kernel, conv.pointwise_kernel, scale)
        return
    if isinstance(conv, keras.layers.DepthwiseConv2D):
        scale = scale.reshape(conv.kernel.shape[2:])
    _assign_scaled(target.kernel, conv.kernel, scale)


def copy_weights(target, source):
    """Gives a layer the weights of another one of the same structure."""
    for new, old in zip(target.weights, source.weights, strict=True):
        # By NumPy: on JAX two variables would share one array, which a step
        # of training gives away.
        new.assign(ops.convert_to_numpy(old.value))


def _assign_scaled(variable, source, scale):
    variable.assign((_values(source) * scale).astype("float32"))


def _scale_and_shift(norm):
    """What inference multiplies each channel by, and adds to it."""
    scale = 1.0 / np.sqrt(_values(norm.moving_variance) + norm.epsilon)
    if norm.scale:
        scale = scale * _values(norm.gamma)
    shift = -_values(norm.moving_mean) * scale
    if norm.center:
        shift = shift + _values(norm.beta)
    return scale, shift


def _values(variable):
    return ops.convert_to_numpy(variable).astype("float64")
