"""Opening of image files: errors, orientation and stored size."""

import contextlib
import io
import os
import stat
from collections.abc import Callable
from collections.abc import Iterator
from typing import BinaryIO

from PIL import ExifTags
from PIL import Image
from PIL import TiffImagePlugin

from keras_efficient.data.image_formats import missing_decoder
from keras_efficient.data.image_formats import open_known
from keras_efficient.data.records import shown_text
from keras_efficient.data.value_ranges import PixelError
from keras_efficient.types import PathLike

TURNING_ORIENTATIONS = (5, 6, 7, 8)
# Divisors of the sides that a JPEG decoder can apply while it decodes.
REDUCTIONS = (8, 4, 2)
# Pixels that a file may state: as many as compression can reach, and those of
# a large photo for formats that store an empty image in a few bytes.
FREE_PIXELS = 1 << 24
PIXELS_PER_BYTE = 4096
# Bytes of a read that is compared with the size of the file.
LARGE_READ = 1 << 20
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@contextlib.contextmanager
def open_image(source: PathLike | bytes) -> Iterator[Image.Image]:
    """Open a file, or its bytes, with PIL; errors name it and the reason.

    Args:
        source: Path of a file, or its contents as bytes.

    Yields:
        A PIL image. Errors in the `with` block are attributed to it.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not an image, is truncated, far too large, or
            states far more pixels than its bytes can hold.
    """
    name = "the given bytes"
    if not isinstance(source, bytes):
        source = os.fspath(source)
        name = shown_text(source)
    try:
        if not isinstance(source, bytes):
            _check_regular(source)
        with _opened(source) as file, open_known(file) as image:
            _check_pixels(image, _size_of(source))
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
    except PixelError as e:
        raise ValueError(f"{name} {e}") from e
    except Exception as e:  # PIL's plugins raise many kinds on broken files
        raise ValueError(f"{name} {_reason(e, source)}") from e


class _BoundedReader(io.BufferedReader):
    """A file that reserves no memory for what lies beyond its end.

    PIL reads as many bytes as a chunk of an image states, up to 4 GB.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LARGE_READ:
            rest = os.fstat(self.fileno()).st_size - self.tell()
            size = min(size, max(rest, 0))
        return super().read(size)


def _opened(source: str | bytes) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return _BoundedReader(io.FileIO(source))


def _check_regular(name: str) -> None:
    # Opening a pipe waits until another program writes to it.
    mode = os.stat(name).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise PixelError("is a pipe or a device, not a file")


def _reason(error: Exception, source: PathLike | bytes) -> str:
    # Failures of the disk have a number, unlike broken images.
    if isinstance(error, OSError) and error.errno:
        return f"cannot be read: {error.strerror}"
    if isinstance(source, str) and "\0" in source:
        return "is not a name of a file: it contains a zero byte"
    if _size_of(source) == 0:
        return "is empty"
    if isinstance(error, Image.UnidentifiedImageError):
        cure = None if isinstance(source, bytes) else missing_decoder(source)
        if cure:
            return f"is in a format that is not installed. Run `{cure}`"
        if _begins_as_tiff(source):
            return (
                "is a TIFF file of a kind that PIL cannot decode, such as "
                "colors of 32 bits or floats of 64. Convert it to 8 or 16 bits"
            )
        return (
            "is not an image of a known format: JPEG, PNG, BMP, GIF, WebP, "
            "TIFF, PPM, TGA, AVIF, JPEG 2000, HEIC or JPEG XL. Its contents "
            "decide, not its name"
        )
    return f"is not a complete image: {shown_text(error)}"


def _size_of(source: PathLike | bytes) -> int:
    """Bytes of an image."""
    if isinstance(source, bytes):
        return len(source)
    return os.path.getsize(source)


def _begins_as_tiff(source: PathLike | bytes) -> bool:
    if isinstance(source, bytes):
        return source[:4] in TIFF_STARTS
    with open(source, "rb") as file:
        return file.read(4) in TIFF_STARTS


def _check_pixels(image: Image.Image, size: int) -> None:
    # PIL only warns up to twice its limit, and `warnings.catch_warnings` is
    # not safe in threads: it changes the filters of the whole process.
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise Image.DecompressionBombError(
            f"it has {image.width} x {image.height}, the limit is {limit}"
        )
    # Memory is reserved before the first pixel is decoded.
    if image.width * image.height > FREE_PIXELS + PIXELS_PER_BYTE * size:
        raise PixelError(
            f"states {image.width} x {image.height} pixels, far more than its "
            f"{size} bytes can hold. Export the image again; an empty image "
            "can be stored smaller"
        )


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF or TIFF orientation, 1 to 8, that is not applied yet."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        return int(orientation) if 1 <= orientation <= 8 else 1
    except Exception:  # broken EXIF data does not affect the pixels
        return 1


def reduce_size(
    image: Image.Image, max_reduction: Callable[[int, int], float]
) -> None:
    """Let the decoder skip pixels that are not needed."""
    if image.format not in ("JPEG", "MPO"):
        return
    width, height = image.size
    is_turned = orientation_of(image) in TURNING_ORIENTATIONS
    upright = (width, height) if is_turned else (height, width)
    allowed = max_reduction(*upright)
    for reduction in REDUCTIONS:
        if reduction <= allowed:
            size = max(1, width // reduction), max(1, height // reduction)
            image.draft(None, size)
            return


def stored_size(image: Image.Image) -> tuple[int, int]:
    """Return the `(height, width)` in which a file stores its pixels."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # PIL turns TIFF images itself: the size before that, and after it,
        # depends on its version.
        tags = image.tag_v2
        height = tags[TiffImagePlugin.IMAGELENGTH]
        return height, tags[TiffImagePlugin.IMAGEWIDTH]
    return image.height, image.width
