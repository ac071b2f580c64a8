"""The step from pixels to what a network was trained on."""

import keras
from keras import ops

from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.host_initialization import HostInitialization

# Mean and standard deviation of ImageNet's training images, red, green, blue.
IMAGENET_MEAN_RGB = (0.485, 0.456, 0.406)
IMAGENET_STD_RGB = (0.229, 0.224, 0.225)


@keras.saving.register_keras_serializable(package="keras_efficient")
class ImageNormalization(HostInitialization, keras.layers.Layer):
    """Turns pixels in `[0, 255]` into `(pixels / 255 - mean) / std`.

    `mean` and `std` are weights that do not train: they travel with the
    trained weights, so that one graph serves all of them. Images with another
    number of channels than `mean` and `std` get their averages.

    Args:
        mean: Tuple of floats in `[0, 1]`, one for each channel. Defaults to
            ImageNet's.
        std: Tuple of floats above 0, one for each channel. Defaults to
            ImageNet's.
        reverse_channels: Boolean, whether the result has its channels in the
            opposite order: blue, green, red. Defaults to `False`.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or with
            channels second; pixels in `[0, 255]`, integers or floats.

    Returns:
        Float tensor of the shape of `inputs`.

    Raises:
        ValueError: If `mean` and `std` differ in length, or a `std` is not
            above 0.

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
        mean=IMAGENET_MEAN_RGB,
        std=IMAGENET_STD_RGB,
        reverse_channels=False,
        data_format=None,
        **kwargs,
    ):
        mean, std = tuple(mean), tuple(std)
        if len(mean) != len(std) or not mean or min(std) <= 0:
            raise ValueError(
                "`mean` and `std` must be of one length, with each `std` "
                f"above 0. Received: mean={mean}, std={std}"
            )
        # Half precision holds no pixels: float32 up to the last step.
        super().__init__(autocast=False, **kwargs)
        self.initial_mean = mean
        self.initial_std = std
        self.reverse_channels = reverse_channels
        self.data_format = standardize_data_format(data_format)

    def build(self, input_shape):
        channels = input_shape[channel_axis(self.data_format)]
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

    def call(self, inputs):
        shape = (-1,) if self.data_format == "channels_last" else (-1, 1, 1)
        mean = ops.reshape(self.mean, shape)
        scale = 1.0 / ops.reshape(self.std, shape)
        # One product and one sum for the image; the rest is three numbers.
        pixels = ops.cast(inputs, mean.dtype)
        outputs = pixels * (scale / 255.0) - mean * scale
        if self.reverse_channels:
            outputs = ops.flip(outputs, channel_axis(self.data_format))
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
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
