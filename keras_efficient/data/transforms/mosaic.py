"""Mosaics of four images."""

from collections.abc import Sequence

import numpy as np

from keras_efficient.data.image_channels import fill_for
from keras_efficient.data.letterbox import IMAGENET_MEAN
from keras_efficient.data.letterbox import fitting_scale
from keras_efficient.data.letterbox import scaled_size
from keras_efficient.data.resizing import resize_window
from keras_efficient.data.samples import DetectionSample

NUM_IMAGES = 4


def mosaic(
    samples: Sequence[DetectionSample],
    rng: np.random.Generator,
    size: tuple[int, int],
    min_visibility: float = 0.0,
    antialias: bool = False,
    fill: tuple[float, float, float] = IMAGENET_MEAN,
) -> DetectionSample:
    """Place four images around a random point of an image twice as large.

    Each image is scaled to `size` and cropped at the borders of the result.

    Args:
        samples: Four `DetectionSample`s, for top left, top right, bottom left
            and bottom right.
        rng: A `numpy.random.Generator`.
        size: `(height, width)` in pixels; the result has twice the sides.
        min_visibility: Float in `[0, 1]`, the share of a box's area that must
            remain. Defaults to 0: any.
        antialias: Boolean; see `DetectionPreprocessing`. Defaults to `False`.
        fill: Three numbers, the color of uncovered pixels. Defaults to
            ImageNet's mean.

    Returns:
        A `DetectionSample` of twice the size.

    Raises:
        ValueError: If there are not four samples.

    Reference:
        - [Bochkovskiy et al., 2020](https://arxiv.org/abs/2004.10934).
    """
    if len(samples) != NUM_IMAGES:
        raise ValueError(
            f"A mosaic needs {NUM_IMAGES} images. Received: {len(samples)}"
        )
    height, width = size
    channels = samples[0].image.shape[-1]
    canvas = np.empty((2 * height, 2 * width, channels), "uint8")
    canvas[:] = np.rint(fill_for(fill, channels))
    middle = [int(rng.uniform(0.5, 1.5) * side) for side in size]
    boxes, labels = [], []
    for i, sample in enumerate(samples):
        old = sample.image.shape[:2]
        new = scaled_size(old, fitting_scale(old, size))
        # The top left corner of the image, relative to the result.
        corner = [
            middle[axis] - (new[axis] if is_before else 0)
            for axis, is_before in enumerate((i < 2, i % 2 == 0))
        ]
        start = [max(0, -c) for c in corner]
        rows, columns = (
            min(n, 2 * s - c) - first
            for n, s, c, first in zip(new, size, corner, start, strict=True)
        )
        window = (start[0], start[1], rows, columns)
        part = resize_window(sample.image, new, window, antialias)
        top, left = (c + s for c, s in zip(corner, start, strict=True))
        canvas[top : top + rows, left : left + columns] = np.rint(part)
        steps = [new[1] / old[1], new[0] / old[0]] * 2
        moved = sample.boxes * steps + [corner[1], corner[0]] * 2
        clipped = sample.moved(canvas, moved, min_visibility)
        boxes.append(clipped.boxes)
        labels.append(clipped.labels)
    return DetectionSample(
        canvas, np.concatenate(boxes), np.concatenate(labels)
    )
