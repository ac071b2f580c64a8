"""Keras layers that the networks are composed of. Each can be used alone."""

from keras_efficient.layers.attention_fusion import AttentionFusion
from keras_efficient.layers.batch_normalization import BatchNormalization
from keras_efficient.layers.bifpn import BiFPNLayer
from keras_efficient.layers.conv2d import Conv2D
from keras_efficient.layers.conv_norm import ConvNorm
from keras_efficient.layers.dense import Dense
from keras_efficient.layers.depthwise_conv2d import DepthwiseConv2D
from keras_efficient.layers.feature_network import FeatureNetworkLayer
from keras_efficient.layers.fpn import FPNLayer
from keras_efficient.layers.image_normalization import ImageNormalization
from keras_efficient.layers.image_padding import ImagePadding
from keras_efficient.layers.mbconv import MBConvBlock
from keras_efficient.layers.nas_fpn import NASFPNLayer
from keras_efficient.layers.panet import PANetLayer
from keras_efficient.layers.prediction_head import PredictionHead
from keras_efficient.layers.resample_features import ResampleFeatures
from keras_efficient.layers.separable_conv2d import SeparableConv2D
from keras_efficient.layers.shared_conv_norm import SharedConvNorm
from keras_efficient.layers.squeeze_excite import SqueezeExcite
from keras_efficient.layers.stochastic_depth import StochasticDepth
from keras_efficient.layers.weighted_fusion import WeightedFusion

__all__ = [
    "AttentionFusion",
    "BatchNormalization",
    "BiFPNLayer",
    "Conv2D",
    "ConvNorm",
    "Dense",
    "DepthwiseConv2D",
    "FPNLayer",
    "FeatureNetworkLayer",
    "ImageNormalization",
    "ImagePadding",
    "MBConvBlock",
    "NASFPNLayer",
    "PANetLayer",
    "PredictionHead",
    "ResampleFeatures",
    "SeparableConv2D",
    "SharedConvNorm",
    "SqueezeExcite",
    "StochasticDepth",
    "WeightedFusion",
]
