"""Depthwise convolution with a fast implementation for each backend."""

import keras

from keras_efficient import kernels
from keras_efficient.layers.conv2d import Convolution
from keras_efficient.layers.data_format import channels_of
from keras_efficient.layers.host_initialization import HostInitialization
from keras_efficient.types import Shape
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class DepthwiseConv2D(
    Convolution, HostInitialization, keras.layers.DepthwiseConv2D
):
    """A faster `keras.layers.DepthwiseConv2D`.

    Configuration, weights and results are those of the layer in Keras. Only
    the implementation depends on backend and device; see
    `keras_efficient.kernels`. `padding` may also be `"symmetric"`, and is
    `"same"` by default.

    Args:
        *args: As for `keras.layers.DepthwiseConv2D`: `kernel_size`, ...
        padding: String, `"same"`, `"valid"` or `"symmetric"`; see `Conv2D`.
            Defaults to `"same"`.
        **kwargs: As for `keras.layers.DepthwiseConv2D`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or
            `(batch, channels, height, width)` with
            `data_format="channels_first"`.

    Returns:
        Tensor of shape `(batch, new_height, new_width, channels)`, or with
        the channels second.

    Raises:
        ValueError: If `padding` is unknown.

    Example:
    >>> conv = keras_efficient.layers.DepthwiseConv2D(5, strides=2)
    >>> keras.ops.shape(conv(keras.ops.ones((2, 7, 12, 4))))
    (2, 4, 6, 4)
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Apply convolution, bias and activation."""
        if self.depth_multiplier > 1 or max(self.dilation_rate) > 1:
            return super().call(inputs)
        outputs = kernels.depthwise_conv(
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
        channels = channels_of(input_shape, self.data_format)
        return self._output_shape(input_shape, channels * self.depth_multiplier)
