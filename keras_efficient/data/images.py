"""Reading of one image, from a file, bytes or memory, into an array."""

import dataclasses
import numbers
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from PIL import ImageCms

from keras_efficient.data.deep_images import DeepPixels
from keras_efficient.data.deep_images import is_deep
from keras_efficient.data.deep_images import load_deep
from keras_efficient.data.deep_images import reopen
from keras_efficient.data.image_channels import FILE_CHANNELS
from keras_efficient.data.image_channels import convert_channels
from keras_efficient.data.image_files import REDUCTIONS
from keras_efficient.data.image_files import TURNING_ORIENTATIONS
from keras_efficient.data.image_files import open_image
from keras_efficient.data.image_files import orientation_of
from keras_efficient.data.image_files import reduce_size
from keras_efficient.data.image_files import stored_size
from keras_efficient.data.value_ranges import PixelError
from keras_efficient.data.value_ranges import ValueRange
from keras_efficient.data.value_ranges import as_value_range
from keras_efficient.data.value_ranges import find_value_range
from keras_efficient.data.value_ranges import how_to_convert
from keras_efficient.data.value_ranges import reduce_to_uint8
from keras_efficient.data.value_ranges import warn_about_guess
from keras_efficient.data.value_ranges import warn_if_unit_range
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
# Notes on images, for reports.
SEVERAL_PAGES = "images of several pages, of which the first is read"
NOT_DECODED = "images of more than 8 bits, scaled when they are read"
# The higher 8 of 16 bits of which a sensor fills 12 are not above this.
NEARLY_BLACK = 15


def load_image(
    source: ImageLike,
    max_reduction: Callable[[int, int], float] | None = None,
    value_range: Sequence[float] | None = None,
    channels: int = 3,
) -> np.ndarray:
    """Load an image as a uint8 array, RGB by default.

    Grayscale images become three equal channels, an alpha channel is dropped
    as TensorFlow's decoder does, and the EXIF or TIFF orientation is applied.
    Of animations and files with several pages or frames, the first is read.

    Images with more than 8 bits are reduced to 8. Black and white are, in
    this order:

    1. `value_range`;
    2. the range that the file states, if it holds all values: the tags
       SMinSampleValue and SMaxSampleValue, or MinSampleValue and
       MaxSampleValue, of a TIFF file; the significant bits (`sBIT`) of a PNG
       file; the largest value of a PPM file;
    3. 0 and 1 for floats that are all in `[0, 1]`;
    4. 0 and the largest value of 8, 10, 12, 14 or 16 bits: the fewest that
       hold the largest value of the image. If that is a guess, a warning
       states it: an image of 12 bits without a bright pixel becomes brighter
       than the others. State the range if their brightness matters.

    Integers of 10 to 16 bits keep the higher 8 bits.

    Args:
        source: Path of a file, its contents as bytes, a PIL image, or an
            array of shape `(height, width)`, `(height, width, 1)`, `(height,
            width, 3)` or `(height, width, 4)`; uint8, unless `value_range` is
            passed.
        max_reduction: Function from `(height, width)` to the largest divisor
            of the sides. JPEG files are then decoded smaller by 2, 4 or 8,
            which is much faster; other sources are not reduced. Defaults to
            `None`: all pixels.
        value_range: `(low, high)`, the values of black and white of images
            with more than 8 bits and of arrays that are not uint8. Values
            outside are clipped; other images are not changed. Defaults to
            `None`: the rule above.
        channels: Integer, number of channels of the result: 1 for the
            luminance, 3 for RGB, 4 for RGBA, with an alpha of 255 where the
            source has none. Others require an array with this number of
            channels. Defaults to 3.

    Returns:
        A uint8 array of shape `(height, width, channels)`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not an image, is truncated, or far too large; if
            it has pixels that are negative, NaN, infinite, or in a range that
            the rule does not know.

    Example:
    >>> gray = np.full((4, 6), 7, "uint8")
    >>> keras_efficient.data.load_image(gray).shape
    (4, 6, 3)
    >>> sensor = np.full((4, 6), 2048, "uint16")
    >>> keras_efficient.data.load_image(sensor, value_range=(0, 4095)).max()
    np.uint8(128)
    """
    if value_range is not None:
        value_range = as_value_range(value_range)
    if isinstance(source, np.ndarray):
        return _from_array(source, value_range, channels)
    if isinstance(source, Image.Image):
        if is_deep(source):
            source = reopen(source)
        try:
            pixels, found = _to_rgb(source, value_range)
            pixels = _to_channels(pixels, source, channels)
        except PixelError as e:
            raise ValueError(f"The image {e}") from e
    else:
        with open_image(source) as image:
            if max_reduction is not None:
                reduce_size(image, max_reduction)
            pixels, found = _to_rgb(image, value_range)
            pixels = _to_channels(pixels, image, channels)
    if found is not None and found.is_guess:
        warn_about_guess(found)
    return pixels


@dataclasses.dataclass(frozen=True)
class ImageFrame:
    """How an image is stored, and how `load_image` returns it.

    Attributes:
        size: `(height, width)` in pixels, upright, as `load_image` returns.
        stored_size: `(height, width)` in pixels, as stored in the file.
        orientation: Integer in `[1, 8]`, the EXIF orientation; 1 if the file
            is stored upright or states none.
        note: String, what `load_image` changes beyond the orientation and
            what is unusual, or `None`. Equal for equal changes, so that notes
            can be counted.
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
        # PIL forgets the orientation of TIFF images when it applies it, and
        # loads PNG images to find theirs, after which they are not deep.
        is_tiff = image.format == "TIFF"
        orientation = orientation_of(image) if is_tiff else 1
        notes = []
        if is_tiff and getattr(image, "is_animated", False):
            notes.append(SEVERAL_PAGES)
        if decode:
            reduce_size(image, lambda height, width: REDUCTIONS[0])
            notes += _notes_of_pixels(*_to_rgb(image))
        elif is_deep(image):
            notes.append(NOT_DECODED)
        if not is_tiff:
            orientation = orientation_of(image)
    is_turned = orientation in TURNING_ORIENTATIONS
    size = (width, height) if is_turned else (height, width)
    return ImageFrame(
        size, (height, width), orientation, "; ".join(notes) or None
    )


def _notes_of_pixels(
    pixels: np.ndarray, found: ValueRange | None
) -> Iterator[str]:
    if found is not None:
        guess = ", guessed from the largest value" if found.is_guess else ""
        yield f"images of more than 8 bits, scaled from {found}{guess}"
    if 0 < pixels.max() <= NEARLY_BLACK:
        yield f"nearly black images, no pixel above {NEARLY_BLACK} of 255"


def upright_size(
    source: PathLike | bytes, decode: bool = False
) -> tuple[int, int]:
    """Return the `(height, width)` of an image as `load_image` returns it.

    `image_frame` states the arguments, the errors and more of the image.
    """
    return image_frame(source, decode).size


def _to_rgb(
    image: Image.Image, value_range: ValueRange | None = None
) -> tuple[np.ndarray, ValueRange | None]:
    """The pixels, upright, and the range of values if they were deep."""
    found = None
    reduced = image
    if is_deep(image):
        reduced, found = _reduce_depth(load_deep(image), value_range)
    image.load()
    transpose = UPRIGHT_TRANSPOSES.get(orientation_of(image))
    if transpose is not None:
        reduced = reduced.transpose(transpose)
    if reduced.mode == "P" and "transparency" in reduced.info:
        reduced = reduced.convert("RGBA")
    if reduced.mode == "LAB":
        reduced = _lab_to_rgb(reduced)
    if reduced.mode != "RGB":
        reduced = reduced.convert("RGB")
    return np.array(reduced), found


def _reduce_depth(
    deep: DeepPixels, value_range: ValueRange | None
) -> tuple[Image.Image, ValueRange]:
    """Return an image of 8 bits."""
    found = find_value_range(deep.values, value_range, deep.stated)
    pixels = reduce_to_uint8(deep.values, found)
    if deep.is_inverted:
        pixels = 255 - pixels
    if deep.mode == "CMYK":
        # The shape does not tell it from RGBA.
        size = pixels.shape[1], pixels.shape[0]
        return Image.frombytes("CMYK", size, pixels.tobytes()), found
    return Image.fromarray(pixels), found


def _to_channels(
    pixels: np.ndarray, image: Image.Image, channels: int
) -> np.ndarray:
    """Convert the RGB pixels of an image to a number of channels."""
    pixels = convert_channels(pixels, channels)
    if channels == 4 and image.has_transparency_data:
        alpha = image.convert("RGBA").getchannel("A")
        transpose = UPRIGHT_TRANSPOSES.get(orientation_of(image))
        if transpose is not None:
            alpha = alpha.transpose(transpose)
        pixels[..., 3] = np.asarray(alpha)
    return pixels


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab = ImageCms.createProfile("LAB")
    rgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
    return converted or image


def _from_array(
    array: np.ndarray, value_range: ValueRange | None, channels: int = 3
) -> np.ndarray:
    if array.ndim == 2:
        array = array[..., None]
    accepted = FILE_CHANNELS if channels in FILE_CHANNELS else (channels,)
    if array.ndim != 3 or array.shape[-1] not in accepted or not array.size:
        wanted = "1, 3 or 4" if len(accepted) > 1 else str(channels)
        raise ValueError(
            "An image array must have the shape (height, width, channels) with "
            f"{wanted} channels. Received: shape={array.shape}"
        )
    if array.dtype != np.uint8:
        if value_range is None or array.dtype.kind not in "iuf":
            raise ValueError(
                "An image array must be uint8 with pixels in [0, 255]. "
                f"{how_to_convert(array, 'image')}"
            )
        try:
            found = find_value_range(array, value_range)
        except PixelError as e:
            raise ValueError(f"The image array {e}") from e
        array = reduce_to_uint8(array, found)
    else:
        warn_if_unit_range(array)
    return convert_channels(array, channels)


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
    """Raise an error if this is not a uint8 image with channels."""
    received = type(image).__name__
    if isinstance(image, np.ndarray):
        if image.dtype == np.uint8 and image.ndim == 3 and image.size:
            return
        received = f"dtype={image.dtype}, shape={image.shape}"
    raise ValueError(
        "The image must be a uint8 array of shape (height, width, channels), "
        f"as `keras_efficient.data.load_image` returns. Received: {received}"
    )
