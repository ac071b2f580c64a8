"""One image, from wherever it is, as an array."""

import contextlib
import io
import os
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import ExifTags
from PIL import Image

DEEP_MODES = ("I;16", "I;16B", "I;16L", "I")
UPRIGHT_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What a JPEG decoder can divide the sides by while it decodes.
REDUCTIONS = (8, 4, 2)


def load_image(
    source: Any, max_reduction: Callable[[int, int], float] | None = None
) -> np.ndarray:
    """Reads an image as `(height, width, 3)`, uint8, RGB.

    Greyscale becomes three equal channels, transparency is dropped as
    TensorFlow's decoder drops it, 16 bits become 8 (the higher ones), and the
    orientation that a camera notes in the file (EXIF) is applied.

    Args:
        source: Path of a file, its content as bytes, a PIL image, or a uint8
            array of shape `(height, width)`, `(height, width, 1)`, `(height,
            width, 3)` or `(height, width, 4)`.
        max_reduction: Function of `(height, width)` that says by what the
            sides may be divided. JPEG files are then decoded smaller by 2, 4
            or 8, which is much faster; other sources stay as they are.
            Defaults to `None`: all pixels.

    Returns:
        A uint8 array of shape `(height, width, 3)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image, or cut off, or far too large.

    Example:
    >>> grey = np.full((4, 6), 7, "uint8")
    >>> keras_efficient.data.load_image(grey).shape
    (4, 6, 3)
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _to_rgb(source)
    with open_image(source) as image:
        if max_reduction is not None:
            _reduce(image, max_reduction)
        return _to_rgb(image)


def upright_size(source: Any) -> tuple[int, int]:
    """Height and width of an image as `load_image` would give it.

    Args:
        source: Path of a file, or its content as bytes.

    Returns:
        A pair of integers, pixels.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image, or far too large.
    """
    with open_image(source) as image:
        width, height = image.size
        is_turned = _orientation(image) in (5, 6, 7, 8)
        return (width, height) if is_turned else (height, width)


@contextlib.contextmanager
def open_image(source: Any) -> Iterator[Image.Image]:
    """Opens a file, or its bytes, with PIL; errors name it and the reason.

    Args:
        source: Path of a file, or its content as bytes.

    Yields:
        A PIL image. What fails in the `with` block counts as its fault.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image, or cut off, or far too large.
    """
    is_bytes = isinstance(source, bytes)
    name = "the given bytes" if is_bytes else os.fspath(source)
    try:
        with Image.open(io.BytesIO(source) if is_bytes else name) as image:
            _check_pixels(image)
            yield image
    except FileNotFoundError as e:
        raise FileNotFoundError(f"There is no image {name}") from e
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as e:
        raise ValueError(
            f"{name} has too many pixels to be a photo: {e}. Make it smaller, "
            "or raise `PIL.Image.MAX_IMAGE_PIXELS` if you trust it."
        ) from e
    except (MemoryError, Warning):
        raise
    except Exception as e:  # PIL's plugins raise many kinds on broken files
        raise ValueError(f"{name} {_reason(e, source)}") from e


def _reason(error, source):
    if getattr(error, "errno", None):  # the disk's fault, not the image's
        return f"cannot be read: {error.strerror}"
    size = len(source) if isinstance(source, bytes) else os.path.getsize(source)
    if size == 0:
        return "is empty"
    if isinstance(error, Image.UnidentifiedImageError):
        return "is no whole image: its first bytes are of no known format"
    return f"is no whole image: {error}"


def _check_pixels(image):
    # PIL only warns up to twice its limit, and `warnings.catch_warnings` is
    # not safe in threads: it changes the filters of the whole process.
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise Image.DecompressionBombError(
            f"it has {image.width} x {image.height}, the limit is {limit}"
        )


def _orientation(image):
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken notes of the camera do not spoil the pixels
        return 1


def _reduce(image, max_reduction):
    """Lets the decoder skip pixels that are not needed."""
    width, height = image.size
    if image.format not in ("JPEG", "MPO"):
        return
    is_turned = _orientation(image) in (5, 6, 7, 8)
    allowed = max_reduction(
        *((width, height) if is_turned else (height, width))
    )
    for reduction in REDUCTIONS:
        if reduction <= allowed:
            size = max(1, width // reduction), max(1, height // reduction)
            image.draft(None, size)
            return


def _to_rgb(image):
    image.load()
    transpose = UPRIGHT_TRANSPOSES.get(_orientation(image))
    if transpose is not None:
        image = image.transpose(transpose)
    if image.mode in DEEP_MODES:
        deep = np.asarray(image).clip(0, 65535)
        return _from_array((deep >> 8).astype("uint8"))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _from_array(array):
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or not array.size:
        raise ValueError(
            "An image array must be (height, width, channels) with 1, 3 or 4 "
            f"channels. Received: shape={array.shape}"
        )
    if array.dtype != np.uint8:
        raise ValueError(
            "An image array must be uint8 with pixels in [0, 255]. Received: "
            f"dtype={array.dtype}, values {array.min()} to {array.max()}"
        )
    if array.shape[-1] == 1:
        return np.repeat(array, 3, axis=-1)
    return array[..., :3]
