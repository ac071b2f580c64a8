"""Keras layers of which EfficientNet is made; each can be used alone."""

from keras_efficient.layers.batch_normalization import BatchNormalization
from keras_efficient.layers.conv2d import Conv2D
from keras_efficient.layers.dense import Dense
from keras_efficient.layers.depthwise_conv2d import DepthwiseConv2D
from keras_efficient.layers.image_normalization import ImageNormalization
from keras_efficient.layers.mbconv import MBConvBlock
from keras_efficient.layers.squeeze_excite import SqueezeExcite
from keras_efficient.layers.stochastic_depth import StochasticDepth

__all__ = [
    "BatchNormalization",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "ImageNormalization",
    "MBConvBlock",
    "SqueezeExcite",
    "StochasticDepth",
]
