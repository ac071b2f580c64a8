"""Kernels for PyTorch: its native layers, without copies between them.

A `channels_last` Keras tensor, permuted to `(batch, channels, height, width)`,
already is in PyTorch's channels-last memory format, so that no copy is needed
before or after. Keras makes two for each convolution and runs batch
normalization as a series of elementwise operations; a training step takes 1.6
times as long. The functions for optimizers update hundreds of variables in one
call of PyTorch.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import torch
import torch.nn.functional as F

from keras_efficient.internals import torch_internals
from keras_efficient.kernels import torch_tracing
from keras_efficient.kernels.default import DefaultKernels
from keras_efficient.kernels.default import Strides
from keras_efficient.kernels.padding import image_padding
from keras_efficient.kernels.padding import output_size
from keras_efficient.kernels.padding import spatial_axes
from keras_efficient.types import DataFormat
from keras_efficient.types import Padding
from keras_efficient.types import Tensor


class TorchKernels(DefaultKernels):
    """Native layers; compiled functions are traces."""

    HOLDS_VALUES = True

    def conv(
        self,
        inputs: Tensor,
        kernel: Tensor,
        bias: Tensor | None,
        strides: Strides,
        padding: Padding,
        data_format: DataFormat,
    ) -> Tensor:
        """Return a convolution by `conv2d`."""
        return _conv(inputs, kernel, bias, strides, padding, data_format, 1)

    def depthwise_conv(
        self,
        inputs: Tensor,
        kernel: Tensor,
        bias: Tensor | None,
        strides: Strides,
        padding: Padding,
        data_format: DataFormat,
    ) -> Tensor:
        """Return a depthwise convolution by `conv2d` with groups."""
        groups = kernel.shape[2]
        kernel = kernel.permute(0, 1, 3, 2)  # (height, width, 1, channels)
        return _conv(
            inputs, kernel, bias, strides, padding, data_format, groups
        )

    def max_pool(
        self,
        inputs: Tensor,
        size: int,
        stride: int,
        padding: Padding,
        data_format: DataFormat,
    ) -> Tensor:
        """Return maxima by `max_pool2d`, which pads by itself if it can."""
        pairs = image_padding(
            inputs, (size, size), (stride, stride), padding, data_format
        )
        sizes = [
            output_size(inputs.shape[axis], size, stride, padding)
            for axis in spatial_axes(data_format)
        ]
        inputs = _channels_first(inputs, data_format)
        (top, bottom), (left, right) = pairs
        # With the size rounded up, PyTorch ignores what a window covers
        # beyond the end.
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
        return _restore_format(outputs, data_format)

    def upsample(
        self, inputs: Tensor, factor: int, data_format: DataFormat
    ) -> Tensor:
        """Return images enlarged by `interpolate`."""
        inputs = _channels_first(inputs, data_format)
        outputs = F.interpolate(inputs, scale_factor=float(factor))
        return _restore_format(outputs, data_format)

    def batch_norm(
        self,
        inputs: Tensor,
        mean: Tensor,
        variance: Tensor,
        gamma: Tensor,
        beta: Tensor,
        axis: int,
        epsilon: float,
    ) -> Tensor:
        """Normalize by given statistics, with one kernel if possible."""
        if not _is_fusible(inputs, axis):
            return super().batch_norm(
                inputs, mean, variance, gamma, beta, axis, epsilon
            )
        outputs = F.batch_norm(
            _norm_inputs(inputs, axis),
            mean,
            variance,
            gamma,
            beta,
            training=False,
            eps=epsilon,
        )
        return outputs if axis == 1 else outputs.permute(0, 2, 3, 1)

    def batch_norm_training(
        self,
        inputs: Tensor,
        gamma: Tensor,
        beta: Tensor,
        axis: int,
        epsilon: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Normalize by the statistics of the batch, with one kernel."""
        if not _is_fusible(inputs, axis):
            return super().batch_norm_training(
                inputs, gamma, beta, axis, epsilon
            )
        outputs, mean, inverse_deviation = torch_internals.batch_norm_training(
            _norm_inputs(inputs, axis), gamma, beta, epsilon
        )
        variance = 1.0 / inverse_deviation.detach() ** 2 - epsilon
        variance = torch.clamp(variance, min=0.0)
        if axis != 1:
            outputs = outputs.permute(0, 2, 3, 1)
        return outputs, mean.detach(), variance

    def norms(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the norms by one call for all tensors."""
        return torch.stack(torch_internals.norms(list(tensors)))

    def scaled(
        self, tensors: Sequence[Tensor], factors: Tensor
    ) -> list[Tensor]:
        """Return the products by one call for all tensors."""
        return torch_internals.products(list(tensors), list(factors.unbind()))

    @torch.no_grad()
    def scale_variables(
        self, variables: Sequence[keras.Variable], factor: Tensor
    ) -> None:
        """Multiply all variables by one call."""
        if not isinstance(factor, torch.Tensor):
            factor = float(factor)
        torch_internals.scale([v.value for v in variables], factor)

    @torch.no_grad()
    def ema_update(
        self,
        averages: Sequence[keras.Variable],
        variables: Sequence[keras.Variable],
        rate: Tensor,
    ) -> None:
        """Update all averages by one call."""
        torch_internals.interpolate(
            [v.value for v in averages],
            [v.value for v in variables],
            float(rate),
        )

    def while_loop(
        self,
        condition: Callable[..., Tensor],
        step: Callable[..., tuple[Tensor, ...]],
        constants: Sequence[Tensor],
        state: Sequence[Tensor],
    ) -> tuple[Tensor, ...]:
        """Run several steps at a time as one trace, without gradients."""
        if torch.is_grad_enabled() or torch_internals.is_tracing():
            return super().while_loop(condition, step, constants, state)
        return torch_tracing.while_loop(condition, step, constants, state)

    def compile_function(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Tensor],
        variables: Sequence[keras.Variable],
        has_loop: bool,
    ) -> Callable[..., Any]:
        """Return a trace with the present values of variables as constants."""
        return torch_tracing.compile_function(
            function, inputs, variables, has_loop
        )

    def fingerprint(self, variables: Sequence[keras.Variable]) -> object:
        """Return address and version of each value.

        Every change in place increments the version.
        """
        values = [v.value for v in variables]
        addresses = tuple(value.data_ptr() for value in values)
        return addresses, torch_internals.versions(values)


def _conv(
    inputs: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    strides: Strides,
    padding: Padding,
    data_format: DataFormat,
    groups: int,
) -> Tensor:
    (top, bottom), (left, right) = image_padding(
        inputs, kernel.shape, strides, padding, data_format
    )
    inputs = _channels_first(inputs, data_format)
    pads = (top, left)
    weights = None
    if top != bottom or left != right:
        if (bottom - top, right - left) == (1, 1):
            # A kernel with a leading row and column of zeros needs no copy of
            # the padded image.
            weights = torch_tracing.cached_weights(
                kernel, has_leading_zeros=True
            )
            pads = (bottom, right)
        if weights is None:
            inputs = F.pad(inputs, (left, right, top, bottom))
            pads = (0, 0)
    if weights is None:
        weights = torch_tracing.cached_weights(kernel, has_leading_zeros=False)
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
    return _restore_format(outputs, data_format)


def _channels_first(inputs: Tensor, data_format: DataFormat) -> Tensor:
    if data_format == "channels_last":
        return inputs.permute(0, 3, 1, 2)
    return inputs


def _restore_format(outputs: Tensor, data_format: DataFormat) -> Tensor:
    if data_format == "channels_last":
        return outputs.permute(0, 2, 3, 1)
    return outputs


def _is_fusible(inputs: Tensor, axis: int) -> bool:
    return len(inputs.shape) == 4 and axis in (-1, 3, 1)


def _norm_inputs(inputs: Tensor, axis: int) -> Tensor:
    """Return inputs with channels second, in a dtype that a CPU supports."""
    if inputs.device.type == "cpu" and inputs.dtype != torch.float64:
        inputs = inputs.float()
    return inputs if axis == 1 else inputs.permute(0, 3, 1, 2)
