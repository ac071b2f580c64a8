"""Normalization of pixels by mean and standard deviation."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import channels_of
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.host_initialization import HostInitialization
from keras_efficient.types import DataFormat
from keras_efficient.types import Shape
from keras_efficient.types import Tensor
from keras_efficient.variants import IMAGENET_MEAN_RGB
from keras_efficient.variants import IMAGENET_STD_RGB


@keras.saving.register_keras_serializable(package="keras_efficient")
class ImageNormalization(HostInitialization, keras.layers.Layer):
    """Computes `(pixels / 255 - mean) / std` of pixels in `[0, 255]`.

    `mean` and `std` are non-trainable weights: they are saved with the trained
    weights, so that one graph serves all of them. Images whose number of
    channels differs from the length of `mean` and `std` use their averages.

    Args:
        mean: Tuple of floats in `[0, 1]`, one for each channel. Defaults to
            that of ImageNet.
        std: Tuple of floats above 0, one for each channel. Defaults to
            that of ImageNet.
        reverse_channels: Boolean, whether the outputs have the channels in
            reverse order (BGR). Defaults to `False`.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or with
            channels second; pixels in `[0, 255]`, integers or floats.

    Returns:
        Float tensor of the shape of `inputs`.

    Raises:
        ValueError: If `mean` and `std` differ in length, or if a value of
            `std` is not above 0.

    Example:
    >>> layer = keras_efficient.layers.ImageNormalization(
    ...     mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    ... )
    >>> white = layer(keras.ops.full((1, 1, 1, 3), 255.0))
    >>> keras.ops.convert_to_numpy(white).tolist()
    [[[[1.0, 1.0, 1.0]]]]
    """

    def __init__(
        self,
        mean: Sequence[float] = IMAGENET_MEAN_RGB,
        std: Sequence[float] = IMAGENET_STD_RGB,
        reverse_channels: bool = False,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        mean, std = tuple(mean), tuple(std)
        if len(mean) != len(std) or not mean or min(std) <= 0:
            raise ValueError(
                "`mean` and `std` must have the same length, and each value of "
                f"`std` must be above 0. Received: mean={mean}, std={std}"
            )
        # Half precision cannot represent pixels: float32 up to the last step.
        super().__init__(autocast=False, **kwargs)
        self.initial_mean = mean
        self.initial_std = std
        self.reverse_channels = reverse_channels
        self.data_format = standardize_data_format(data_format)

    def build(self, input_shape: Shape) -> None:
        """Create the weights `mean` and `std`."""
        channels = channels_of(input_shape, self.data_format)
        for name in ("mean", "std"):
            values = getattr(self, f"initial_{name}")
            if len(values) != channels:
                values = (sum(values) / len(values),) * channels
            weight = self.add_weight(
                name=name,
                shape=(channels,),
                initializer=keras.initializers.Constant(values),
                trainable=False,
                autocast=False,
            )
            setattr(self, name, weight)

    def call(self, inputs: Tensor) -> Tensor:
        """Normalize the pixels."""
        shape = (-1,) if self.data_format == "channels_last" else (-1, 1, 1)
        mean = ops.reshape(self.mean, shape)
        scale = 1.0 / ops.reshape(self.std, shape)
        # One product and one sum for each pixel.
        pixels = ops.cast(inputs, mean.dtype)
        outputs = pixels * (scale / 255.0) - mean * scale
        if self.reverse_channels:
            outputs = ops.flip(outputs, channel_axis(self.data_format))
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the outputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        config.update(
            {
                "mean": self.initial_mean,
                "std": self.initial_std,
                "reverse_channels": self.reverse_channels,
                "data_format": self.data_format,
            }
        )
        return config
