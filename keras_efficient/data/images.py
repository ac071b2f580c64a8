"""One image, from wherever it is, as an array."""

import io
import os
import warnings

import numpy as np
from PIL import Image
from PIL import ImageOps

# Depths that do not fit into 8 bits, and the number of their white.
DEEP_MODES = {"I;16": 65535, "I;16B": 65535, "I;16L": 65535, "I": 65535}


def load_image(source):
    """Reads an image as `(height, width, 3)`, uint8, RGB.

    Greyscale becomes three equal channels, transparency is dropped as
    TensorFlow's decoder drops it, 16 bits become 8, and the orientation that
    a camera notes in the file (EXIF) is applied.

    Args:
        source: Path of a file, its content as bytes, a PIL image, or a uint8
            array of shape `(height, width)`, `(height, width, 1)`, `(height,
            width, 3)` or `(height, width, 4)`.

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
    if isinstance(source, bytes):
        name, file = "the given bytes", io.BytesIO(source)
    else:
        name = file = os.fspath(source)
        if not os.path.exists(file):
            raise FileNotFoundError(f"There is no image {file}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)  # odd EXIF entries
            with Image.open(file) as image:
                return _to_rgb(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as e:
        raise ValueError(
            f"{name} has too many pixels to be a photo: {e}. Make it smaller, "
            "or raise `PIL.Image.MAX_IMAGE_PIXELS` if you trust it."
        ) from e
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as e:
        size = len(source) if isinstance(source, bytes) else _size_of(file)
        reason = "is empty" if size == 0 else f"is no whole image: {e}"
        raise ValueError(f"{name} {reason}") from e


def _size_of(file):
    return os.path.getsize(file) if os.path.isfile(file) else -1


def _to_rgb(image):
    image = ImageOps.exif_transpose(image)
    if image.mode in DEEP_MODES:
        white = DEEP_MODES[image.mode]
        deep = np.asarray(image).astype("float64")
        return _from_array((deep * (255 / white)).clip(0, 255).astype("uint8"))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.array(image.convert("RGB"))


def _from_array(array):
    if array.dtype != np.uint8:
        raise ValueError(
            "An image array must be uint8 with pixels in [0, 255]. Received: "
            f"dtype={array.dtype}, values {array.min()} to {array.max()}"
        )
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4):
        raise ValueError(
            "An image array must be (height, width, channels) with 1, 3 or 4 "
            f"channels. Received: shape={array.shape}"
        )
    if array.shape[-1] == 1:
        return np.repeat(array, 3, axis=-1)
    return array[..., :3]
