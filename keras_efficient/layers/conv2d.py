"""Convolution with a fast implementation for each backend."""

from typing import Any

import keras
from keras import ops

from keras_efficient import kernels
from keras_efficient.layers.activation_attribute import ActivationAttribute
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.host_initialization import HostInitialization
from keras_efficient.types import Padding
from keras_efficient.types import Shape
from keras_efficient.types import Tensor


def check_padding(padding: str) -> None:
    """Raise a `ValueError` if `padding` is unknown."""
    if padding not in kernels.PADDINGS:
        raise ValueError(
            f"`padding` must be one of {kernels.PADDINGS}. "
            f"Received: padding={padding!r}"
        )


class Convolution(ActivationAttribute):
    """Mixin of convolutions that adds `padding="symmetric"`."""

    def __init__(
        self, *args: Any, padding: Padding = "same", **kwargs: Any
    ) -> None:
        check_padding(padding)
        super().__init__(
            *args,
            padding="valid" if padding == "symmetric" else padding,
            **kwargs,
        )
        self.padding = padding
        if padding == "symmetric" and max(self.dilation_rate) > 1:
            raise ValueError(
                '`padding="symmetric"` does not support dilation. Use '
                '`padding="same"` or `dilation_rate=1`. '
                f"Received: dilation_rate={self.dilation_rate}"
            )

    def _tensors(self) -> tuple[Tensor, Tensor | None]:
        """Return kernel and bias; the bias is `None` without `use_bias`."""
        bias = ops.convert_to_tensor(self.bias) if self.use_bias else None
        return ops.convert_to_tensor(self.kernel), bias

    def _activated(self, outputs: Tensor) -> Tensor:
        return outputs if self.activation is None else self.activation(outputs)

    def _output_shape(self, input_shape: Shape, filters: int) -> Shape:
        shape = list(input_shape)
        shape[channel_axis(self.data_format)] = filters
        for i, axis in enumerate(spatial_axes(self.data_format)):
            shape[axis] = kernels.output_size(
                shape[axis], self.kernel_size[i], self.strides[i], self.padding
            )
        return tuple(shape)


@keras.saving.register_keras_serializable(package="keras_efficient")
class Conv2D(Convolution, HostInitialization, keras.layers.Conv2D):
    """A faster `keras.layers.Conv2D`.

    Configuration, weights and results are those of the layer in Keras. Only
    the implementation depends on backend and device; see
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

    def call(self, inputs: Tensor) -> Tensor:
        """Apply convolution, bias and activation."""
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

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the outputs."""
        if self.padding != "symmetric":
            return super().compute_output_shape(input_shape)
        return self._output_shape(input_shape, self.filters)
