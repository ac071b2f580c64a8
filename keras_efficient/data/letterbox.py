"""Preprocessing of images for detection: scaling and padding."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.data.image_channels import fill_for
from keras_efficient.data.images import check_image
from keras_efficient.data.images import standardize_size
from keras_efficient.data.resizing import resize
from keras_efficient.data.resizing import resize_window

# Becomes 0 when the network normalizes it.
IMAGENET_MEAN = (123.675, 116.28, 103.53)


@dataclasses.dataclass(frozen=True)
class DetectionPreprocessing:
    """Scale an image to fit into one size, and pad it at bottom and right.

    Attributes:
        size: `(height, width)` of the result, in pixels; or one integer for
            both.
        antialias: Boolean, whether to average all pixels when the image is
            reduced. The published weights were trained without antialiasing.
            Defaults to `False`.
        fill: Three numbers, the color of the padding; images without three
            channels use their average. Defaults to ImageNet's mean, which the
            network normalizes to 0.

    Call arguments:
        image: Uint8 array of shape `(height, width, channels)`.
        exact: Boolean, whether pixels are the same with and without OpenCV,
            which is faster; see `data.resizing.resize`. Exported models equal
            the exact pixels, `detect` uses the fast ones. Defaults to `True`.

    Returns:
        When called, a pair `(image, scale)`: a float32 array of shape `(*size,
        channels)` in `[0, 255]`, and the factor of the sides. Boxes in the
        image times `scale` are boxes in the result.

    Raises:
        ValueError: If `size` is not a pair of integers, or the image is not a
            uint8 array with channels.

    Example:
    >>> letterbox = keras_efficient.data.DetectionPreprocessing((96, 128))
    >>> image, scale = letterbox(np.zeros((60, 100, 3), "uint8"))
    >>> image.shape, round(scale, 2), letterbox.scaled_size(60, 100)
    ((96, 128, 3), 1.28, (76, 128))

    Reference:
        - `google/automl`, `efficientdet/dataloader.py`, `InputProcessor`.
    """

    size: tuple[int, int]
    antialias: bool = False
    fill: tuple[float, float, float] = IMAGENET_MEAN

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", standardize_size(self.size))
        object.__setattr__(self, "fill", tuple(map(float, self.fill)))

    def __call__(
        self, image: np.ndarray, exact: bool = True
    ) -> tuple[np.ndarray, float]:
        check_image(image)
        height, width = self.scaled_size(*image.shape[:2])
        channels = image.shape[-1]
        fill = fill_for(self.fill, channels)
        canvas = np.empty((*self.size, channels), "float32")
        canvas[height:] = fill
        canvas[:height, width:] = fill
        resized = resize_window if exact else resize
        canvas[:height, :width] = resized(
            image, (height, width), antialias=self.antialias
        )
        return canvas, self.scale(*image.shape[:2])

    def scale(self, height: int, width: int) -> float:
        """Return the factor by which the sides of an image are multiplied."""
        return float(fitting_scale((height, width), self.size))

    def scaled_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of an image within the result, in pixels."""
        return scaled_size(
            (height, width), fitting_scale((height, width), self.size)
        )

    def to_config(self) -> dict[str, Any]:
        """Return numbers and lists for `from_config`, suitable for JSON."""
        config = dataclasses.asdict(self)
        return {**config, "size": list(self.size), "fill": list(self.fill)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DetectionPreprocessing":
        """Restore from the result of `to_config`."""
        return cls(**config)


def fitting_scale(size: Sequence[int], target: Sequence[int]) -> np.float32:
    """Return the largest factor with which an image fits, in float32."""
    return min(
        np.float32(wanted) / np.float32(side)
        for side, wanted in zip(size, target, strict=True)
    )


def scaled_size(
    size: Sequence[int], scale: np.float32 | float
) -> tuple[int, int]:
    """Multiply sides by a factor; truncate to pixels, as google/automl does."""
    height, width = (max(1, int(np.float32(side) * scale)) for side in size)
    return height, width
