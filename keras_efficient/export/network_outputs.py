"""From the outputs of a detector's network to detections, outside an export."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_efficient.postprocessing import postprocess


def find_detections(
    outputs: Mapping[str, np.ndarray],
    anchors: np.ndarray,
    options: Mapping[str, Any],
    *,
    scales: Sequence[float],
    sizes: Sequence[Sequence[int]],
) -> dict[str, np.ndarray]:
    """Decode boxes and suppress duplicates, as exports with all steps do.

    Args:
        outputs: Dictionary of the float32 arrays `class_logits`, of shape
            `(batch, anchors, classes)`, and `box_deltas`, of shape `(batch,
            anchors, 4)`.
        anchors: Array of shape `(anchors, 4)`, `yxyx` in pixels of the
            network's input.
        options: Keyword arguments of `postprocessing.postprocess`.
        scales: For each image, the factor that its sides were multiplied by.
        sizes: For each image, its `(height, width)` before scaling.

    Returns:
        A dictionary of the arrays `boxes`, `xyxy` in pixels of the images
        before scaling, `scores`, `labels` and `num_detections`.
    """
    factors = np.array(scales, "float32")[:, None]
    rows = postprocess(
        outputs["class_logits"],
        outputs["box_deltas"],
        anchors,
        image_sizes=np.array(sizes, "float32") * factors,
        **options,
    )
    rows = {k: keras.ops.convert_to_numpy(x) for k, x in rows.items()}
    return {**rows, "boxes": rows["boxes"] / factors[:, :, None]}
