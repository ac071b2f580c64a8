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
