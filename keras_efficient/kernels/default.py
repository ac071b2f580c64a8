"""Kernels for any backend and device, written with `keras.ops`."""

import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_efficient.kernels.padding import padding_of_all_axes
from keras_efficient.kernels.padding import spatial_axes
from keras_efficient.kernels.padding import symmetric_padding
from keras_efficient.types import DataFormat
from keras_efficient.types import Padding
from keras_efficient.types import Tensor

# Steps along height and width.
Strides = tuple[int, int]


class DefaultKernels:
    """The kernels of a backend that has no faster ones.

    The class of a backend overrides the methods for which it has a faster
    implementation, and calls that of this class for the devices, data formats
    and dtypes to which its own does not apply. No instance holds state.
    """

    # Whether functions of `compile_function` contain the values that the
    # variables had when they were compiled.
    HOLDS_VALUES = False

    def conv(
        self,
        inputs: Tensor,
        kernel: Tensor,
        bias: Tensor | None,
        strides: Strides,
        padding: Padding,
        data_format: DataFormat,
    ) -> Tensor:
        """Return a 2D convolution.

        Args:
            inputs: Tensor of shape `(batch, height, width, channels)`, or with
                channels second.
            kernel: Tensor of shape `(height, width, channels, filters)`.
            bias: Tensor of shape `(filters,)`, or `None`.
            strides: Tuple of two integers, steps along height and width.
            padding: String, `"same"`, `"valid"` or `"symmetric"`.
            data_format: String, `"channels_last"` or `"channels_first"`.

        Returns:
            A tensor with `filters` channels.
        """
        inputs, padding = _pad_symmetric(inputs, kernel, padding, data_format)
        outputs = ops.conv(
            inputs,
            kernel,
            strides=strides,
            padding=padding,
            data_format=data_format,
        )
        return self.add_bias(outputs, bias, data_format)

    def depthwise_conv(
        self,
        inputs: Tensor,
        kernel: Tensor,
        bias: Tensor | None,
        strides: Strides,
        padding: Padding,
        data_format: DataFormat,
    ) -> Tensor:
        """Return a 2D convolution of each channel with its own kernel.

        Args:
            inputs: As for `conv`.
            kernel: Tensor of shape `(height, width, channels, 1)`.
            bias: Tensor of shape `(channels,)`, or `None`.
            strides: As for `conv`.
            padding: As for `conv`.
            data_format: As for `conv`.

        Returns:
            A tensor with as many channels as `inputs`.
        """
        inputs, padding = _pad_symmetric(inputs, kernel, padding, data_format)
        outputs = ops.depthwise_conv(
            inputs,
            kernel,
            strides=strides,
            padding=padding,
            data_format=data_format,
        )
        return self.add_bias(outputs, bias, data_format)

    def add_bias(
        self, outputs: Tensor, bias: Tensor | None, data_format: DataFormat
    ) -> Tensor:
        """Return outputs plus one number for each channel.

        Args:
            outputs: Tensor of rank 4.
            bias: Tensor of shape `(channels,)`; `None` adds nothing.
            data_format: String, `"channels_last"` or `"channels_first"`.
        """
        if bias is None:
            return outputs
        # Not `ops.add`: on TensorFlow it adds the bias of a channels-first
        # image along the width if that equals the filters (Keras 3.15.1).
        shape = (-1,) if data_format == "channels_last" else (1, -1, 1, 1)
        return outputs + ops.reshape(bias, shape)

    def max_pool(
        self,
        inputs: Tensor,
        size: int,
        stride: int,
        padding: Padding,
        data_format: DataFormat,
    ) -> Tensor:
        """Return the maxima of square windows of images.

        Args:
            inputs: Tensor of shape `(batch, height, width, channels)`, or with
                channels second.
            size: Integer, side of the window in pixels.
            stride: Integer, step of the window in pixels.
            padding: String, `"same"`, `"valid"` or `"symmetric"`. Padded
                pixels never are a maximum.
            data_format: String, `"channels_last"` or `"channels_first"`.
        """
        if padding == "symmetric":
            pair = symmetric_padding(size)
            pads = padding_of_all_axes((pair, pair), data_format)
            inputs = ops.pad(inputs, pads, constant_values=-math.inf)
            padding = "valid"
        return ops.max_pool(
            inputs, size, stride, padding=padding, data_format=data_format
        )

    def upsample(
        self, inputs: Tensor, factor: int, data_format: DataFormat
    ) -> Tensor:
        """Return images with each pixel repeated along height and width.

        Args:
            inputs: Tensor of shape `(batch, height, width, channels)`, or with
                channels second.
            factor: Integer, how often each pixel is repeated along each axis.
            data_format: String, `"channels_last"` or `"channels_first"`.
        """
        # Tiling along axes of its own is supported by all export formats.
        height, width = spatial_axes(data_format)
        shape = list(ops.shape(inputs))
        repeats = [1] * 6
        repeats[height + 1] = repeats[width + 2] = factor
        expanded = ops.expand_dims(inputs, (height + 1, width + 2))
        shape[0] = -1  # the batch, whose size may be unknown
        shape[height] *= factor
        shape[width] *= factor
        return ops.reshape(ops.tile(expanded, repeats), shape)

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
        """Normalize by given statistics.

        Args:
            inputs: Tensor of any rank.
            mean: Tensor of shape `(channels,)`.
            variance: Tensor of shape `(channels,)`.
            gamma: Tensor of shape `(channels,)`, the scale.
            beta: Tensor of shape `(channels,)`, the shift.
            axis: Integer, axis of the channels.
            epsilon: Float, added to the variance.

        Returns:
            A tensor of the shape of `inputs`, in float32 unless the backend
            computes in the dtype of `inputs`.
        """
        return ops.batch_normalization(
            ops.cast(inputs, mean.dtype),
            mean,
            variance,
            axis,
            offset=beta,
            scale=gamma,
            epsilon=epsilon,
        )

    def batch_norm_training(
        self,
        inputs: Tensor,
        gamma: Tensor,
        beta: Tensor,
        axis: int,
        epsilon: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Normalize by the statistics of the batch.

        Args:
            inputs: As for `batch_norm`.
            gamma: As for `batch_norm`.
            beta: As for `batch_norm`.
            axis: As for `batch_norm`.
            epsilon: As for `batch_norm`.

        Returns:
            A tuple of the outputs, and the mean and the biased variance of the
            batch, both of shape `(channels,)`.
        """
        inputs = ops.cast(inputs, gamma.dtype)
        rank = len(inputs.shape)
        axes = [i for i in range(rank) if i != axis % rank]
        mean, variance = ops.moments(inputs, axes=axes)
        outputs = self.batch_norm(
            inputs, mean, variance, gamma, beta, axis, epsilon
        )
        return outputs, mean, variance

    def norms(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the Euclidean norm of each tensor, of shape `(number,)`."""
        return ops.stack([ops.sqrt(ops.sum(ops.square(x))) for x in tensors])

    def scaled(
        self, tensors: Sequence[Tensor], factors: Tensor
    ) -> list[Tensor]:
        """Return each tensor times its factor.

        Args:
            tensors: List of tensors.
            factors: Tensor of shape `(number,)`.
        """
        return [
            x * ops.cast(factors[i], x.dtype) for i, x in enumerate(tensors)
        ]

    def scale_variables(
        self, variables: Sequence[keras.Variable], factor: Tensor
    ) -> None:
        """Multiply all variables by one factor, a scalar tensor."""
        for variable in variables:
            scale = ops.cast(factor, variable.dtype)
            variable.assign(ops.multiply(variable, scale))

    def ema_update(
        self,
        averages: Sequence[keras.Variable],
        variables: Sequence[keras.Variable],
        rate: Tensor,
    ) -> None:
        """Update exponential moving averages of variables.

        Args:
            averages: List of `keras.Variable`s, which are changed.
            variables: List of the `keras.Variable`s that they average.
            rate: Float or scalar tensor in `[0, 1]`, how far each average
                moves towards its variable: one minus the momentum.
        """
        for average, variable in zip(averages, variables, strict=True):
            change = ops.subtract(variable, average)
            step = ops.multiply(ops.cast(rate, average.dtype), change)
            average.assign(ops.add(average, step))

    def while_loop(
        self,
        condition: Callable[..., Tensor],
        step: Callable[..., tuple[Tensor, ...]],
        constants: Sequence[Tensor],
        state: Sequence[Tensor],
    ) -> tuple[Tensor, ...]:
        """Repeat a step while a condition holds.

        Args:
            condition: Function of the constants and the state that returns a
                boolean scalar tensor.
            step: Function of the constants and the state that returns the next
                state. Where the condition no longer holds it must return the
                state unchanged: PyTorch may run up to three steps too many.
                Pass the same function object again if the loop is the same.
            constants: List of tensors.
            state: List of tensors, the initial state.

        Returns:
            The final state.
        """
        return ops.while_loop(
            lambda *state: condition(*constants, *state),
            lambda *state: step(*constants, *state),
            tuple(state),
        )

    def compile_function(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Tensor],
        variables: Sequence[keras.Variable],
        has_loop: bool,
    ) -> Callable[..., Any]:
        """Return a faster version of a function, for inputs of given shapes.

        Args:
            function: Function from tensors to a structure of tensors, without
                side effects.
            inputs: List of arrays or tensors of the shapes and dtypes that the
                function will be called with.
            variables: List of the `keras.Variable`s that it reads.
            has_loop: Boolean, whether it calls `while_loop`.

        Returns:
            A function from arrays or tensors to the structure of tensors. With
            `HOLDS_VALUES` it contains the present values of the variables,
            otherwise it reads them in every call.
        """
        del variables, has_loop
        dtypes = [keras.backend.standardize_dtype(x.dtype) for x in inputs]

        def run(*arrays: Tensor) -> Any:
            tensors = [
                ops.convert_to_tensor(array, dtype)
                for array, dtype in zip(arrays, dtypes, strict=True)
            ]
            return function(*tensors)

        return run

    def fingerprint(self, variables: Sequence[keras.Variable]) -> object:
        """Return an object that is equal as long as no value has changed.

        Args:
            variables: List of `keras.Variable`s.

        Returns:
            An object to compare with one of a later call for the same
            variables.
        """
        return tuple(ops.convert_to_numpy(v).tobytes() for v in variables)


def _pad_symmetric(
    inputs: Tensor, kernel: Tensor, padding: Padding, data_format: DataFormat
) -> tuple[Tensor, Padding]:
    """Pad inputs if the padding is one that Keras does not know."""
    if padding != "symmetric":
        return inputs, padding
    height, width = kernel.shape[:2]
    pairs = symmetric_padding(height), symmetric_padding(width)
    return ops.pad(inputs, padding_of_all_axes(pairs, data_format)), "valid"
