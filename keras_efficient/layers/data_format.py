"""The axes of image tensors."""

from typing import get_args

import keras

from keras_efficient.kernels.padding import spatial_axes
from keras_efficient.types import DataFormat
from keras_efficient.types import Shape

__all__ = [
    "DATA_FORMATS",
    "channel_axis",
    "channels_of",
    "spatial_axes",
    "standardize_data_format",
]

DATA_FORMATS: tuple[DataFormat, ...] = get_args(DataFormat)


def standardize_data_format(data_format: DataFormat | None) -> DataFormat:
    """Return a valid data format, by default the one configured in Keras."""
    if data_format is None:
        return keras.config.image_data_format()
    if data_format not in DATA_FORMATS:
        raise ValueError(
            f"`data_format` must be one of {DATA_FORMATS}, or None for the "
            f"one configured in Keras. Received: data_format={data_format!r}"
        )
    return data_format


def channels_of(shape: Shape, data_format: DataFormat) -> int:
    """Return the number of channels of an image tensor of a given shape."""
    channels = shape[channel_axis(data_format)]
    if channels is None:
        raise ValueError(
            "The number of channels must be known. "
            f"Received: shape={shape}, data_format={data_format!r}"
        )
    return channels


def channel_axis(data_format: DataFormat) -> int:
    """Return the axis of the channels: -1, or 1 with channels first."""
    return -1 if data_format == "channels_last" else 1
