"""The block of which EfficientNet's stages are made."""

import keras

from keras_efficient.layers import folding
from keras_efficient.layers.batch_normalization import BatchNormalization
from keras_efficient.layers.conv2d import Conv2D
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.depthwise_conv2d import DepthwiseConv2D
from keras_efficient.layers.initializers import conv_kernel_initializer
from keras_efficient.layers.remat import rematerializable
from keras_efficient.layers.squeeze_excite import SqueezeExcite
from keras_efficient.layers.stochastic_depth import StochasticDepth


@keras.saving.register_keras_serializable(package="keras_efficient")
class MBConvBlock(keras.layers.Layer):
    """Mobile inverted bottleneck: expand, depthwise, squeeze-excite, project.

    1. a 1x1 convolution to `expand_ratio` times the filters (absent at 1),
       batch norm, activation;
    2. a depthwise convolution, batch norm, activation;
    3. squeeze-and-excitation (absent at `se_ratio=0`);
    4. a 1x1 convolution to `filters`, batch norm, no activation;
    5. where the shape stays, stochastic depth and the sum with the input.

    Args:
        filters: Integer, output filters.
        kernel_size: Integer, side of the depthwise kernel. Defaults to 3.
        strides: Integer, stride of the depthwise convolution. Defaults to 1.
        expand_ratio: Number, inner filters over input filters, at least 1.
            Defaults to 6.
        se_ratio: Float in `[0, 1]`, squeeze filters over the block's *input*
            filters; 0 leaves squeeze-and-excitation out. Defaults to 0.25.
        use_residual: Boolean, whether the input is added where the shape
            stays. Defaults to `True`.
        activation: Activation of steps 1 to 3. Defaults to `"swish"`.
        drop_connect_rate: Float in `[0, 1)`, probability of dropping the
            residual branch of a sample in training; see `StochasticDepth`.
            Defaults to 0.
        padding: String, `"same"`, `"valid"` or `"symmetric"`, of the
            depthwise convolution; see `Conv2D`. Defaults to `"same"`.
        batch_norm_momentum: Float, share of the old statistics that is kept.
            Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        fused: Boolean, whether the layer is one for inference, whose
            convolutions have taken batch norm in; see `GraphModel.fused`.
            Defaults to `False`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or with
            channels second.
        training: Boolean, whether batch norm uses the batch's statistics and
            stochastic depth drops.

    Returns:
        Tensor of shape `(batch, new_height, new_width, filters)`, or with the
        filters second; sizes are divided by `strides` and rounded up.

    Raises:
        ValueError: If a number lies outside its range.

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
        filters,
        kernel_size=3,
        strides=1,
        expand_ratio=6,
        se_ratio=0.25,
        use_residual=True,
        activation="swish",
        drop_connect_rate=0.0,
        padding="same",
        batch_norm_momentum=0.99,
        batch_norm_epsilon=1e-3,
        data_format=None,
        fused=False,
        **kwargs,
    ):
        _check_at_least_one(
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            expand_ratio=expand_ratio,
        )
        if not 0 <= se_ratio <= 1:
            raise ValueError(
                f"`se_ratio` must lie in [0, 1]. Received: se_ratio={se_ratio}"
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
        self.fused = fused
        self.expand_conv = self.expand_bn = None
        self.squeeze_excite = None
        self.depthwise_conv = DepthwiseConv2D(
            kernel_size,
            strides=strides,
            padding=padding,
            use_bias=fused,
            depthwise_initializer=conv_kernel_initializer(),
            name="depthwise_conv",
            **self._shared_arguments(),
        )
        self.depthwise_bn = self._batch_norm("depthwise_bn")
        self.project_conv = self._pointwise_conv(filters, "project_conv")
        self.project_bn = self._batch_norm("project_bn")
        self.stochastic_depth = StochasticDepth(
            drop_connect_rate, dtype=self.dtype_policy, name="stochastic_depth"
        )

    def build(self, input_shape):
        input_filters = input_shape[channel_axis(self.data_format)]
        self.has_residual = (
            self.use_residual
            and self.strides == 1
            and self.padding != "valid"
            and input_filters == self.filters
        )
        shape = input_shape
        if self.expand_ratio != 1:
            self.expand_conv = self._pointwise_conv(
                int(input_filters * self.expand_ratio), "expand_conv"
            )
            self.expand_bn = self._batch_norm("expand_bn")
            shape = _build(shape, self.expand_conv, self.expand_bn)
        shape = _build(shape, self.depthwise_conv, self.depthwise_bn)
        if self.se_ratio:
            self.squeeze_excite = SqueezeExcite(
                max(1, int(input_filters * self.se_ratio)),
                activation=self.activation,
                name="squeeze_excite",
                **self._shared_arguments(),
            )
            shape = _build(shape, self.squeeze_excite)
        _build(shape, self.project_conv, self.project_bn, self.stochastic_depth)

    @rematerializable
    def call(self, inputs, training=None):
        x = inputs
        if self.expand_conv is not None:
            x = folding.normalized(
                x, self.expand_conv, self.expand_bn, training
            )
            x = self.activation(x)
        x = folding.normalized(
            x, self.depthwise_conv, self.depthwise_bn, training
        )
        x = self.activation(x)
        if self.squeeze_excite is not None:
            x = self.squeeze_excite(x)
        x = folding.normalized(x, self.project_conv, self.project_bn, training)
        if self.has_residual:
            x = inputs + self.stochastic_depth(x, training=training)
        return x

    def fold_from(self, block):
        """Takes the weights of a block that is not fused."""
        if self.expand_conv is not None:
            folding.fold(self.expand_conv, block.expand_conv, block.expand_bn)
        folding.fold(
            self.depthwise_conv, block.depthwise_conv, block.depthwise_bn
        )
        if self.squeeze_excite is not None:
            folding.copy_weights(self.squeeze_excite, block.squeeze_excite)
        folding.fold(self.project_conv, block.project_conv, block.project_bn)

    def compute_output_shape(self, input_shape):
        shape = self.depthwise_conv.compute_output_shape(input_shape)
        if self.data_format == "channels_last":
            return (*shape[:-1], self.filters)
        return (shape[0], self.filters, *shape[2:])

    def get_config(self):
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
                "fused": self.fused,
            }
        )
        return config

    def _shared_arguments(self):
        return {"data_format": self.data_format, "dtype": self.dtype_policy}

    def _pointwise_conv(self, filters, name):
        return Conv2D(
            filters,
            1,
            use_bias=self.fused,
            kernel_initializer=conv_kernel_initializer(),
            name=name,
            **self._shared_arguments(),
        )

    def _batch_norm(self, name):
        if self.fused:
            return None
        return BatchNormalization(
            axis=channel_axis(self.data_format),
            momentum=self.batch_norm_momentum,
            epsilon=self.batch_norm_epsilon,
            dtype=self.dtype_policy,
            name=name,
        )


def _build(shape, *layers):
    """Builds layers that follow each other, and gives the last one's shape."""
    for layer in layers:
        if layer is None:
            continue
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    return shape


def _check_at_least_one(**numbers):
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={number}"
            )
