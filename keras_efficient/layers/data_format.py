"""Where the channels of an image tensor stand."""

import keras

DATA_FORMATS = ("channels_last", "channels_first")


def standardize_data_format(data_format):
    """The data format, Keras' configured one for `None`, checked."""
    if data_format is None:
        return keras.config.image_data_format()
    if data_format not in DATA_FORMATS:
        raise ValueError(
            f"`data_format` must be one of {DATA_FORMATS}, or None for "
            f"Keras' configured one. Received: data_format={data_format!r}"
        )
    return data_format


def channel_axis(data_format):
    """Axis of the channels: -1, or 1 where they stand before the image."""
    return -1 if data_format == "channels_last" else 1


def spatial_axes(data_format):
    """Axes of height and width."""
    return (1, 2) if data_format == "channels_last" else (2, 3)
