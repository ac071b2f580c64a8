"""The images that a model expects: layout, size and channels."""

import dataclasses

import keras

from keras_efficient.data.image_channels import FILE_CHANNELS
from keras_efficient.internals import keras_internals


@dataclasses.dataclass(frozen=True)
class ModelImages:
    """The images that a model expects.

    Attributes:
        size: `(height, width)` in pixels, with `None` for a side of any
            length.
        channels: Integer, number of channels.
        is_channels_first: Boolean, whether the model expects images of shape
            `(channels, height, width)`.
    """

    size: tuple[int | None, int | None]
    channels: int
    is_channels_first: bool


def images_of(model: keras.Model) -> ModelImages:
    """Return the images that a model expects, by the shape of its input.

    The axis of three channels is recognized. For other numbers the data format
    of the model's layers determines the axis, or else the number of channels
    that image files have, or that is smaller.

    Args:
        model: A functional or Sequential `keras.Model`.

    Returns:
        `ModelImages`.

    Raises:
        ValueError: If the model does not have one image as input.

    Example:
    >>> from keras_efficient.inference.model_images import images_of
    >>> pixels = keras.Input((8, 9, 1))
    >>> images_of(keras.Model(pixels, pixels))
    ModelImages(size=(8, 9), channels=1, is_channels_first=False)
    """
    shapes = [tuple(x.shape) for x in model.inputs]
    shape = shapes[0]
    if len(shapes) == 1 and len(shape) == 4:
        is_first = _is_channels_first(model, shape)
        channels = shape[1] if is_first else shape[3]
        if channels is not None:
            size = shape[2:4] if is_first else shape[1:3]
            return ModelImages(size, channels, is_first)
    raise ValueError(
        "The model must have one image as input, of shape (batch, height, "
        "width, channels) or (batch, channels, height, width) with a known "
        f"number of channels. Received: {model.name!r} with the input shapes "
        f"{shapes}"
    )


def _is_channels_first(model: keras.Model, shape: tuple) -> bool:
    first, last = shape[1], shape[3]
    if 3 in (first, last) and first != last:
        return first == 3
    formats = {
        getattr(layer, "data_format", None)
        for layer in keras_internals.all_layers(model)
    }
    formats &= {"channels_first", "channels_last"}
    if len(formats) == 1:
        return formats == {"channels_first"}
    if last is None or first is None:
        return last is None
    if (first in FILE_CHANNELS) != (last in FILE_CHANNELS):
        return first in FILE_CHANNELS
    return first < last
