"""Random flips."""

import numpy as np


def random_flip(image, rng, rate=0.5):
    """Mirrors an image left to right, with probability `rate`.

    Args:
        image: Array `(height, width, 3)`.
        rng: A `numpy.random.Generator`.
        rate: Float in `[0, 1]`. Defaults to 0.5.

    Returns:
        Array of the shape of `image`.
    """
    if rng.uniform() < rate:
        return np.ascontiguousarray(image[:, ::-1])
    return image


def random_box_flip(sample, rng, rate=0.5, axis="horizontal"):
    """Mirrors an image and its boxes, with probability `rate`.

    Args:
        sample: A `DetectionSample`.
        rng: A `numpy.random.Generator`.
        rate: Float in `[0, 1]`. Defaults to 0.5.
        axis: `"horizontal"`, left to right, or `"vertical"`. Defaults to
            `"horizontal"`.

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
