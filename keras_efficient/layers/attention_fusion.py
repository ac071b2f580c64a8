"""Fusion of two features by attention."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.types import DataFormat
from keras_efficient.types import Shape
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class AttentionFusion(keras.layers.Layer):
    """Adds to a coarse feature a fine one, weighted by channel.

    The output is `coarse + fine * sigmoid(m)`, where `m` is the maximum of each
    channel of `coarse` over the image. The layer has no weights.

    Args:
        finer_first: Boolean, whether the first input is the finer one.
            Defaults to `False`.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: List of two tensors of the same shape, `(batch, height, width,
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

    def __init__(
        self,
        finer_first: bool = False,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.finer_first = finer_first
        self.data_format = standardize_data_format(data_format)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Add the weighted fine feature to the coarse one."""
        coarse, fine = inputs[::-1] if self.finer_first else inputs
        axes = spatial_axes(self.data_format)
        maxima = ops.max(coarse, axis=axes, keepdims=True)
        return coarse + fine * ops.sigmoid(maxima)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the shape of the outputs."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        config.update(
            {
                "finer_first": self.finer_first,
                "data_format": self.data_format,
            }
        )
        return config
