"""Reduction of pixels with more than 8 bits to uint8.

A file with 16 bits or floats seldom states which value is white: sensors
fill 10 or 12 of 16 bits, and floats are in `[0, 1]` or `[0, 255]`. Dividing
by the range of the data type turns such images black. The rule is, in this
order:

1. the range that the caller passes;
2. the range that the file states, if its values are inside;
3. floats in `[0, 1]` are multiplied by 255;
4. the smallest of 8, 10, 12, 14 and 16 bits that holds the largest value;
5. anything else is an error that says how to state the range.

The fourth is a guess from one image: an image of 12 bits without a bright
pixel is taken for one of 10 bits and becomes up to 4 times brighter than its
neighbors. Steps of 2 bits and no finer stretch keep most images of a camera
at one scale. The alternative, the largest value of a whole data set, would
make an image depend on the others and differ between training and inference.
A guess of fewer bits is therefore stated in a warning and in reports, and can
be avoided with 1 and 2.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

BITS = (8, 10, 12, 14, 16)
# Largest float that still is white after rounding to 8 bits.
MAX_UNIT = 1 + 1 / 510
# Floats of a photo in [0, 255] reach this; those in [0, 1] that overshoot
# do not.
MIN_BYTE_MAXIMUM = 16
ADVICE = (
    "State the range in the file (TIFF: SMinSampleValue and SMaxSampleValue), "
    "convert it to uint8, or call `load_image(..., value_range=(low, high))` "
    "with the values of black and white."
)


class ValueRange(NamedTuple):
    """The values that become 0 and 255."""

    low: float
    high: float
    is_guess: bool = False

    @property
    def bits(self) -> int | None:
        """Number of bits of integers in this range; `None` if it is other."""
        for bits in range(8, 33):
            if self[:2] == (0, 2**bits - 1):
                return bits
        return None

    def __str__(self) -> str:
        if self.bits:
            return f"{self.bits} bits"
        return f"[{self.low:g}, {self.high:g}]"


class PixelError(ValueError):
    """Pixels that cannot be used. The text continues the image's name."""


def as_value_range(value_range: Sequence[float]) -> ValueRange:
    """Return a pair of numbers as a range.

    Raises:
        ValueError: If it is not a pair of finite, increasing numbers.
    """
    ends = tuple(float(value) for value in value_range)
    if len(ends) != 2 or not (np.isfinite(ends).all() and ends[0] < ends[1]):
        raise ValueError(
            "`value_range` must be (low, high), the finite values of black "
            f"and white. Received: value_range={tuple(value_range)}"
        )
    return ValueRange(*ends)


def find_value_range(
    values: np.ndarray,
    given: ValueRange | None = None,
    stated: Sequence[float] | None = None,
) -> ValueRange:
    """Return the values of black and white of an image.

    Args:
        values: Array of integers or floats.
        given: The range that the caller passes, or `None`.
        stated: `(low, high)` as the file states it, or `None`.

    Returns:
        A `ValueRange`.

    Raises:
        PixelError: If the values are not finite, or in no known range.
    """
    lowest, highest = float(values.min()), float(values.max())
    if not np.isfinite([lowest, highest]).all():
        count = values.size - int(np.isfinite(values).sum())
        raise PixelError(
            f"has values that are NaN or infinite, {count} of {values.size}. "
            "Replace them"
        )
    if given is not None:
        return given
    is_float = values.dtype.kind == "f"
    is_unit = is_float and -1 / 510 <= lowest and highest <= MAX_UNIT
    if stated is not None and not is_unit:
        low, high = stated
        if low < high and low <= lowest and highest <= high:
            return _rounded_up(low, high, is_float)
    if is_unit:
        return ValueRange(0, 1)
    is_between = is_float and highest < MIN_BYTE_MAXIMUM
    bits = next((bits for bits in BITS if highest < 2**bits), None)
    if lowest < 0 or is_between or bits is None:
        raise PixelError(
            f"has pixels from {lowest:g} to {highest:g}, neither in [0, 1], "
            f"nor in [0, 255], nor of 10 to 16 bits. {ADVICE}"
        )
    # All bits of a file, and floats in [0, 255], are usual.
    is_usual = bits == (8 if is_float else 16)
    return ValueRange(0, 2**bits - 1, is_guess=not is_usual)


def _rounded_up(low: float, high: float, is_float: bool) -> ValueRange:
    # Some tools state the range of a sensor, others the largest value of an
    # image: the same number of bits follows from both.
    if low >= 0 and not is_float:
        for bits in BITS:
            if high < 2**bits:
                return ValueRange(0, 2**bits - 1)
    return ValueRange(low, high)


def reduce_to_uint8(values: np.ndarray, value_range: ValueRange) -> np.ndarray:
    """Return pixels as uint8; values outside the range are clipped.

    Values of 10 to 16 bits keep the higher 8, as the decoders of TensorFlow
    and PIL take them; others are scaled and rounded.

    Args:
        values: Array of integers or floats.
        value_range: Values that become 0 and 255.

    Returns:
        A uint8 array of the same shape.
    """
    bits = value_range.bits
    is_integer = values.dtype.kind in "iu"
    if bits and (is_integer or bits > 8):
        clipped = values.clip(0, 2**bits - 1)
        whole = clipped if is_integer else clipped.astype("int64")
        return (whole >> (bits - 8)).astype("uint8")
    low, high = value_range[:2]
    # float64 holds all integers of 32 bits.
    dtype = "float32" if values.dtype == "float32" else "float64"
    scaled = (values.astype(dtype) - low) * (255 / (high - low))
    return np.rint(scaled.clip(0, 255)).astype("uint8")


def warn_about_guess(value_range: ValueRange) -> None:
    """Warn that a range was guessed; Python shows each text once."""
    warnings.warn(
        "The range of an image of more than 8 bits is not stated. Taken for "
        f"{value_range}, from its largest value. {ADVICE}",
        stacklevel=2,
    )


def how_to_convert(array: np.ndarray, name: str) -> str:
    """Return what an array contains, and code that makes it uint8.

    Args:
        array: Array of any data type.
        name: String, name of the array in the code.
    """
    received = f"Received: dtype={array.dtype}"
    if array.dtype.kind not in "biuf" or not array.size:
        return received
    lowest, highest = array.min(), array.max()
    received += f", values from {lowest} to {highest}"
    if not (lowest >= 0 and highest <= 255):
        return f"Scale the values of black and white to 0 and 255. {received}"
    code, kind = f'{name}.round().astype("uint8")', "pixels in [0, 255]"
    if array.dtype.kind == "b":
        code, kind = f'255 * {name}.astype("uint8")', "a mask"
    elif highest <= 1:
        code = f'(255 * {name}).round().astype("uint8")'
        kind = "pixels in [0, 1]"
    return f"Convert {kind} with `{code}`. {received}"


def warn_if_unit_range(pixels: np.ndarray) -> None:
    """Warn if pixels that should be in `[0, 255]` seem to be in `[0, 1]`.

    Args:
        pixels: Array of an image or a batch, `(..., height, width, channels)`.
    """
    # A few pixels tell it of nearly every image.
    if pixels[..., ::16, ::16, :].max() > 1:
        return
    if 0 < pixels.max() <= 1:
        warnings.warn(
            "All pixels of an image are in [0, 1], nearly black: images must "
            "be in [0, 255], since the model normalizes them itself. Multiply "
            "by 255, before any conversion to uint8.",
            stacklevel=2,
        )
