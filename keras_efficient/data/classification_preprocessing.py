"""Preprocessing of images for classification: center crop and resizing."""

import dataclasses
import fractions
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from keras_efficient.data.image_channels import map_channels
from keras_efficient.data.images import check_image
from keras_efficient.data.images import standardize_size

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
PUBLISHED = "published"
# The papers' margin in pixels of the network's input: 224 of 256 are kept.
PUBLISHED_MARGIN = 32
# 224 / 256, the fraction of the smallest network.
SMALLEST_PUBLISHED = fractions.Fraction(7, 8)
# Keeps the integers of `crop_box` below 2**63 for sides up to a million.
MAX_DENOMINATOR = 1000


@dataclasses.dataclass(frozen=True)
class ClassificationPreprocessing:
    """Crop an image at its center and resize it to one size.

    Evaluation, prediction and exported models share it; exported models are
    bit-identical.

    Attributes:
        size: `(height, width)` of the result, in pixels; or one integer for
            both.
        crop_fraction: Number in `[0.001, 1]`, the fraction of the sides of the
            largest centered rectangle with the result's aspect ratio that is
            kept; rounded to the nearest fraction with a denominator up to
            1000. `"published"` is the evaluation of the papers: `s / (s + 32)`
            with `s` the shorter side of `size`, and 7 / 8 below the sizes of
            the papers, for which the rule would crop too much. `None` keeps
            the whole image and changes its aspect ratio. Defaults to
            `"published"`.
        method: `"bicubic"` or `"bilinear"`, with PIL's antialiasing, rows
            first. Defaults to `"bicubic"`.

    Call arguments:
        image: Uint8 array of shape `(height, width, channels)`.

    Returns:
        When called, a uint8 array of shape `(*size, channels)`.

    Raises:
        ValueError: If an argument is out of range, or the image is not a uint8
            array with channels.

    Example:
    >>> resize = keras_efficient.data.ClassificationPreprocessing((224, 160))
    >>> resize(np.zeros((480, 640, 3), "uint8")).shape
    (224, 160, 3)
    >>> resize.crop_box(480, 640)
    (30, 170, 420, 300)

    Reference:
        - `tensorflow/tpu`, `efficientnet/preprocessing.py`, as it was when
          the published accuracies were measured.
    """

    size: tuple[int, int]
    crop_fraction: float | str | None = PUBLISHED
    method: str = "bicubic"

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", standardize_size(self.size))
        if self.method not in FILTERS:
            raise ValueError(
                f"`method` must be one of {tuple(FILTERS)}. "
                f"Received: method={self.method!r}"
            )
        fraction = self.crop_fraction
        if fraction is None or fraction == PUBLISHED:
            return
        is_number = isinstance(fraction, numbers.Real) and not isinstance(
            fraction, bool
        )
        if is_number and 1 / MAX_DENOMINATOR <= float(fraction) <= 1:
            object.__setattr__(self, "crop_fraction", float(fraction))
        else:
            raise ValueError(
                '`crop_fraction` must be None, "published" or a number in '
                f"[{1 / MAX_DENOMINATOR}, 1]. "
                f"Received: crop_fraction={fraction!r}"
            )

    def __call__(self, image: np.ndarray) -> np.ndarray:
        check_image(image)
        top, left, height, width = self.crop_box(*image.shape[:2])
        cropped = image[top : top + height, left : left + width]
        target_height, target_width = self.size
        # In two steps, because each rounds to 8 bits, and the axis that PIL
        # resizes first depends on its version (since 13.0 on the shape).
        for new_size in ((target_width, height), (target_width, target_height)):
            cropped = map_channels(
                cropped, _resize_to(new_size, FILTERS[self.method])
            )
        return cropped

    def crop_box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the crop `(top, left, height, width)` of an image, in pixels.

        Sides are rounded to the nearest pixel, halves up; an odd margin is
        larger at the bottom or right. All arithmetic uses integers, because
        optimizers of exported graphs reorder floating-point operations.
        """
        share = self.exact_fraction
        if share is None:
            return 0, 0, height, width
        # The largest rectangle spans the side that limits it.
        if height * self.size[1] <= width * self.size[0]:
            whole, target = height, self.size[0]
        else:
            whole, target = width, self.size[1]
        numerator = 2 * whole * share.numerator
        divisor = 2 * target * share.denominator
        kept_height, kept_width = (
            max(1, (side * numerator + divisor // 2) // divisor)
            for side in self.size
        )
        top, left = (height - kept_height) // 2, (width - kept_width) // 2
        return top, left, kept_height, kept_width

    @property
    def exact_fraction(self) -> fractions.Fraction | None:
        """The crop fraction as integers; `None` without a crop."""
        if self.crop_fraction is None:
            return None
        if self.crop_fraction == PUBLISHED:
            side = min(self.size)
            return max(
                fractions.Fraction(side, side + PUBLISHED_MARGIN),
                SMALLEST_PUBLISHED,
            )
        share = fractions.Fraction(self.crop_fraction)
        return share.limit_denominator(MAX_DENOMINATOR)

    def to_config(self) -> dict[str, Any]:
        """Return numbers and strings for `from_config`, suitable for JSON."""
        config = dataclasses.asdict(self)
        return {**config, "size": list(self.size)}

    @classmethod
    def from_config(
        cls, config: dict[str, Any]
    ) -> "ClassificationPreprocessing":
        """Restore from the result of `to_config`."""
        return cls(**config)


def _resize_to(
    size: tuple[int, int], method: Image.Resampling
) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.resize(size, method)
