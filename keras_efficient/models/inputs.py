"""The first steps of the networks: arguments, input and normalization."""

from typing import Any

import keras

from keras_efficient.layers import ImageNormalization
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.types import DataFormat
from keras_efficient.types import Shape
from keras_efficient.types import Tensor

MIN_IMAGE_SIZE = 32


def check_arguments(
    include_top: bool, pooling: str | None, classes: int
) -> None:
    """Raise a `ValueError` for arguments that no network accepts."""
    if pooling not in (None, "avg", "max"):
        raise ValueError(
            '`pooling` must be None, "avg" or "max". '
            f"Received: pooling={pooling!r}"
        )
    if include_top and (not isinstance(classes, int) or classes < 1):
        raise ValueError(
            "`classes` must be an integer of at least 1. "
            f"Received: classes={classes!r}"
        )


def image_input(
    input_tensor: Tensor | None,
    input_shape: Shape | None,
    resolution: int,
    include_top: bool,
    data_format: DataFormat,
) -> Tensor:
    """Return the tensor that a network begins with.

    Args:
        input_tensor: Keras tensor to build upon, or `None`.
        input_shape: Shape of an image without the batch, or `None`.
        resolution: Integer, side of the default input of a network with a
            classifier.
        include_top: Boolean, whether the network has a classifier.
        data_format: String, `"channels_last"` or `"channels_first"`.

    Returns:
        `input_tensor`, or a new `keras.Input`.

    Raises:
        ValueError: If it is not a Keras tensor, or too small.
    """
    if input_tensor is not None:
        if not keras.backend.is_keras_tensor(input_tensor):
            raise ValueError(
                "`input_tensor` must be a Keras tensor, such as the output "
                "of `keras.Input()` or of a layer. "
                f"Received: input_tensor={input_tensor!r}"
            )
        _check_shape(tuple(input_tensor.shape[1:]), data_format)
        return input_tensor
    if input_shape is None:
        size = resolution if include_top else None
        input_shape = square_shape(size, data_format)
    _check_shape(tuple(input_shape), data_format)
    return keras.Input(tuple(input_shape), name="images")


def square_shape(size: int | None, data_format: DataFormat) -> Shape:
    """Return the shape of a square RGB image, such as `(size, size, 3)`."""
    shape: list[int | None] = [size] * 3
    shape[_axis_in_shape(channel_axis(data_format))] = 3
    return tuple(shape)


def normalize(
    x: Tensor,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    data_format: DataFormat,
    reverse_channels: bool = False,
) -> Tensor:
    """Apply the normalization of pixels in `[0, 255]`.

    Args:
        x: Keras tensor of images.
        mean: Tuple of floats in `[0, 1]`, one for each channel.
        std: Tuple of floats, one for each channel.
        data_format: String, `"channels_last"` or `"channels_first"`.
        reverse_channels: Boolean, whether to turn RGB into BGR. Defaults to
            `False`.

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


def source_of(images: Tensor) -> Any:
    """Return the inputs of the model that computes a tensor."""
    sources = keras.utils.get_source_inputs(images)
    return sources[0] if len(sources) == 1 else sources


def _check_shape(shape: Shape, data_format: DataFormat) -> None:
    names = "(height, width, channels)"
    if data_format == "channels_first":
        names = "(channels, height, width)"
    if len(shape) != 3:
        raise ValueError(
            f"`input_shape` must be a tuple {names}. "
            f"Received: input_shape={shape}"
        )
    channels = shape[_axis_in_shape(channel_axis(data_format))]
    sizes = [shape[axis - 1] for axis in spatial_axes(data_format)]
    if channels is None:
        raise ValueError(
            f"`input_shape` must be a tuple {names} with a known number of "
            f"channels. Received: input_shape={shape}"
        )
    if any(size is not None and size < MIN_IMAGE_SIZE for size in sizes):
        raise ValueError(
            f"Images must be at least {MIN_IMAGE_SIZE} pixels high and wide; "
            f"`input_shape` is {names}. Received: input_shape={shape}"
        )


def _axis_in_shape(axis: int) -> int:
    """Convert an axis of a batch to the axis of one image."""
    return axis if axis < 0 else axis - 1
