"""What happens to a training image and its boxes, as one object."""

import dataclasses

from keras_efficient.data.letterbox import IMAGENET_MEAN
from keras_efficient.data.letterbox import DetectionPreprocessing
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
    """Random scale, crop, flip and colours for images with boxes.

    Attributes:
        size: `(height, width)` of the result, in pixels; or one integer for
            both.
        scale: Bounds of the scale; 1 makes an image just fit. The paper's are
            `(0.1, 2)`, for hundreds of epochs; at 30 epochs of COCO milder
            ones were better. Defaults to `(0.8, 1.25)`.
        flip_rate: Probability of mirroring left to right. Defaults to 0.5.
        vertical_flip_rate: Probability of mirroring top to bottom, for
            pictures without an above, such as those of a microscope. Defaults
            to 0.
        mosaic_rate: Probability of putting four images together. Defaults to
            0.
        min_visibility: Share of a box's area that must remain in a crop. The
            paper's is 0, the default: any.
        brightness: Largest change of brightness, a share. Defaults to 0.2.
        contrast: Largest change of contrast, a share. Defaults to 0.2.
        saturation: Largest change of saturation, a share. Defaults to 0.2.
        rand_augment: `(number, magnitude)`, how many random changes of
            `rand_augment` and how strong, 0 to 10; `None` for none, the
            default.
        antialias: Boolean; see `DetectionPreprocessing`. Defaults to `False`.
        fill: Three numbers, the color around images. Defaults to ImageNet's
            mean.

    Call arguments:
        sample: A `DetectionSample`.
        rng: A `numpy.random.Generator`; equal ones give equal results.
        draw: Function without arguments that gives another sample, for
            mosaics.

    Returns:
        When called, a `DetectionSample` of the size.

    Raises:
        ValueError: If an argument is out of range, or there is no `draw` for
            a mosaic.

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

    def __post_init__(self):
        # Evaluation and training take the same sizes.
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
                    f"`{name}` must lie in [0, 1]. "
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

    def __call__(self, sample, rng, draw=None):
        shared = {
            "min_visibility": self.min_visibility,
            "antialias": self.antialias,
            "fill": self.fill,
        }
        # Drawn only where it matters, so that other numbers stay as they are.
        if self.mosaic_rate and rng.uniform() < self.mosaic_rate:
            if draw is None:
                raise ValueError(
                    "A mosaic needs other images: pass `draw`, a function "
                    "that gives a `DetectionSample`."
                )
            others = [draw() for _ in range(NUM_IMAGES - 1)]
            sample = mosaic([sample, *others], rng, self.size, **shared)
        sample = random_box_flip(sample, rng, self.flip_rate)
        if self.vertical_flip_rate:
            sample = random_box_flip(
                sample, rng, self.vertical_flip_rate, "vertical"
            )
        sample = random_scale(sample, rng, self.size, self.scale, **shared)
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
