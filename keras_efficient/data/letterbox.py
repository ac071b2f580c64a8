"""From an image of any size to what a detector takes."""

import dataclasses

import numpy as np

from keras_efficient.data.preprocessing import check_image
from keras_efficient.data.preprocessing import standardize_size
from keras_efficient.data.resizing import resize
from keras_efficient.data.resizing import resize_window

# Becomes 0 once the network has normalised it.
IMAGENET_MEAN = (123.675, 116.28, 103.53)


@dataclasses.dataclass(frozen=True)
class DetectionPreprocessing:
    """Scales an image into one size and fills the rest at bottom and right.

    Attributes:
        size: `(height, width)` of the result, in pixels; or one integer for
            both.
        antialias: Boolean, whether shrinking averages all pixels. The
            published weights were trained without. Defaults to `False`.
        fill: Three numbers, the color of the rest. Defaults to ImageNet's
            mean, which is 0 to the network.

    Call arguments:
        image: Array `(height, width, 3)`, uint8.
        exact: Boolean, whether pixels are the same with and without OpenCV,
            which is faster; see `data.resizing.resize`. Exports repeat the
            exact ones, `detect` takes the fast ones. Defaults to `True`.

    Returns:
        When called, a pair `(image, scale)`: a float32 array `(*size, 3)`
        with pixels in `[0, 255]`, and by what the sides were multiplied:
        boxes in the image times `scale` are boxes in the result.

    Raises:
        ValueError: If `size` is no pair of whole numbers, or the image no
            uint8 array of three channels.

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

    def __post_init__(self):
        object.__setattr__(self, "size", standardize_size(self.size))
        object.__setattr__(self, "fill", tuple(map(float, self.fill)))

    def __call__(
        self, image: np.ndarray, exact: bool = True
    ) -> tuple[np.ndarray, float]:
        check_image(image)
        height, width = self.scaled_size(*image.shape[:2])
        canvas = np.empty((*self.size, 3), "float32")
        canvas[height:] = self.fill
        canvas[:height, width:] = self.fill
        resized = resize_window if exact else resize
        canvas[:height, :width] = resized(
            image, (height, width), antialias=self.antialias
        )
        return canvas, self.scale(*image.shape[:2])

    def scale(self, height: int, width: int) -> float:
        """By what an image's sides are multiplied."""
        return float(fitting_scale((height, width), self.size))

    def scaled_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of an image within the result, in pixels."""
        return scaled_size(
            (height, width), fitting_scale((height, width), self.size)
        )

    def to_config(self) -> dict:
        """Plain numbers and strings, for `from_config` and for JSON."""
        config = dataclasses.asdict(self)
        return {**config, "size": list(self.size), "fill": list(self.fill)}

    @classmethod
    def from_config(cls, config: dict) -> "DetectionPreprocessing":
        """The inverse of `to_config`."""
        return cls(**config)


def fitting_scale(size, target):
    """The most by which an image can be multiplied to fit, in float32."""
    return min(
        np.float32(wanted) / np.float32(side)
        for side, wanted in zip(size, target, strict=True)
    )


def scaled_size(size, scale):
    """Sides times a factor, cut to whole pixels as google/automl does."""
    height, width = (max(1, int(np.float32(side) * scale)) for side in size)
    return height, width
