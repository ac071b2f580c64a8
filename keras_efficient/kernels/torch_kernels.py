"""Kernels for PyTorch: its native layers, without copies in between.

A `channels_last` Keras tensor, permuted to `(batch, channels, height, width)`,
already is in PyTorch's channels-last memory format: no copy is needed on the
way in or out. Keras makes two for each convolution, and runs batch
normalisation as a row of elementwise steps: a training step takes 1.6 times as
long. What an optimizer does to each of hundreds of variables goes to PyTorch in
one call for all of them.
"""

import torch
import torch.nn.functional as F

from keras_efficient.kernels import torch_tracing
from keras_efficient.kernels.padding import output_size
from keras_efficient.kernels.padding import pairs_of_padding
from keras_efficient.kernels.padding import spatial_axes
from keras_efficient.kernels.torch_tracing import compiled
from keras_efficient.kernels.torch_tracing import while_loop

__all__ = ["compiled", "while_loop"]

HOLDS_VALUES = True


def conv(inputs, kernel, bias, strides, padding, data_format):
    """Convolution by PyTorch's own."""
    return _conv(inputs, kernel, bias, strides, padding, data_format, groups=1)


def depthwise_conv(inputs, kernel, bias, strides, padding, data_format):
    """Depthwise convolution by PyTorch's own."""
    return _conv(
        inputs,
        kernel.permute(0, 1, 3, 2),  # (height, width, 1, channels)
        bias,
        strides,
        padding,
        data_format,
        groups=kernel.shape[2],
    )


def batch_norm(inputs, mean, variance, gamma, beta, axis, epsilon):
    """Normalisation by given statistics."""
    channels_second = _channels_second(inputs, axis)
    if channels_second is None:
        return NotImplemented
    outputs = F.batch_norm(
        channels_second,
        mean,
        variance,
        gamma,
        beta,
        training=False,
        eps=epsilon,
    )
    return _channels_back(outputs, axis)


def batch_norm_training(inputs, gamma, beta, axis, epsilon):
    """Normalisation by the batch's statistics."""
    channels_second = _channels_second(inputs, axis)
    if channels_second is None:
        return NotImplemented
    outputs, mean, inverse_deviation = torch.native_batch_norm(
        channels_second, gamma, beta, None, None, True, 0.0, epsilon
    )
    variance = 1.0 / inverse_deviation.detach() ** 2 - epsilon
    variance = torch.clamp(variance, min=0.0)
    return _channels_back(outputs, axis), mean.detach(), variance


def norms(tensors):
    """Lengths, by one call for all."""
    return torch.stack(torch._foreach_norm(list(tensors)))


def scaled(tensors, factors):
    """Each times its factor, by one call for all."""
    return list(torch._foreach_mul(list(tensors), list(factors.unbind())))


@torch.no_grad()
def scale_variables(variables, factor):
    """All variables times one factor, by one call."""
    if not isinstance(factor, torch.Tensor):
        factor = float(factor)
    torch._foreach_mul_([v.value for v in variables], factor)
    return None


@torch.no_grad()
def approach(averages, variables, share):
    """Averages on their way to the variables, by one call for all."""
    torch._foreach_lerp_(
        [v.value for v in averages],
        [v.value for v in variables],
        float(share),
    )
    return None


def max_pool(inputs, size, stride, padding, data_format):
    """Maxima by PyTorch's own, which pads by itself where it can."""
    pairs = pairs_of_padding(
        inputs,
        torch.empty((size, size), device="meta"),
        (stride, stride),
        padding,
        data_format,
    )
    axes = spatial_axes(data_format)
    sizes = [
        output_size(inputs.shape[axis], size, stride, padding) for axis in axes
    ]
    inputs = _channels_first(inputs, data_format)
    (top, bottom), (left, right) = pairs
    # Rounded up, it leaves out of a window what lies beyond the edge.
    is_at_end = bool(top == left == 0) and all(
        bool(-(-(inputs.shape[i] - size) // stride) + 1 == sizes[i - 2])
        for i in (2, 3)
    )
    if not is_at_end and (top, left) != (bottom, right):
        inputs = F.pad(inputs, (left, right, top, bottom), value=-torch.inf)
        top = left = 0
    outputs = F.max_pool2d(
        inputs, size, stride, padding=(top, left), ceil_mode=is_at_end
    )
    return _channels_at(outputs, data_format)


def upsample(inputs, factor, data_format):
    """Pixels repeated by PyTorch's own."""
    inputs = _channels_first(inputs, data_format)
    outputs = F.interpolate(inputs, scale_factor=float(factor))
    return _channels_at(outputs, data_format)


def fingerprint(variables):
    """Place and version of the values; each change in place counts one up."""
    return [(v.value.data_ptr(), v.value._version) for v in variables]


def _conv(inputs, kernel, bias, strides, padding, data_format, groups):
    (top, bottom), (left, right) = pairs_of_padding(
        inputs, kernel, strides, padding, data_format
    )
    inputs = _channels_first(inputs, data_format)
    pads = (top, left)
    weights = None
    if top != bottom or left != right:
        if (bottom - top, right - left) == (1, 1):
            # A kernel with a row and a column of zeros ahead needs no copy of
            # the padded image.
            weights = torch_tracing.laid_out(kernel, extends=True)
            pads = (bottom, right)
        if weights is None:
            inputs = F.pad(inputs, (left, right, top, bottom))
            pads = (0, 0)
    if weights is None:
        weights = torch_tracing.laid_out(kernel, extends=False)
    if weights is None:
        weights = kernel.permute(3, 2, 0, 1)
    outputs = F.conv2d(
        inputs,
        weights,
        bias,
        stride=tuple(strides),
        padding=pads,
        groups=groups,
    )
    return _channels_at(outputs, data_format)


def _channels_first(inputs, data_format):
    if data_format == "channels_last":
        return inputs.permute(0, 3, 1, 2)
    return inputs


def _channels_at(outputs, data_format):
    if data_format == "channels_last":
        return outputs.permute(0, 2, 3, 1)
    return outputs


def _channels_second(inputs, axis):
    """Inputs as PyTorch wants them, or None where it cannot have them."""
    if len(inputs.shape) != 4 or axis not in (-1, 3, 1):
        return None
    if inputs.device.type == "cpu" and inputs.dtype != torch.float64:
        inputs = inputs.float()
    return inputs if axis == 1 else inputs.permute(0, 3, 1, 2)


def _channels_back(outputs, axis):
    return outputs if axis == 1 else outputs.permute(0, 2, 3, 1)
