"""Bilinear resizing of which only a part is computed."""

import functools
import importlib

import numpy as np
from PIL import Image


@functools.cache
def opencv():
    """The module `cv2`, or `None` where OpenCV is not installed."""
    try:
        return importlib.import_module("cv2")
    except ImportError:
        return None


def resize(image, size, antialias=False):
    """An image resized, by OpenCV where it is installed.

    Without antialiasing OpenCV computes the same, several times as fast; it
    rounds places in the image otherwise, which changes pixels by less than
    0.05 of 255.

    Args:
        image: Array `(height, width, 3)`, uint8.
        size: `(height, width)` of the result, in pixels.
        antialias: Boolean. Defaults to `False`.

    Returns:
        Float32 array `(*size, 3)`, values in `[0, 255]`.
    """
    if antialias or opencv() is None:
        return resize_window(image, size, antialias=antialias)
    cv2 = opencv()
    return cv2.resize(
        image.astype("float32"), size[::-1], interpolation=cv2.INTER_LINEAR
    )


def resize_window(image, size, window=None, antialias=False):
    """A part of an image that was resized.

    Without antialiasing it is `tf.image.resize` (half-pixel centres), with
    which the published detectors were trained; with it, PIL's filter.

    Args:
        image: Array `(height, width, 3)`, uint8.
        size: `(height, width)` of the whole resized image, in pixels.
        window: `(top, left, height, width)` of the part in the resized image.
            Defaults to all of it.
        antialias: Boolean. Defaults to `False`.

    Returns:
        Float32 array of the window's size, values in `[0, 255]`; whole
        numbers with antialiasing.
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
    resized = Image.fromarray(image).resize(
        (width, height), Image.Resampling.BILINEAR, box=box
    )
    return np.asarray(resized, "float32")


def _axis(image, axis, new, start, count):
    """Resizes one axis and takes `count` places from `start` on."""
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
    # In place: NumPy spends its time on memory here.
    second = second.astype("float32", copy=False) - first
    second *= share
    second += first
    return second
