"""Depthwise separable convolution."""

from typing import Any

import keras

from keras_efficient.layers.composite import Composite
from keras_efficient.layers.conv2d import Conv2D
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.depthwise_conv2d import DepthwiseConv2D
from keras_efficient.types import DataFormat
from keras_efficient.types import Initializer
from keras_efficient.types import Padding
from keras_efficient.types import Shape
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class SeparableConv2D(Composite):
    """A depthwise convolution followed by a 1x1 convolution.

    Args:
        filters: Integer, output filters.
        kernel_size: Integer, side of the depthwise kernel. Defaults to 3.
        strides: Integer, stride of the depthwise convolution. Defaults to 1.
        use_bias: Boolean, whether the 1x1 convolution has a bias. Defaults to
            `True`.
        padding: String, `"same"`, `"valid"` or `"symmetric"`; see `Conv2D`.
            Defaults to `"same"`.
        kernel_initializer: Initializer of both kernels. Defaults to
            `"glorot_uniform"`.
        bias_initializer: Initializer of the bias. Defaults to `"zeros"`.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or with
            channels second.

    Returns:
        Tensor of shape `(batch, height, width, filters)`, or with the filters
        second; smaller with `"valid"`.

    Raises:
        ValueError: If `padding` is unknown.

    Example:
    >>> conv = keras_efficient.layers.SeparableConv2D(8)
    >>> keras.ops.shape(conv(keras.ops.ones((2, 5, 7, 4))))
    (2, 5, 7, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        strides: int = 1,
        use_bias: bool = True,
        padding: Padding = "same",
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.use_bias = use_bias
        self.padding = padding
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.data_format = standardize_data_format(data_format)
        shared = {"data_format": self.data_format, "dtype": self.dtype_policy}
        self.depthwise_conv = DepthwiseConv2D(
            kernel_size,
            strides=strides,
            padding=padding,
            use_bias=False,
            depthwise_initializer=self.kernel_initializer.clone(),
            name="depthwise_conv",
            **shared,
        )
        self.pointwise_conv = Conv2D(
            filters,
            1,
            use_bias=use_bias,
            kernel_initializer=self.kernel_initializer.clone(),
            bias_initializer=self.bias_initializer,
            name="pointwise_conv",
            **shared,
        )

    def build(self, input_shape: Shape) -> None:
        """Create the weights of both convolutions."""
        self.depthwise_conv.build(input_shape)
        self.pointwise_conv.build(
            self.depthwise_conv.compute_output_shape(input_shape)
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Apply both convolutions."""
        return self.pointwise_conv(self.depthwise_conv(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the outputs."""
        return self.pointwise_conv.compute_output_shape(
            self.depthwise_conv.compute_output_shape(input_shape)
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "kernel_size": self.kernel_size,
                "strides": self.strides,
                "use_bias": self.use_bias,
                "padding": self.padding,
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
                "bias_initializer": keras.initializers.serialize(
                    self.bias_initializer
                ),
                "data_format": self.data_format,
            }
        )
        return config
