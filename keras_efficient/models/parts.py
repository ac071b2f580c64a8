"""The steps that classifiers are made of, whatever their network."""

import keras

from keras_efficient.layers import BatchNormalization
from keras_efficient.layers import Conv2D
from keras_efficient.layers import Dense
from keras_efficient.layers import DepthwiseConv2D
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.initializers import conv_kernel_initializer
from keras_efficient.layers.initializers import dense_kernel_initializer


class Parts:
    """Makes the layers of one network, which share these arguments.

    Args:
        data_format: String, `"channels_last"` or `"channels_first"`.
        activation: Activation behind batch norm.
        padding: String, of convolutions of more than one pixel.
        momentum: Float, of batch norm.
        epsilon: Float, of batch norm.
    """

    def __init__(self, data_format, activation, padding, momentum, epsilon):
        self.data_format = data_format
        self.activation = activation
        self.padding = padding
        self.momentum = momentum
        self.epsilon = epsilon

    def conv(self, x, filters, kernel_size, strides=1, use_bias=False, *, name):
        """A convolution."""
        return Conv2D(
            filters,
            kernel_size,
            strides=strides,
            padding=self.padding,
            use_bias=use_bias,
            kernel_initializer=conv_kernel_initializer(),
            data_format=self.data_format,
            name=name,
        )(x)

    def depthwise_conv(self, x, kernel_size, strides=1, *, name):
        """A depthwise convolution."""
        return DepthwiseConv2D(
            kernel_size,
            strides=strides,
            padding=self.padding,
            use_bias=False,
            depthwise_initializer=conv_kernel_initializer(),
            data_format=self.data_format,
            name=name,
        )(x)

    def norm(self, x, name):
        """A batch norm."""
        return BatchNormalization(
            axis=channel_axis(self.data_format),
            momentum=self.momentum,
            epsilon=self.epsilon,
            name=name,
        )(x)

    def norm_activation(self, x, norm_name, activation_name):
        """A batch norm and the activation."""
        x = self.norm(x, norm_name)
        return keras.layers.Activation(self.activation, name=activation_name)(x)

    def pool(self, x, pooling):
        """The average or the maximum over the image."""
        layer = {
            "avg": keras.layers.GlobalAveragePooling2D,
            "max": keras.layers.GlobalMaxPooling2D,
        }[pooling]
        return layer(data_format=self.data_format, name=f"{pooling}_pool")(x)

    def classify(self, x, classes, activation, dropout_rate):
        """Pooling, dropout and the classifier."""
        x = self.pool(x, "avg")
        if dropout_rate > 0:
            x = keras.layers.Dropout(dropout_rate, name="top_dropout")(x)
        policy = keras.config.dtype_policy()
        is_half = policy.compute_dtype in ("float16", "bfloat16")
        return Dense(
            classes,
            activation=activation,
            kernel_initializer=dense_kernel_initializer(),
            # Probabilities in half precision lose their last digits.
            dtype="float32" if is_half else policy,
            name="predictions",
        )(x)
