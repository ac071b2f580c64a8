"""Random flips."""

from typing import Literal

import numpy as np

from keras_efficient.data.samples import DetectionSample


def random_flip(
    image: np.ndarray, rng: np.random.Generator, rate: float = 0.5
) -> np.ndarray:
    """Flip an image horizontally with probability `rate`.

    Args:
        image: Array of shape `(height, width, channels)`.
        rng: A `numpy.random.Generator`.
        rate: Float in `[0, 1]`, the probability. Defaults to 0.5.

    Returns:
        Array of the shape of `image`.
    """
    if rng.uniform() < rate:
        return np.ascontiguousarray(image[:, ::-1])
    return image


def random_box_flip(
    sample: DetectionSample,
    rng: np.random.Generator,
    rate: float = 0.5,
    axis: Literal["horizontal", "vertical"] = "horizontal",
) -> DetectionSample:
    """Flip an image and its boxes with probability `rate`.

    Args:
        sample: A `DetectionSample`.
        rng: A `numpy.random.Generator`.
        rate: Float in `[0, 1]`, the probability. Defaults to 0.5.
        axis: `"horizontal"`, exchanging left and right, or `"vertical"`.
            Defaults to `"horizontal"`.

    Returns:
        A `DetectionSample`.
    """
    if rng.uniform() >= rate:
        return sample
    image, boxes = sample.image, sample.boxes.copy()
    first = 0 if axis == "horizontal" else 1
    side = image.shape[1 - first]
    boxes[:, [first, first + 2]] = side - boxes[:, [first + 2, first]]
    mirrored = image[:, ::-1] if axis == "horizontal" else image[::-1]
    return sample.moved(np.ascontiguousarray(mirrored), boxes)
