"""An image with its boxes, as the transforms pass it on."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class DetectionSample:
    """An image with its boxes.

    Attributes:
        image: Uint8 array of shape `(height, width, channels)`.
        boxes: Float32 array of shape `(number, 4)`, `xyxy` in pixels of the
            image.
        labels: Int32 array of shape `(number,)`.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray

    def moved(
        self,
        image: np.ndarray,
        boxes: np.ndarray,
        min_visibility: float = 0.0,
    ) -> "DetectionSample":
        """Return the sample with a new image and the boxes moved into it.

        Args:
            image: The new image.
            boxes: The boxes in its pixels; they may reach beyond it.
            min_visibility: Float in `[0, 1]`, the share of a box's area that
                must be inside the image. Defaults to 0: any.

        Returns:
            A `DetectionSample` with clipped boxes, without those that are
            outside or not visible enough.
        """
        height, width = image.shape[:2]
        limits = np.array([width, height] * 2, "float32")
        boxes = np.asarray(boxes, "float32").reshape(-1, 4)
        clipped = np.clip(boxes, 0, limits)
        areas, visible = _areas(boxes), _areas(clipped)
        is_kept = (visible > 0) & (visible >= min_visibility * areas)
        return DetectionSample(image, clipped[is_kept], self.labels[is_kept])


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=-1)
