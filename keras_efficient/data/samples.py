"""An image with its boxes, on the way through the transforms."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class DetectionSample:
    """An image with its boxes.

    Attributes:
        image: Array `(height, width, 3)`, uint8.
        boxes: Float32 array `(number, 4)`, `xyxy` in pixels of the image.
        labels: Int32 array `(number,)`.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray

    def moved(self, image, boxes, min_visibility=0.0):
        """The sample after its image has changed, and its boxes with it.

        Args:
            image: The new image.
            boxes: The boxes in its pixels; they may reach beyond it.
            min_visibility: Float in `[0, 1]`, the share of a box's area that
                must lie in the image. Defaults to 0: any.

        Returns:
            A `DetectionSample` with the boxes clipped, and without those of
            which nothing, or too little, is left.
        """
        height, width = image.shape[:2]
        limits = np.array([width, height] * 2, "float32")
        boxes = np.asarray(boxes, "float32").reshape(-1, 4)
        clipped = np.clip(boxes, 0, limits)
        areas, left = _areas(boxes), _areas(clipped)
        is_kept = (left > 0) & (left >= min_visibility * areas)
        return DetectionSample(image, clipped[is_kept], self.labels[is_kept])


def _areas(boxes):
    return np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=-1)
