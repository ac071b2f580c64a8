"""Augmentation of images for classification."""

import dataclasses
import math

import numpy as np

from keras_efficient.data.classification_preprocessing import (
    ClassificationPreprocessing,
)
from keras_efficient.data.transforms.color import color_jitter
from keras_efficient.data.transforms.crop import random_resized_crop
from keras_efficient.data.transforms.flip import random_flip


@dataclasses.dataclass(frozen=True)
class ClassificationAugmentation:
    """Random crop, flip and color changes for training images.

    Attributes:
        size: `(height, width)` of the result, in pixels; or one integer for
            both.
        area: Bounds of the crop's share of the image's area. ImageNet
            training uses `(0.08, 1)`; fine-tuning needs larger crops. Defaults
            to `(0.25, 1)`.
        aspect: Bounds of the crop's aspect ratio, width over height. Defaults
            to `(3 / 4, 4 / 3)`.
        flip_rate: Probability of a horizontal flip; use 0 if left and right
            differ in meaning, as in text. Defaults to 0.5.
        brightness: Largest relative change of brightness. Defaults to 0.2.
        contrast: Largest relative change of contrast. Defaults to 0.2.
        saturation: Largest relative change of saturation. Defaults to 0.2.
        method: `"bicubic"` or `"bilinear"`. Defaults to `"bicubic"`.

    Call arguments:
        image: Uint8 array of shape `(height, width, channels)`.
        rng: A `numpy.random.Generator`, which determines the result.

    Returns:
        When called, a uint8 array of shape `(*size, channels)`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> augment = keras_efficient.data.ClassificationAugmentation(
    ...     (64, 48), flip_rate=0
    ... )
    >>> image = np.zeros((100, 120, 3), "uint8")
    >>> augment(image, np.random.default_rng(0)).shape
    (64, 48, 3)
    """

    size: tuple[int, int]
    area: tuple[float, float] = (0.25, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    flip_rate: float = 0.5
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    method: str = "bicubic"

    def __post_init__(self) -> None:
        # The same sizes and methods are valid as in evaluation.
        checked = ClassificationPreprocessing(self.size, method=self.method)
        object.__setattr__(self, "size", checked.size)
        for name in ("area", "aspect"):
            low, high = getattr(self, name)
            if not 0 < low <= high or (name == "area" and high > 1):
                raise ValueError(
                    f"`{name}` must be (low, high) with 0 < low <= high"
                    f"{' <= 1' if name == 'area' else ''}. "
                    f"Received: {name}={(low, high)}"
                )
        for name in ("flip_rate", "brightness", "contrast", "saturation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"`{name}` must be in [0, 1]. "
                    f"Received: {name}={getattr(self, name)}"
                )

    def __call__(
        self, image: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        image = random_resized_crop(
            image, rng, self.size, self.area, self.aspect, self.method
        )
        image = random_flip(image, rng, self.flip_rate)
        if not (self.brightness or self.contrast or self.saturation):
            return image
        return color_jitter(
            image, rng, self.brightness, self.contrast, self.saturation
        )

    def max_reduction(self, height: int, width: int) -> float:
        """Return the divisor by which an image may be reduced before the crop.

        Up to it, no crop has fewer pixels than the result. Large photos are
        therefore decoded at a reduced size.

        Args:
            height: Integer, height of the image in pixels.
            width: Integer, width of the image in pixels.

        Returns:
            A float, at least 1.

        Example:
        >>> augment = keras_efficient.data.ClassificationAugmentation(224)
        >>> round(augment.max_reduction(3024, 4032), 2)
        6.75
        >>> augment.max_reduction(300, 400)
        1.0
        """
        pixels = height * width * self.area[0]
        least = (
            math.sqrt(pixels / self.aspect[1]) / self.size[0],
            math.sqrt(pixels * self.aspect[0]) / self.size[1],
            # The centered crop, used if no other fits.
            height / self.size[0],
            width / self.size[1],
        )
        return max(1.0, min(least))
