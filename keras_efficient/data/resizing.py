"""Bilinear resizing, of a whole image or of a window of the result."""

import functools
import importlib
from typing import Any

import numpy as np
from PIL import Image

from keras_efficient.data.image_channels import map_channels


@functools.cache
def opencv() -> Any:
    """Return the module `cv2`, or `None` if OpenCV is not installed."""
    try:
        return importlib.import_module("cv2")
    except ImportError:
        return None


def resize(
    image: np.ndarray, size: tuple[int, int], antialias: bool = False
) -> np.ndarray:
    """Resize an image, with OpenCV if it is installed.

    Without antialiasing, OpenCV is several times as fast. It rounds positions
    differently, which changes pixels by less than 0.05 of 255.

    Args:
        image: Uint8 array of shape `(height, width, channels)`.
        size: `(height, width)` of the result, in pixels.
        antialias: Boolean, whether to average all pixels when the image is
            reduced. Defaults to `False`.

    Returns:
        Float32 array of shape `(*size, channels)` in `[0, 255]`.
    """
    # OpenCV resizes up to four channels.
    if antialias or opencv() is None or image.shape[-1] > 4:
        return resize_window(image, size, antialias=antialias)
    cv2 = opencv()
    resized = cv2.resize(
        image.astype("float32"), size[::-1], interpolation=cv2.INTER_LINEAR
    )
    # OpenCV drops the axis of a single channel.
    return resized.reshape((*size, image.shape[-1]))


def resize_window(
    image: np.ndarray,
    size: tuple[int, int],
    window: tuple[int, int, int, int] | None = None,
    antialias: bool = False,
) -> np.ndarray:
    """Resize an image and return a window of the result.

    Without antialiasing, this equals `tf.image.resize` (half-pixel centers),
    with which the published detectors were trained; with antialiasing, PIL's
    bilinear filter.

    Args:
        image: Uint8 array of shape `(height, width, channels)`.
        size: `(height, width)` of the whole resized image, in pixels.
        window: `(top, left, height, width)` of the window in the resized
            image, in pixels. Defaults to `None`: the whole image.
        antialias: Boolean; see `resize`. Defaults to `False`.

    Returns:
        Float32 array of the window's size in `[0, 255]`; whole numbers with
        antialiasing.
    """
    top, left, height, width = window or (0, 0, *size)
    if not antialias:
        image = _axis(image, 0, size[0], top, height)
        return _axis(image, 1, size[1], left, width)
    steps = [old / new for old, new in zip(image.shape, size, strict=False)]
    box = (
        left * steps[1],
        top * steps[0],
        min((left + width) * steps[1], image.shape[1]),
        min((top + height) * steps[0], image.shape[0]),
    )
    resized = map_channels(
        image,
        lambda part: part.resize(
            (width, height), Image.Resampling.BILINEAR, box=box
        ),
    )
    return resized.astype("float32")


def _axis(
    image: np.ndarray, axis: int, new: int, start: int, count: int
) -> np.ndarray:
    """Resize one axis and return `count` positions from `start` on."""
    old = image.shape[axis]
    step = np.float32(old) / np.float32(new)
    places = (np.arange(start, start + count, dtype="float32") + 0.5) * step
    places -= np.float32(0.5)
    low = np.floor(places)
    shape = [1, 1, 1]
    shape[axis] = -1
    share = (places - low).reshape(shape)
    low = low.astype("int64")
    first = image.take(np.clip(low, 0, old - 1), axis).astype("float32")
    second = image.take(np.clip(low + 1, 0, old - 1), axis)
    # In place, because memory access takes most of the time.
    second = second.astype("float32", copy=False) - first
    second *= share
    second += first
    return second
