"""Depthwise convolution that runs by the fastest way of its backend."""

import keras

from keras_efficient import kernels
from keras_efficient.layers.conv2d import Convolution
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.host_initialization import HostInitialization


@keras.saving.register_keras_serializable(package="keras_efficient")
class DepthwiseConv2D(
    Convolution, HostInitialization, keras.layers.DepthwiseConv2D
):
    """2D depthwise convolution, as Keras' own and faster.

    Config, weights and results are those of `keras.layers.DepthwiseConv2D`;
    only the way it is computed differs by backend and device, see
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

    def call(self, inputs):
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

    def compute_output_shape(self, input_shape):
        if self.padding != "symmetric":
            return super().compute_output_shape(input_shape)
        channels = input_shape[channel_axis(self.data_format)]
        return self._output_shape(input_shape, channels * self.depth_multiplier)
