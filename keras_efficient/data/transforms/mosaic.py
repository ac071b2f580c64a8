"""Four images as one."""

import numpy as np

from keras_efficient.data.letterbox import IMAGENET_MEAN
from keras_efficient.data.letterbox import fitting_scale
from keras_efficient.data.letterbox import scaled_size
from keras_efficient.data.resizing import resize_window
from keras_efficient.data.samples import DetectionSample

NUM_IMAGES = 4


def mosaic(
    samples,
    rng,
    size,
    min_visibility=0.0,
    antialias=False,
    fill=IMAGENET_MEAN,
):
    """Puts four images around a random point of one twice as large.

    Each is scaled to `size` and cut off where the large one ends.

    Args:
        samples: Four `DetectionSample`s: for top left, top right, bottom left
            and bottom right.
        rng: A `numpy.random.Generator`.
        size: `(height, width)`, in pixels; the result is twice as high and
            wide.
        min_visibility: Float in `[0, 1]`, the share of a box's area that must
            remain. Defaults to 0: any.
        antialias: Boolean; see `DetectionPreprocessing`. Defaults to `False`.
        fill: Three numbers, the color of the rest. Defaults to ImageNet's
            mean.

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
    canvas = np.empty((2 * height, 2 * width, 3), "uint8")
    canvas[:] = np.rint(fill)
    middle = [int(rng.uniform(0.5, 1.5) * side) for side in size]
    boxes, labels = [], []
    for i, sample in enumerate(samples):
        old = sample.image.shape[:2]
        new = scaled_size(old, fitting_scale(old, size))
        # Its corner lies at the middle: before it, or from it on.
        corner = [
            middle[axis] - (new[axis] if is_before else 0)
            for axis, is_before in enumerate((i < 2, i % 2 == 0))
        ]
        start = [max(0, -c) for c in corner]
        stop = [
            min(n, 2 * s - c) for n, s, c in zip(new, size, corner, strict=True)
        ]
        counts = [b - a for a, b in zip(start, stop, strict=True)]
        part = resize_window(sample.image, new, (*start, *counts), antialias)
        top, left = (c + s for c, s in zip(corner, start, strict=True))
        canvas[top : top + counts[0], left : left + counts[1]] = np.rint(part)
        steps = [new[1] / old[1], new[0] / old[0]] * 2
        moved = sample.boxes * steps + [corner[1], corner[0]] * 2
        clipped = sample.moved(canvas, moved, min_visibility)
        boxes.append(clipped.boxes)
        labels.append(clipped.labels)
    return DetectionSample(
        canvas, np.concatenate(boxes), np.concatenate(labels)
    )
