"""All bits of images that store more than 8 for each channel.

PIL has no mode for colors of 16 bits: it decodes the higher 8, which are all
zero where a sensor fills 12. This module decodes the lower 8 as well.
"""

import dataclasses
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from PIL import ImageFile
from PIL import TiffImagePlugin

from keras_efficient.data.image_formats import open_known
from keras_efficient.data.value_ranges import PixelError

GRAY_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
PNG_START = b"\x89PNG\r\n\x1a\n"
# Byte orders of PIL's raw modes for 16 bits; N is that of the processor.
LOWER_BYTES = {"B": "L", "L": "B", "N": "B"}
# An image with such a pixel in its higher 8 bits has more than 14 bits.
MIN_FULL = 64
# Tags of TIFF files, and pairs of the smallest and largest value.
TIFF_BITS, TIFF_PHOTOMETRIC, TIFF_PLANES, TIFF_FORMAT = 258, 262, 284, 339
TIFF_RANGES = ((340, 341), (280, 281))
PLANES = (
    "stores channels of 16 bits one after the other, which PIL cannot decode. "
    "Save it with interleaved channels"
)
WHITE_IS_ZERO, APART, UNSIGNED, SIGNED = 0, 2, 1, 2


@dataclasses.dataclass(frozen=True)
class DeepPixels:
    """Pixels of an image with more than 8 bits for each channel.

    Attributes:
        values: Array of integers or floats, `(height, width)` or `(height,
            width, channels)`.
        mode: String, PIL's mode of the image when it is reduced to 8 bits.
        stated: `(low, high)`, the range that the file states, or `None`.
        is_inverted: Boolean, whether the lowest value is white.
    """

    values: np.ndarray
    mode: str
    stated: tuple[float, float] | None = None
    is_inverted: bool = False


def is_deep(image: Image.Image) -> bool:
    """Return whether an image, not yet loaded, has more than 8 bits."""
    codec, _, arguments = _tile(image)
    return (
        image.mode in GRAY_MODES
        or ";16" in str(arguments[0])
        or (codec == "ppm" and arguments[1] > 255)
        or _has_signed_bytes(image)
        or _has_raw_planes(image)
    )


def reopen(image: Image.Image) -> Image.Image:
    """Return a second image of the same file, with nothing loaded.

    Loading it leaves the first as it is. PIL keeps all bits of gray images,
    and of images without a file there is nothing more to load: these are
    returned themselves.
    """
    if image.mode in GRAY_MODES or getattr(image, "fp", None) is None:
        return image
    copy = open_known(io.BytesIO(_contents(image)))
    copy.seek(image.tell())
    return copy


def load_deep(image: Image.Image) -> DeepPixels:
    """Load all bits of an image for which `is_deep` is true.

    Args:
        image: A PIL image, not loaded yet if it is of a file.

    Returns:
        `DeepPixels`, in the orientation in which PIL loads the image.

    Raises:
        PixelError: If PIL cannot decode this kind of image.
    """
    if _has_raw_planes(image):
        raise PixelError(PLANES)
    tile = _tile(image)
    contents = _contents(image)
    image.load()
    values, mode = _values(image, tile, contents)
    tags = _tags(image)
    return DeepPixels(
        values=values,
        mode=mode,
        stated=_stated_range(values, tile, contents, tags),
        is_inverted=mode == "L" and tags.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO,
    )


def _tile(image: Image.Image) -> tuple[str, int, tuple[Any, ...]]:
    """Decoder of an image, offset of its data, arguments of the decoder."""
    tiles = getattr(image, "tile", None)
    if not tiles:  # loaded already, or made in memory
        return "", 0, ("",)
    codec, _, offset, arguments = tiles[0]
    if not isinstance(arguments, tuple):
        arguments = (arguments,)
    return codec, offset, arguments


def _tags(image: Image.Image) -> Any:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return image.tag_v2
    return {}


def _has_signed_bytes(image: Image.Image) -> bool:
    return image.mode == "L" and SIGNED in _tags(image).get(TIFF_FORMAT, ())


def _has_planes(image: Image.Image) -> bool:
    """Whether the channels of more than 8 bits are stored one by one."""
    tags = _tags(image)
    bits = max(tags.get(TIFF_BITS, (8,)))
    return tags.get(TIFF_PLANES) == APART and bits > 8


def _has_raw_planes(image: Image.Image) -> bool:
    """Whether PIL would take each byte of 16 bits for a pixel."""
    return _tile(image)[0] == "raw" and _has_planes(image)


def _contents(image: Image.Image) -> bytes:
    """The file, if something must be read of it that PIL does not tell."""
    file = getattr(image, "fp", None)
    if file is None or (image.mode in GRAY_MODES and image.format != "PNG"):
        return b""
    file.seek(0)
    return file.read()


def _values(
    image: Image.Image,
    tile: tuple[str, int, tuple[Any, ...]],
    contents: bytes,
) -> tuple[np.ndarray, str]:
    codec, offset, arguments = tile
    values = np.asarray(image)
    if image.mode in GRAY_MODES:
        # PIL has only signed integers of 32 bits.
        is_unsigned = UNSIGNED in _tags(image).get(TIFF_FORMAT, (UNSIGNED,))
        if image.mode == "I" and _tags(image) and is_unsigned:
            values = values.view("uint32")
        return values, "L"
    if _has_signed_bytes(image):
        return values.view("int8"), "L"
    if codec == "ppm":
        words = np.frombuffer(contents, ">u2", values.size, offset)
        return words.reshape(values.shape), image.mode
    if values.max() >= MIN_FULL or not contents:
        return values.astype("uint16") << 8, image.mode
    if str(arguments[0]).startswith("LA"):
        return _gray_of_two(contents), "L"
    if _has_planes(image):
        raise PixelError(PLANES)
    with open_known(io.BytesIO(contents)) as other:
        other.seek(image.tell())
        lower = _load_lower_bytes(other, str(arguments[0]))
    return values.astype("uint16") << 8 | lower, image.mode


def _load_lower_bytes(image: ImageFile.ImageFile, raw_mode: str) -> np.ndarray:
    """Decode the lower instead of the higher 8 of 16 bits."""
    name, _, order = raw_mode.partition(";16")
    if name == "RGBa" or order not in LOWER_BYTES:
        raise PixelError(f"has pixels of the kind {raw_mode!r}. Convert it")
    raw_mode = f"{name};16{LOWER_BYTES[order]}"
    for i, (codec, extents, offset, arguments) in enumerate(image.tile):
        rest = arguments[1:] if isinstance(arguments, tuple) else None
        changed = raw_mode if rest is None else (raw_mode, *rest)
        image.tile[i] = type(image.tile[i])(codec, extents, offset, changed)
    return np.asarray(image)


def _gray_of_two(contents: bytes) -> np.ndarray:
    """The gray of a PNG file with gray and transparency of 16 bits.

    Its rows are stored as those of red, green, blue and transparency of 8
    bits are: PIL decodes both bytes of the gray if the header says so.
    """
    header = contents[12:24] + bytes([8, 6]) + contents[26:29]
    check = struct.pack(">I", zlib.crc32(header))
    changed = contents[:12] + header + check + contents[33:]
    with open_known(io.BytesIO(changed)) as image:
        higher, lower, *_ = np.moveaxis(np.asarray(image), -1, 0)
    return higher.astype("uint16") << 8 | lower


def _stated_range(
    values: np.ndarray,
    tile: tuple[str, int, tuple[Any, ...]],
    contents: bytes,
    tags: Any,
) -> tuple[float, float] | None:
    codec, _, arguments = tile
    if codec == "ppm":
        # PIL scales gray to 16 bits itself.
        high = 65535 if values.ndim == 2 else arguments[1]
        return None if arguments[1] == 65535 else (0, high)
    if contents.startswith(PNG_START):
        bits = _significant_bits(contents)
        if bits is None:
            return None
        # The standard wants fewer bits scaled up to 16; some tools store them
        # as they are.
        is_scaled = values.max() >= 2**bits
        return 0, 65535 if is_scaled else 2**bits - 1
    if tags.get(TIFF_BITS) == (12,):
        return 0, 4095
    for low_tag, high_tag in TIFF_RANGES:
        if high_tag in tags:
            return _number(tags.get(low_tag, 0), min), _number(
                tags[high_tag], max
            )
    return None


def _number(value: Any, choose: Callable[..., Any]) -> float:
    """One number of a tag that may have one for each channel."""
    return float(choose(value) if isinstance(value, tuple) else value)


def _significant_bits(png: bytes) -> int | None:
    """Bits that a PNG file states in `sBIT`; `None` if it does not."""
    start = len(PNG_START)
    while start + 8 <= len(png):
        size, name = struct.unpack_from(">I4s", png, start)
        if name == b"sBIT" and size:
            return max(png[start + 8 : start + 8 + size])
        if name == b"IDAT":
            return None
        start += size + 12
    return None
