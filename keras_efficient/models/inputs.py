"""Checks of what users give to a model builder."""

import keras

from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import spatial_axes

MIN_IMAGE_SIZE = 32


def check_arguments(include_top, pooling, classes):
    """Raises a `ValueError` for values that no network has."""
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
    input_tensor, input_shape, resolution, include_top, data_format
):
    """The tensor that a network of images begins with.

    Returns `input_tensor` if it is a Keras tensor, else a new `keras.Input`.
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


def square_shape(size, data_format):
    """The shape of a square RGB image, such as `(size, size, 3)`."""
    shape = [size] * 3
    shape[_axis_in_shape(channel_axis(data_format))] = 3
    return tuple(shape)


def source_of(images):
    """The model's inputs behind a tensor: itself, or where it comes from."""
    sources = keras.utils.get_source_inputs(images)
    return sources[0] if len(sources) == 1 else sources


def _check_shape(shape, data_format):
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


def _axis_in_shape(axis):
    """An axis of a batch as an axis of one image."""
    return axis if axis < 0 else axis - 1
