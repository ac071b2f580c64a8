"""From an image of any size to what a network takes, in evaluation."""

import dataclasses
import math

import numpy as np
from PIL import Image

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
PUBLISHED = "published"


@dataclasses.dataclass(frozen=True)
class ImagePreprocessing:
    """Crops an image at its centre and resizes it to one size.

    Training, evaluation and exported models share it; an exported model
    repeats it to the last bit.

    Attributes:
        size: `(height, width)` of the result, in pixels.
        crop_fraction: Share, in `(0, 1]`, of the largest centred rectangle
            of the result's aspect ratio that is kept. `"published"` is the
            papers' evaluation: `s / (s + 32)` with `s` the shorter side of
            `size`. `None` keeps the whole image and stretches it. Defaults to
            `"published"`.
        method: `"bicubic"` or `"bilinear"`, with antialiasing as PIL does it.
            Defaults to `"bicubic"`.

    Call arguments:
        image: Array `(height, width, 3)`, uint8.

    Example:
    >>> resize = keras_efficient.data.ImagePreprocessing((224, 160))
    >>> resize(np.zeros((480, 640, 3), "uint8")).shape
    (224, 160, 3)

    Reference:
        - `tensorflow/tpu`, `efficientnet/preprocessing.py`, as it was when
          the published accuracies were measured.
    """

    size: tuple[int, int]
    crop_fraction: float | str | None = PUBLISHED
    method: str = "bicubic"

    def __post_init__(self):
        object.__setattr__(self, "size", tuple(int(x) for x in self.size))
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(
                "`size` must be (height, width), each at least 1. "
                f"Received: size={self.size}"
            )
        if self.method not in FILTERS:
            raise ValueError(
                f"`method` must be one of {tuple(FILTERS)}. "
                f"Received: method={self.method!r}"
            )
        fraction = self.crop_fraction
        is_number = isinstance(fraction, (int, float))
        if not (
            fraction in (None, PUBLISHED) or (is_number and 0 < fraction <= 1)
        ):
            raise ValueError(
                '`crop_fraction` must be None, "published" or a number in '
                f"(0, 1]. Received: crop_fraction={fraction!r}"
            )

    def __call__(self, image: np.ndarray) -> np.ndarray:
        top, left, height, width = self.crop_box(*image.shape[:2])
        cropped = image[top : top + height, left : left + width]
        if cropped.shape[:2] == self.size:
            return np.array(cropped)
        height, width = self.size
        resized = Image.fromarray(cropped).resize(
            (width, height), FILTERS[self.method]
        )
        return np.array(resized)

    def crop_box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """What is kept of an image: `(top, left, height, width)`, pixels."""
        if self.crop_fraction is None:
            return 0, 0, height, width
        # Times and over the target's sides: exact for whole aspect ratios.
        largest = min(height / self.size[0], width / self.size[1])
        kept = [
            min(max(math.floor(side * largest * self.fraction + 0.5), 1), whole)
            for side, whole in zip(self.size, (height, width), strict=True)
        ]
        return (height - kept[0]) // 2, (width - kept[1]) // 2, *kept

    @property
    def fraction(self) -> float:
        """The crop fraction as a number; 1 where nothing is cropped."""
        if self.crop_fraction == PUBLISHED:
            return min(self.size) / (min(self.size) + 32)
        return float(self.crop_fraction or 1.0)

    def to_config(self) -> dict:
        """Plain numbers and strings, for `from_config` and for JSON."""
        config = dataclasses.asdict(self)
        return {**config, "size": list(self.size)}

    @classmethod
    def from_config(cls, config: dict) -> "ImagePreprocessing":
        """The inverse of `to_config`."""
        return cls(**config)
