"""Fusion of two features, the coarser of which weighs the finer."""

import keras
from keras import ops

from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.data_format import standardize_data_format


@keras.saving.register_keras_serializable(package="keras_efficient")
class AttentionFusion(keras.layers.Layer):
    """The coarser feature plus the finer one, weighed channel by channel.

    `coarse + fine * sigmoid(m)`, where `m` is the maximum of each channel of
    `coarse` over the whole image. Nothing learns.

    Args:
        finer_first: Boolean, whether the first input is the finer one.
            Defaults to `False`.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: List of two tensors of one shape, `(batch, height, width,
            channels)` or with channels second.

    Returns:
        Tensor of the shape of each input.

    Example:
    >>> fusion = keras_efficient.layers.AttentionFusion()
    >>> zeros, ones = np.zeros((1, 2, 3, 4)), np.ones((1, 2, 3, 4))
    >>> float(fusion([zeros, ones])[0, 0, 0, 0])
    0.5

    Reference:
        - [Ghiasi et al., 2019, section 3.1](https://arxiv.org/abs/1904.07392).
    """

    def __init__(self, finer_first=False, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.finer_first = finer_first
        self.data_format = standardize_data_format(data_format)

    def call(self, inputs):
        coarse, fine = inputs[::-1] if self.finer_first else inputs
        axes = spatial_axes(self.data_format)
        maxima = ops.max(coarse, axis=axes, keepdims=True)
        return coarse + fine * ops.sigmoid(maxima)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "finer_first": self.finer_first,
                "data_format": self.data_format,
            }
        )
        return config
