"""Augmentation of images with boxes."""

import dataclasses
from collections.abc import Callable

import numpy as np

from keras_efficient.data.letterbox import IMAGENET_MEAN
from keras_efficient.data.letterbox import DetectionPreprocessing
from keras_efficient.data.samples import DetectionSample
from keras_efficient.data.transforms.color import color_jitter
from keras_efficient.data.transforms.flip import random_box_flip
from keras_efficient.data.transforms.mosaic import NUM_IMAGES
from keras_efficient.data.transforms.mosaic import mosaic
from keras_efficient.data.transforms.rand_augment import MAX_MAGNITUDE
from keras_efficient.data.transforms.rand_augment import rand_augment
from keras_efficient.data.transforms.scale_jitter import random_scale

RATES = (
    "flip_rate",
    "vertical_flip_rate",
    "mosaic_rate",
    "min_visibility",
    "brightness",
    "contrast",
    "saturation",
)


@dataclasses.dataclass(frozen=True)
class DetectionAugmentation:
    """Random scale, crop, flip and color changes for images with boxes.

    Attributes:
        size: `(height, width)` of the result, in pixels; or one integer for
            both.
        scale: Bounds of the scale; with 1, an image just fits. The paper uses
            `(0.1, 2)` for hundreds of epochs; for 30 epochs on COCO, a smaller
            range was better. Defaults to `(0.8, 1.25)`.
        flip_rate: Probability of a horizontal flip. Defaults to 0.5.
        vertical_flip_rate: Probability of a vertical flip, for images without
            a defined top, such as those of a microscope. Defaults to 0.
        mosaic_rate: Probability of a mosaic of four images. Defaults to 0.
        min_visibility: Share of a box's area that must remain in a crop.
            Defaults to 0, as in the paper: any.
        brightness: Largest relative change of brightness. Defaults to 0.2.
        contrast: Largest relative change of contrast. Defaults to 0.2.
        saturation: Largest relative change of saturation. Defaults to 0.2.
        rand_augment: `(number, magnitude)` of the operations of
            `rand_augment`, the magnitude in `[0, 10]`. Defaults to `None`: no
            such operations.
        antialias: Boolean; see `DetectionPreprocessing`. Defaults to `False`.
        fill: Three numbers, the color of the padding. Defaults to ImageNet's
            mean.

    Call arguments:
        sample: A `DetectionSample`.
        rng: A `numpy.random.Generator`, which determines the result.
        draw: Function without arguments that returns another sample, required
            for mosaics.

    Returns:
        When called, a `DetectionSample` of the size.

    Raises:
        ValueError: If an argument is out of range, or `draw` is missing for a
            mosaic.

    Example:
    >>> augment = keras_efficient.data.DetectionAugmentation((64, 48))
    >>> sample = keras_efficient.data.DetectionSample(
    ...     np.zeros((100, 120, 3), "uint8"),
    ...     np.array([[10, 20, 90, 80]], "float32"),
    ...     np.array([2], "int32"),
    ... )
    >>> augmented = augment(sample, np.random.default_rng(0))
    >>> augmented.image.shape, augmented.boxes.shape
    ((64, 48, 3), (1, 4))
    """

    size: tuple[int, int]
    scale: tuple[float, float] = (0.8, 1.25)
    flip_rate: float = 0.5
    vertical_flip_rate: float = 0.0
    mosaic_rate: float = 0.0
    min_visibility: float = 0.0
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    rand_augment: tuple[int, float] | None = None
    antialias: bool = False
    fill: tuple[float, float, float] = IMAGENET_MEAN

    def __post_init__(self) -> None:
        # The same sizes are valid as in evaluation.
        checked = DetectionPreprocessing(self.size, self.antialias, self.fill)
        object.__setattr__(self, "size", checked.size)
        low, high = self.scale
        if not 0 < low <= high:
            raise ValueError(
                "`scale` must be (low, high) with 0 < low <= high. "
                f"Received: scale={self.scale}"
            )
        for name in RATES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"`{name}` must be in [0, 1]. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if self.rand_augment is None:
            return
        number, magnitude = self.rand_augment
        if number < 1 or not 0 <= magnitude <= MAX_MAGNITUDE:
            raise ValueError(
                "`rand_augment` must be (number, magnitude), the first at "
                f"least 1, the second in [0, {MAX_MAGNITUDE}]. "
                f"Received: rand_augment={self.rand_augment}"
            )

    def __call__(
        self,
        sample: DetectionSample,
        rng: np.random.Generator,
        draw: Callable[[], DetectionSample] | None = None,
    ) -> DetectionSample:
        rest = self.min_visibility, self.antialias, self.fill
        # Drawn only if needed, so that the other random numbers stay the same.
        if self.mosaic_rate and rng.uniform() < self.mosaic_rate:
            if draw is None:
                raise ValueError(
                    "A mosaic requires other images: pass `draw`, a function "
                    "that returns a `DetectionSample`."
                )
            others = [draw() for _ in range(NUM_IMAGES - 1)]
            sample = mosaic([sample, *others], rng, self.size, *rest)
        sample = random_box_flip(sample, rng, self.flip_rate)
        if self.vertical_flip_rate:
            sample = random_box_flip(
                sample, rng, self.vertical_flip_rate, "vertical"
            )
        sample = random_scale(sample, rng, self.size, self.scale, *rest)
        if self.rand_augment is not None:
            sample = rand_augment(
                sample,
                rng,
                *self.rand_augment,
                min_visibility=self.min_visibility,
                fill=self.fill,
            )
        if not (self.brightness or self.contrast or self.saturation):
            return sample
        image = color_jitter(
            sample.image, rng, self.brightness, self.contrast, self.saturation
        )
        return dataclasses.replace(sample, image=image)
