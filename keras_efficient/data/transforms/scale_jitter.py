"""Random scale and crop."""

import numpy as np

from keras_efficient.data.image_channels import fill_for
from keras_efficient.data.letterbox import IMAGENET_MEAN
from keras_efficient.data.letterbox import fitting_scale
from keras_efficient.data.letterbox import scaled_size
from keras_efficient.data.resizing import resize_window
from keras_efficient.data.samples import DetectionSample


def random_scale(
    sample: DetectionSample,
    rng: np.random.Generator,
    size: tuple[int, int],
    scale: tuple[float, float] = (0.1, 2.0),
    min_visibility: float = 0.0,
    antialias: bool = False,
    fill: tuple[float, float, float] = IMAGENET_MEAN,
) -> DetectionSample:
    """Scale an image at random, and crop or pad it to one size.

    With a factor of 1, the image just fits. Larger images are cropped at a
    random position; smaller ones are padded at the bottom and right.

    Args:
        sample: A `DetectionSample`.
        rng: A `numpy.random.Generator`.
        size: `(height, width)` of the result, in pixels.
        scale: Bounds of the factor. Defaults to those of the paper, `(0.1,
            2)`; short trainings need a smaller range.
        min_visibility: Float in `[0, 1]`, the share of a box's area that must
            remain. Defaults to 0: any.
        antialias: Boolean; see `DetectionPreprocessing`. Defaults to `False`.
        fill: Three numbers, the color of the padding. Defaults to ImageNet's
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
    channels = image.shape[-1]
    canvas = np.empty((*size, channels), "uint8")
    canvas[:] = np.rint(fill_for(fill, channels))
    canvas[:height, :width] = np.rint(part)
    steps = [whole[1] / image.shape[1], whole[0] / image.shape[0]] * 2
    boxes = sample.boxes * steps - [left, top, left, top]
    return sample.moved(canvas, boxes, min_visibility)
