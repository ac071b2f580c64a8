"""Convolution that runs by the fastest way of its backend."""

import keras
from keras import ops

from keras_efficient import kernels
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.host_initialization import HostInitialization


def check_padding(padding: str) -> None:
    """Raise a `ValueError` if `padding` is unknown."""
    if padding not in kernels.PADDINGS:
        raise ValueError(
            f"`padding` must be one of {kernels.PADDINGS}. "
            f"Received: padding={padding!r}"
        )


class Convolution:
    """Mixin of convolutions: `padding="symmetric"`, and what follows them."""

    def __init__(self, *args, padding="same", **kwargs):
        check_padding(padding)
        super().__init__(
            *args,
            padding="valid" if padding == "symmetric" else padding,
            **kwargs,
        )
        self.padding = padding
        if padding == "symmetric" and max(self.dilation_rate) > 1:
            raise ValueError(
                '`padding="symmetric"` takes no dilation. '
                f"Received: dilation_rate={self.dilation_rate}"
            )

    def _tensors(self):
        """Kernel and bias; `None` where there is no bias."""
        bias = ops.convert_to_tensor(self.bias) if self.use_bias else None
        return ops.convert_to_tensor(self.kernel), bias

    def _activated(self, outputs):
        return outputs if self.activation is None else self.activation(outputs)

    def _output_shape(self, input_shape, filters):
        shape = list(input_shape)
        shape[channel_axis(self.data_format)] = filters
        for i, axis in enumerate(spatial_axes(self.data_format)):
            shape[axis] = kernels.output_size(
                shape[axis], self.kernel_size[i], self.strides[i], self.padding
            )
        return tuple(shape)


@keras.saving.register_keras_serializable(package="keras_efficient")
class Conv2D(Convolution, HostInitialization, keras.layers.Conv2D):
    """2D convolution, as `keras.layers.Conv2D` and faster.

    Config, weights and results are those of `keras.layers.Conv2D`; only the
    way it is computed differs by backend and device, see
    `keras_efficient.kernels`. `padding` may also be `"symmetric"`, and is
    `"same"` by default.

    Args:
        *args: As for `keras.layers.Conv2D`: `filters`, `kernel_size`, ...
        padding: String, `"same"`, `"valid"` or `"symmetric"`. `"symmetric"`
            adds `(kernel_size - 1) // 2` zeros on both sides of an axis, as
            PyTorch networks do. Defaults to `"same"`.
        **kwargs: As for `keras.layers.Conv2D`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or
            `(batch, channels, height, width)` with
            `data_format="channels_first"`.

    Returns:
        Tensor of shape `(batch, new_height, new_width, filters)`, or with the
        filters second.

    Raises:
        ValueError: If `padding` is unknown.

    Example:
    >>> conv = keras_efficient.layers.Conv2D(8, 3, strides=2)
    >>> keras.ops.shape(conv(keras.ops.ones((2, 7, 12, 4))))
    (2, 4, 6, 8)
    """

    def call(self, inputs):
        if self.groups > 1 or max(self.dilation_rate) > 1:
            kernel, bias = self._tensors()
            outputs = self.convolution_op(inputs, kernel)
            outputs = kernels.add_bias(outputs, bias, self.data_format)
        else:
            outputs = kernels.conv(
                inputs,
                *self._tensors(),
                self.strides,
                self.padding,
                self.data_format,
            )
        return self._activated(outputs)

    def compute_output_shape(self, input_shape):
        if self.padding != "symmetric":
            return super().compute_output_shape(input_shape)
        return self._output_shape(input_shape, self.filters)
