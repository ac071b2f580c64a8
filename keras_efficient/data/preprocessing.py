"""From an image of any size to what a network takes, in evaluation."""

import dataclasses
import fractions
import numbers

import numpy as np
from PIL import Image

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
PUBLISHED = "published"
# The papers' margin, pixels of the network's input: 224 of 256 are kept.
PUBLISHED_MARGIN = 32
# 224 / 256, that of the smallest network.
SMALLEST_PUBLISHED = fractions.Fraction(7, 8)
# Keeps the integers of `crop_box` below 2**63 for sides up to a million.
MAX_DENOMINATOR = 1000


@dataclasses.dataclass(frozen=True)
class ClassificationPreprocessing:
    """Crops an image at its centre and resizes it to one size.

    Training, evaluation and exported models share it; an exported model
    repeats it to the last bit.

    Attributes:
        size: `(height, width)` of the result, in pixels; or one integer for
            both.
        crop_fraction: Number in `[0.001, 1]`, the share that is kept of the
            sides of the largest centred rectangle of the result's aspect
            ratio; taken to the nearest fraction of whole numbers up to 1000.
            `"published"` is the papers' evaluation: `s / (s + 32)` with `s`
            the shorter side of `size`, and 7 / 8 below the papers' sizes,
            where the rule would cut away too much. `None` keeps the whole
            image and stretches it. Defaults to `"published"`.
        method: `"bicubic"` or `"bilinear"`, with antialiasing as PIL does it;
            rows first. Defaults to `"bicubic"`.

    Call arguments:
        image: Array `(height, width, 3)`, uint8.

    Returns:
        When called, an array `(*size, 3)`, uint8.

    Raises:
        ValueError: If an argument is out of range, or the image is no uint8
            array of three channels.

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

    def __post_init__(self):
        object.__setattr__(self, "size", standardize_size(self.size))
        if self.method not in FILTERS:
            raise ValueError(
                f"`method` must be one of {tuple(FILTERS)}. "
                f"Received: method={self.method!r}"
            )
        fraction = self.crop_fraction
        if _is_number(fraction) and 1 / MAX_DENOMINATOR <= fraction <= 1:
            object.__setattr__(self, "crop_fraction", float(fraction))
        elif fraction is not None and fraction != PUBLISHED:
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
        # Two steps, since which axis PIL takes first depends on its version
        # (from 13.0 on also on the shape), and each step rounds to 8 bits.
        resized = Image.fromarray(cropped)
        for new_size in ((target_width, height), (target_width, target_height)):
            resized = resized.resize(new_size, FILTERS[self.method])
        return np.array(resized)

    def crop_box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """What is kept of an image: `(top, left, height, width)`, pixels.

        Sides are rounded to the nearest pixel, halves up; an odd rest leaves
        one pixel more at the bottom or at the right. Whole numbers
        throughout, since the optimisers of exported graphs reorder floats.
        """
        share = self.exact_fraction
        if share is None:
            return 0, 0, height, width
        # The largest rectangle takes the whole of the side that runs short.
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
        """The crop fraction in whole numbers; `None` without a crop."""
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

    def to_config(self) -> dict:
        """Plain numbers and strings, for `from_config` and for JSON."""
        config = dataclasses.asdict(self)
        return {**config, "size": list(self.size)}

    @classmethod
    def from_config(cls, config: dict) -> "ClassificationPreprocessing":
        """The inverse of `to_config`."""
        return cls(**config)


def standardize_size(size) -> tuple[int, int]:
    """A size as `(height, width)`, also where it is one number."""
    sides = (size, size) if isinstance(size, numbers.Integral) else tuple(size)
    if len(sides) != 2 or not all(
        isinstance(side, numbers.Integral) and side >= 1 for side in sides
    ):
        raise ValueError(
            "`size` must be (height, width), whole numbers of pixels from 1 "
            f"on. Received: size={size}"
        )
    return int(sides[0]), int(sides[1])


def _is_number(value) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_image(image):
    """Raises an error if this is no uint8 image of three channels."""
    received = type(image).__name__
    if isinstance(image, np.ndarray):
        if image.dtype == np.uint8 and image.shape[2:] == (3,):
            return
        received = f"dtype={image.dtype}, shape={image.shape}"
    raise ValueError(
        "The image must be a uint8 array (height, width, 3); "
        f"`keras_efficient.data.load_image` gives one. Received: {received}"
    )
