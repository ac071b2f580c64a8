"""What MobileNets and ResNets share beside their layers."""

import re

import keras

from keras_efficient.layers import ImageNormalization


def normalize(x, mean, std, data_format, reverse_channels=False):
    """The layer that pixels in `[0, 255]` go through first.

    Args:
        x: Keras tensor of images.
        mean: Tuple of floats, in units of `[0, 1]`.
        std: Tuple of floats, in units of `[0, 1]`.
        data_format: String.
        reverse_channels: Boolean, whether to turn RGB into BGR.

    Returns:
        A Keras tensor.
    """
    return ImageNormalization(
        mean,
        std,
        reverse_channels=reverse_channels,
        data_format=data_format,
        name="preprocessing",
    )(x)


def pyramid_of(model, strided, last):
    """The last features at each scale, by the names of layers.

    Args:
        model: A functional `keras.Model`, whose layers stand in the order of
            the network, and whose first convolution halves the image.
        strided: Pattern of the layers that may halve the image again.
        last: Pattern of the layers whose outputs are features.

    Returns:
        A dict `{"P1": tensor, ...}`, finest first.
    """
    pyramid, level = {}, 1
    for layer in model.layers:
        if re.fullmatch(strided, layer.name):
            level += max(keras.tree.flatten(layer.strides)) == 2
        if re.fullmatch(last, layer.name):
            pyramid[f"P{level}"] = layer.output
    return pyramid
