"""Reading of one image, from a file, bytes or memory, into an array."""

import contextlib
import dataclasses
import io
import numbers
import os
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import ExifTags
from PIL import Image
from PIL import TiffImagePlugin

from keras_efficient.types import ImageLike
from keras_efficient.types import PathLike

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
TURNING_ORIENTATIONS = (5, 6, 7, 8)
# Divisors of the sides that a JPEG decoder can apply while it decodes.
REDUCTIONS = (8, 4, 2)


def load_image(
    source: ImageLike,
    max_reduction: Callable[[int, int], float] | None = None,
) -> np.ndarray:
    """Load an image as a uint8 RGB array of shape `(height, width, 3)`.

    Grayscale images become three equal channels, an alpha channel is dropped
    as TensorFlow's decoder does, 16 bits are reduced to the higher 8, and the
    EXIF orientation is applied.

    Args:
        source: Path of a file, its contents as bytes, a PIL image, or a uint8
            array of shape `(height, width)`, `(height, width, 1)`, `(height,
            width, 3)` or `(height, width, 4)`.
        max_reduction: Function from `(height, width)` to the largest divisor
            of the sides. JPEG files are then decoded smaller by 2, 4 or 8,
            which is much faster; other sources are not reduced. Defaults to
            `None`: all pixels.

    Returns:
        A uint8 array of shape `(height, width, 3)`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not an image, is truncated, or far too large.

    Example:
    >>> gray = np.full((4, 6), 7, "uint8")
    >>> keras_efficient.data.load_image(gray).shape
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


@dataclasses.dataclass(frozen=True)
class ImageFrame:
    """How an image is stored, and how `load_image` returns it.

    Attributes:
        size: `(height, width)` in pixels, upright, as `load_image` returns.
        stored_size: `(height, width)` in pixels, as stored in the file.
        orientation: Integer in `[1, 8]`, the EXIF orientation; 1 if the file
            is stored upright or states none.
        note: String, what `load_image` changes beyond the orientation, or
            `None`.
    """

    size: tuple[int, int]
    stored_size: tuple[int, int]
    orientation: int = 1
    note: str | None = None


def image_frame(source: PathLike | bytes, decode: bool = False) -> ImageFrame:
    """Return the size and orientation of an image.

    Args:
        source: Path of a file, or its contents as bytes.
        decode: Boolean, whether to decode the image, at a reduced size if
            possible, to find out whether it is complete. Defaults to `False`.

    Returns:
        An `ImageFrame`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not an image, or far too large; with `decode`
            also if it is truncated.
    """
    with open_image(source) as image:
        height, width = stored_size(image)
        orientation = _orientation(image)
        if decode:
            _reduce(image, lambda height, width: REDUCTIONS[0])
            _to_rgb(image)
    is_turned = orientation in TURNING_ORIENTATIONS
    size = (width, height) if is_turned else (height, width)
    return ImageFrame(size, (height, width), orientation)


def upright_size(
    source: PathLike | bytes, decode: bool = False
) -> tuple[int, int]:
    """Return the `(height, width)` of an image as `load_image` returns it.

    `image_frame` states the arguments, the errors and more of the image.
    """
    return image_frame(source, decode).size


def stored_size(image: Image.Image) -> tuple[int, int]:
    """Return the `(height, width)` in which a file stores its pixels."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # PIL turns TIFF images itself: the size before that, and after it,
        # depends on its version.
        tags = image.tag_v2
        return tags[TiffImagePlugin.IMAGELENGTH], tags[
            TiffImagePlugin.IMAGEWIDTH
        ]
    return image.height, image.width


@contextlib.contextmanager
def open_image(source: PathLike | bytes) -> Iterator[Image.Image]:
    """Open a file, or its bytes, with PIL; errors name it and the reason.

    Args:
        source: Path of a file, or its contents as bytes.

    Yields:
        A PIL image. Errors in the `with` block are attributed to it.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not an image, is truncated, or far too large.
    """
    name = "the given bytes" if isinstance(source, bytes) else os.fspath(source)
    try:
        with Image.open(
            io.BytesIO(source) if isinstance(source, bytes) else name
        ) as image:
            _check_pixels(image)
            yield image
    except FileNotFoundError as e:
        raise FileNotFoundError(f"No such image: {name}") from e
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as e:
        raise ValueError(
            f"{name} has too many pixels for a photo: {e}. Reduce it, or raise "
            "`PIL.Image.MAX_IMAGE_PIXELS` if you trust the file."
        ) from e
    except (MemoryError, Warning):
        raise
    except Exception as e:  # PIL's plugins raise many kinds on broken files
        raise ValueError(f"{name} {_reason(e, source)}") from e


def _reason(error: Exception, source: PathLike | bytes) -> str:
    # Failures of the disk have a number, unlike broken images.
    if isinstance(error, OSError) and error.errno:
        return f"cannot be read: {error.strerror}"
    size = len(source) if isinstance(source, bytes) else os.path.getsize(source)
    if size == 0:
        return "is empty"
    if isinstance(error, Image.UnidentifiedImageError):
        return "is not an image: its first bytes are of no known format"
    return f"is not a complete image: {error}"


def _check_pixels(image: Image.Image) -> None:
    # PIL only warns up to twice its limit, and `warnings.catch_warnings` is
    # not safe in threads: it changes the filters of the whole process.
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise Image.DecompressionBombError(
            f"it has {image.width} x {image.height}, the limit is {limit}"
        )


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        return int(orientation) if 1 <= orientation <= 8 else 1
    except Exception:  # broken EXIF data does not affect the pixels
        return 1


def _reduce(
    image: Image.Image, max_reduction: Callable[[int, int], float]
) -> None:
    """Let the decoder skip pixels that are not needed."""
    if image.format not in ("JPEG", "MPO"):
        return
    width, height = image.size
    is_turned = _orientation(image) in TURNING_ORIENTATIONS
    upright = (width, height) if is_turned else (height, width)
    allowed = max_reduction(*upright)
    for reduction in REDUCTIONS:
        if reduction <= allowed:
            size = max(1, width // reduction), max(1, height // reduction)
            image.draft(None, size)
            return


def _to_rgb(image: Image.Image) -> np.ndarray:
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


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or not array.size:
        raise ValueError(
            "An image array must have the shape (height, width, channels) with "
            f"1, 3 or 4 channels. Received: shape={array.shape}"
        )
    if array.dtype != np.uint8:
        raise ValueError(
            "An image array must be uint8 with pixels in [0, 255]. Received: "
            f"dtype={array.dtype}, values from {array.min()} to {array.max()}"
        )
    if array.shape[-1] == 1:
        return np.repeat(array, 3, axis=-1)
    return array[..., :3]


def standardize_size(size: Any) -> tuple[int, int]:
    """Return a size, a pair or one integer, as `(height, width)`."""
    sides = (size, size) if isinstance(size, numbers.Integral) else tuple(size)
    if len(sides) != 2 or not all(
        isinstance(side, numbers.Integral) and int(side) >= 1 for side in sides
    ):
        raise ValueError(
            "`size` must be (height, width), positive integers in pixels. "
            f"Received: size={size}"
        )
    return int(sides[0]), int(sides[1])


def check_image(image: Any) -> None:
    """Raise an error if this is not a uint8 image with three channels."""
    received = type(image).__name__
    if isinstance(image, np.ndarray):
        if image.dtype == np.uint8 and image.shape[2:] == (3,):
            return
        received = f"dtype={image.dtype}, shape={image.shape}"
    raise ValueError(
        "The image must be a uint8 array of shape (height, width, 3), as "
        f"`keras_efficient.data.load_image` returns. Received: {received}"
    )
