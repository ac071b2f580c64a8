"""The block that EfficientNet's stages are made of."""

from typing import Any

import keras

from keras_efficient.layers.conv_norm import ConvNorm
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import channels_of
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.folding import Foldable
from keras_efficient.layers.remat import rematerializable
from keras_efficient.layers.squeeze_excite import SqueezeExcite
from keras_efficient.layers.stochastic_depth import StochasticDepth
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import Padding
from keras_efficient.types import Shape
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class MBConvBlock(Foldable):
    """Mobile inverted bottleneck: expand, depthwise, squeeze-excite, project.

    1. 1x1 convolution to `expand_ratio` times the filters (absent at 1), batch
       normalization, activation;
    2. depthwise convolution, batch normalization, activation;
    3. squeeze-and-excitation (absent at `se_ratio=0`);
    4. 1x1 convolution to `filters`, batch normalization, no activation;
    5. if the shape is unchanged, stochastic depth and the sum with the input.

    Args:
        filters: Integer, output filters.
        kernel_size: Integer, side of the depthwise kernel. Defaults to 3.
        strides: Integer, stride of the depthwise convolution. Defaults to 1.
        expand_ratio: Number, inner filters over input filters, at least 1.
            Defaults to 6.
        se_ratio: Float in `[0, 1]`, squeeze filters over the *input* filters of
            the block; 0 disables squeeze-and-excitation. Defaults to 0.25.
        use_residual: Boolean, whether to add the input if the shape is
            unchanged. Defaults to `True`.
        activation: Activation of steps 1 to 3. Defaults to `"swish"`.
        drop_connect_rate: Float in `[0, 1)`, probability of dropping the
            residual branch of a sample during training; see
            `StochasticDepth`. Defaults to 0.
        padding: String, `"same"`, `"valid"` or `"symmetric"`, of the
            depthwise convolution; see `Conv2D`. Defaults to `"same"`.
        batch_norm_momentum: Float, fraction of the moving statistics that each
            update keeps. Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or with
            channels second.
        training: Boolean, whether batch normalization uses the statistics of
            the batch and stochastic depth is active.

    Returns:
        Tensor of shape `(batch, new_height, new_width, filters)`, or with the
        filters second. Sizes are divided by `strides` and rounded up.

    Raises:
        ValueError: If a number is outside its range.

    Example:
    >>> block = keras_efficient.layers.MBConvBlock(24, strides=2)
    >>> keras.ops.shape(block(keras.ops.ones((2, 9, 14, 16))))
    (2, 5, 7, 24)

    Reference:
        - [Sandler et al., 2018](https://arxiv.org/abs/1801.04381), with
          squeeze-and-excitation as in `tensorflow/tpu`,
          `efficientnet_model.py`.
    """

    # Set by `GraphModel.set_remat`.
    remat = False

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        strides: int = 1,
        expand_ratio: float = 6,
        se_ratio: float = 0.25,
        use_residual: bool = True,
        activation: Activation = "swish",
        drop_connect_rate: float = 0.0,
        padding: Padding = "same",
        batch_norm_momentum: float = 0.99,
        batch_norm_epsilon: float = 1e-3,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        _check_at_least_one(
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            expand_ratio=expand_ratio,
        )
        if not 0 <= se_ratio <= 1:
            raise ValueError(
                f"`se_ratio` must be in [0, 1]. Received: se_ratio={se_ratio}"
            )
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.expand_ratio = expand_ratio
        self.se_ratio = se_ratio
        self.use_residual = use_residual
        self.activation = keras.activations.get(activation)
        self.drop_connect_rate = drop_connect_rate
        self.padding = padding
        self.batch_norm_momentum = batch_norm_momentum
        self.batch_norm_epsilon = batch_norm_epsilon
        self.data_format = standardize_data_format(data_format)
        self.expand: ConvNorm | None = None
        self.depthwise = self._conv_norm(
            kernel_size=kernel_size,
            strides=strides,
            convolution="depthwise",
            activation=self.activation,
            padding=padding,
            name="depthwise",
        )
        self.squeeze_excite: SqueezeExcite | None = None
        self.project = self._conv_norm(filters, name="project")
        self.stochastic_depth = StochasticDepth(
            drop_connect_rate, dtype=self.dtype_policy, name="stochastic_depth"
        )

    def build(self, input_shape: Shape) -> None:
        """Create the layers whose filters depend on those of the input."""
        input_filters = channels_of(input_shape, self.data_format)
        self.has_residual = (
            self.use_residual
            and self.strides == 1
            and self.padding != "valid"
            and input_filters == self.filters
        )
        if self.expand_ratio != 1:
            self.expand = self._conv_norm(
                int(input_filters * self.expand_ratio),
                activation=self.activation,
                name="expand",
            )
        if self.se_ratio:
            self.squeeze_excite = SqueezeExcite(
                max(1, int(input_filters * self.se_ratio)),
                activation=self.activation,
                data_format=self.data_format,
                dtype=self.dtype_policy,
                name="squeeze_excite",
            )
        steps = (
            self.expand,
            self.depthwise,
            self.squeeze_excite,
            self.project,
            self.stochastic_depth,
        )
        shape = input_shape
        for layer in steps:
            if layer is not None:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)

    @rematerializable
    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Expand, filter, weigh the channels, project and add the input."""
        x = inputs
        if self.expand is not None:
            x = self.expand(x, training=training)
        x = self.depthwise(x, training=training)
        if self.squeeze_excite is not None:
            x = self.squeeze_excite(x)
        x = self.project(x, training=training)
        if self.has_residual:
            x = inputs + self.stochastic_depth(x, training=training)
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the outputs."""
        shape = list(self.depthwise.compute_output_shape(input_shape))
        shape[channel_axis(self.data_format)] = self.filters
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "kernel_size": self.kernel_size,
                "strides": self.strides,
                "expand_ratio": self.expand_ratio,
                "se_ratio": self.se_ratio,
                "use_residual": self.use_residual,
                "activation": keras.activations.serialize(self.activation),
                "drop_connect_rate": self.drop_connect_rate,
                "padding": self.padding,
                "batch_norm_momentum": self.batch_norm_momentum,
                "batch_norm_epsilon": self.batch_norm_epsilon,
                "data_format": self.data_format,
            }
        )
        return config

    def _conv_norm(self, filters: int | None = None, **kwargs: Any) -> ConvNorm:
        return ConvNorm(
            filters,
            batch_norm_momentum=self.batch_norm_momentum,
            batch_norm_epsilon=self.batch_norm_epsilon,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            **kwargs,
        )


def _check_at_least_one(**numbers: float) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={number}"
            )
