"""Images with another number of channels than the three of RGB."""

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
from PIL import Image

# Weights of red, green and blue in the luminance, in units of `2**-16`
# (ITU-R BT.601), and the rounding: those of PIL.
LUMINANCE = (19595, 38470, 7471)
LUMINANCE_BITS = 16
OPAQUE = 255
# Numbers of channels that image files have: gray, RGB and RGBA.
FILE_CHANNELS = (1, 3, 4)


def convert_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Return an image with a number of channels.

    Args:
        pixels: Uint8 array of shape `(height, width, n)`.
        channels: Integer, the number of channels of the result.

    Returns:
        `pixels` if it has this number. From RGB or RGBA to gray, the
        luminance; from gray, equal channels; alpha is dropped, or 255 if there
        was none.

    Raises:
        ValueError: If the numbers of channels do not have such a meaning.

    Example:
    >>> from keras_efficient.data.image_channels import convert_channels
    >>> convert_channels(np.full((2, 2, 3), 9, "uint8"), 1).shape
    (2, 2, 1)
    """
    received = pixels.shape[-1]
    if received == channels:
        return pixels
    if received not in FILE_CHANNELS or channels not in FILE_CHANNELS:
        raise ValueError(
            f"The image must have {channels} channels. Pass a uint8 array of "
            f"shape (height, width, {channels}): only gray, RGB and RGBA "
            "images, with 1, 3 and 4 channels, are converted to each other. "
            f"Received: {received} channels"
        )
    if channels == 1:
        return luminance(pixels)
    if received == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    colors = pixels[..., :3]
    if channels == 3:
        return colors
    alpha = np.full((*pixels.shape[:2], 1), OPAQUE, "uint8")
    return np.concatenate([colors, alpha], axis=-1)


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Return the gray values of RGB or RGBA pixels, as PIL computes them.

    Args:
        pixels: Uint8 array of shape `(height, width, 3)` or `(height, width,
            4)`.

    Returns:
        Uint8 array of shape `(height, width, 1)`.
    """
    total = np.full(pixels.shape[:2], 1 << (LUMINANCE_BITS - 1), "int32")
    for channel, weight in enumerate(LUMINANCE):
        total += pixels[..., channel].astype("int32") * np.int32(weight)
    return (total >> LUMINANCE_BITS).astype("uint8")[..., None]


def map_channels(
    image: np.ndarray, function: Callable[[Image.Image], Image.Image]
) -> np.ndarray:
    """Apply a function of PIL images to each channel of an array.

    PIL has no images of other numbers of channels, and multiplies the colors
    of RGBA images by alpha when it resizes them.

    Args:
        image: Uint8 array of shape `(height, width, channels)`.
        function: Function from a PIL image to another, of one channel or RGB.

    Returns:
        Uint8 array of the new height and width, with the same channels.
    """
    if image.shape[-1] == 3:
        return np.array(function(Image.fromarray(image)))
    planes = [
        np.asarray(function(Image.fromarray(np.ascontiguousarray(plane))))
        for plane in np.moveaxis(image, -1, 0)
    ]
    return np.stack(planes, axis=-1)


def map_colors(
    image: np.ndarray, function: Callable[[Image.Image], Image.Image]
) -> np.ndarray:
    """Apply a change of colors to an array; alpha stays the same.

    Args:
        image: Uint8 array of shape `(height, width, channels)`.
        function: Function from a PIL image to another of the same size, of one
            channel or RGB.

    Returns:
        Uint8 array of the shape of `image`.
    """
    if image.shape[-1] != 4:
        return map_channels(image, function)
    colors = map_channels(image[..., :3], function)
    return np.concatenate([colors, image[..., 3:]], axis=-1)


def fill_for(fill: Sequence[float], channels: int) -> tuple[float, ...]:
    """Return the color of padding for images with a number of channels.

    Args:
        fill: Sequence of numbers, one for each channel.
        channels: Integer, the number of channels of the images.

    Returns:
        `fill`; if it has another length its average for each channel, which
        `ImageNormalization` treats in the same way.
    """
    if len(fill) == channels:
        return tuple(fill)
    return (sum(fill) / len(fill),) * channels
