"""Images in which each box is painted, so that it can be found again."""

import numpy as np

from keras_efficient.data import DetectionSample

# The class says the color.
PAINTS = np.array(
    [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], "uint8"
)
GROUND = (40, 40, 40)


def paint(height, width, boxes, labels=None):
    """A sample with boxes of whole pixels, which must not overlap."""
    image = np.empty((height, width, 3), "uint8")
    image[:] = GROUND
    labels = range(len(boxes)) if labels is None else labels
    for (left, top, right, bottom), label in zip(boxes, labels, strict=True):
        image[top:bottom, left:right] = PAINTS[label]
    return DetectionSample(
        image,
        np.array(boxes, "float32").reshape(-1, 4),
        np.array(list(labels), "int32"),
    )


def find(image, label):
    """The box around all pixels of a class's color, or `None`."""
    distance = np.abs(np.asarray(image, "float32") - PAINTS[label]).max(-1)
    rows, columns = np.nonzero(distance < 105)
    if not len(rows):
        return None
    return [
        columns.min(),
        rows.min(),
        columns.max() + 1,
        rows.max() + 1,
    ]


def check(sample, num_labels, atol=1.0, min_side=2):
    """Every box is where its color is, and every color has its box."""
    found = dict(zip(sample.labels.tolist(), sample.boxes, strict=True))
    assert len(found) == len(sample.labels), "one box a class, please"
    seen = 0
    for label in range(num_labels):
        painted = find(sample.image, label)
        if label not in found:
            # Less than half a pixel of it may still color one.
            assert painted is None or _least_side(painted) < min_side
            continue
        box = found[label]
        if _least_side(box) >= min_side:
            assert painted is not None, (label, box)
            np.testing.assert_allclose(box, painted, atol=atol)
            seen += 1
    return seen


def _least_side(box):
    return min(box[2] - box[0], box[3] - box[1])
