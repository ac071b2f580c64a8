"""Random scale and place within the network's image."""

import numpy as np

from keras_efficient.data.letterbox import IMAGENET_MEAN
from keras_efficient.data.letterbox import fitting_scale
from keras_efficient.data.letterbox import scaled_size
from keras_efficient.data.resizing import resize_window


def random_scale(
    sample,
    rng,
    size,
    scale=(0.1, 2.0),
    min_visibility=0.0,
    antialias=False,
    fill=IMAGENET_MEAN,
):
    """Scales an image at random, and crops or fills it to one size.

    A factor of 1 makes it just fit. Larger images are cropped at a random
    place; smaller ones are filled at the bottom and at the right.

    Args:
        sample: A `DetectionSample`.
        rng: A `numpy.random.Generator`.
        size: `(height, width)` of the result, in pixels.
        scale: Bounds of the factor. The paper's are `(0.1, 2)`, the default;
            short trainings want milder ones.
        min_visibility: Float in `[0, 1]`, the share of a box's area that must
            remain. Defaults to 0: any.
        antialias: Boolean; see `DetectionPreprocessing`. Defaults to `False`.
        fill: Three numbers, the color of the rest. Defaults to ImageNet's
            mean.

    Returns:
        A `DetectionSample` of the size.

    Reference:
        - `google/automl`, `efficientdet/dataloader.py`,
          `set_training_random_scale_factors`.
    """
    factor = np.float32(rng.uniform(*scale))
    image = sample.image
    target = [max(1, int(factor * side)) for side in size]
    ratio = fitting_scale(image.shape[:2], target)
    whole = scaled_size(image.shape[:2], ratio)
    window = []
    for side, wanted in zip(whole, size, strict=True):
        beyond = max(0, side - wanted)
        window.append((int(beyond * rng.uniform()), min(side, wanted)))
    (top, height), (left, width) = window
    part = resize_window(image, whole, (top, left, height, width), antialias)
    canvas = np.empty((*size, 3), "uint8")
    canvas[:] = np.rint(fill)
    canvas[:height, :width] = np.rint(part)
    steps = [whole[1] / image.shape[1], whole[0] / image.shape[0]] * 2
    boxes = sample.boxes * steps - [left, top, left, top]
    return sample.moved(canvas, boxes, min_visibility)
