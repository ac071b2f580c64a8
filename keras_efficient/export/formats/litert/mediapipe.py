"""LiteRT files for MediaPipe Tasks and the Task Library.

MediaPipe truncates boxes to whole pixels, and scales images down by bilinear
interpolation without averaging, as `DetectionPreprocessing` does unless
`antialias` is set.
"""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_efficient.export.formats.export_format import Outputs
from keras_efficient.export.formats.litert import files
from keras_efficient.export.formats.litert import mediapipe_metadata
from keras_efficient.export.graph.letterbox import letterbox
from keras_efficient.export.graph.signatures import make_signatures
from keras_efficient.export.specs import DetectionSpec
from keras_efficient.export.specs import Spec
from keras_efficient.internals import tensorflow_internals
from keras_efficient.ops import clip_boxes
from keras_efficient.postprocessing import find_candidates

# In the order in which MediaPipe expects the outputs.
OUTPUTS = ("boxes", "classes", "scores", "count")
METADATA_KEY = b"TFLITE_METADATA"


def add_task_metadata(content: Any, spec: Spec, name: str) -> bytes:
    """Sort the outputs as MediaPipe expects them and add its metadata.

    Args:
        content: The content of a file, as returned by `files.unpack`, which
            is changed in place.
        spec: The description of the model.
        name: Name of the model.

    Returns:
        The content of the new file.
    """
    if isinstance(spec, DetectionSpec):
        files.sort_outputs(content, OUTPUTS)
        metadata = mediapipe_metadata.make_metadata(
            name, spec.options["score_threshold"]
        )
    else:
        metadata = mediapipe_metadata.make_classification_metadata(name)
    files.add_metadata(content, METADATA_KEY, metadata)
    return mediapipe_metadata.append_labels(
        files.pack(content), spec.class_names
    )


def to_rows(outputs: Outputs, size: tuple[int, int]) -> Outputs:
    """Convert the outputs of one image to those of the other formats.

    Args:
        outputs: Dictionary of arrays as returned by the file.
        size: `(height, width)` of the image.

    Returns:
        A dictionary of the arrays `boxes`, `scores`, `labels` and
        `num_detections`.
    """
    count = outputs["count"].astype("int32")
    is_found = np.arange(outputs["scores"].shape[1]) < count[:, None]
    sides = np.array([*size[::-1], *size[::-1]], "float32")
    boxes = outputs["boxes"][..., [1, 0, 3, 2]] * sides
    return {
        "boxes": np.where(is_found[..., None], boxes, 0),
        "scores": np.where(is_found, outputs["scores"], 0),
        "labels": np.where(is_found, outputs["classes"], -1).astype("int32"),
        "num_detections": count,
    }


def make_function(
    model: keras.Model, spec: DetectionSpec, size: tuple[int, int]
) -> Callable[[Any], dict[str, Any]]:
    """Return a function from one image to the outputs that MediaPipe expects.

    The function contains no loop, since a loop is a graph of its own and
    MediaPipe accepts files with one graph only.

    Args:
        model: An `EfficientDet` on the TensorFlow backend.
        spec: The `DetectionSpec` of the model.
        size: `(height, width)` of the image.

    Returns:
        A function from a uint8 tensor of shape `(1, height, width, 3)` to a
        dictionary of float32 tensors: boxes of shape `(1, max_detections, 4)`,
        `yxyx` as fractions of the image's sides; classes and scores of shape
        `(1, max_detections)`; and their count of shape `(1,)`.
    """
    import tensorflow as tf

    raw = make_signatures(model, spec)["raw"].function
    sides = tf.constant(size, tf.float32)

    def detect(images: Any) -> dict[str, Any]:
        pixels, scale = letterbox(images, spec.preprocessing)
        outputs = raw(pixels)
        boxes, logits, labels = find_candidates(
            outputs["class_logits"],
            outputs["box_deltas"],
            spec.anchors,
            spec.options.get("candidates", "pairs"),
            spec.options.get("max_candidates", 5000),
        )
        boxes = boxes / scale
        clip = spec.options.get("clip", "after")
        if clip == "before":
            boxes = clip_boxes(boxes, tuple(size))
        indices, scores, count = _suppress(
            boxes[0], tf.sigmoid(logits[0]), labels[0], spec.options
        )
        boxes = tf.gather(boxes, indices, axis=1)
        if clip == "after":
            boxes = clip_boxes(boxes, tuple(size))
        return {
            "boxes": boxes / tf.concat([sides, sides], axis=0),
            "classes": tf.cast(tf.gather(labels, indices, axis=1), tf.float32),
            "scores": scores[None],
            "count": tf.cast(count, tf.float32)[None],
        }

    return detect


def _suppress(
    boxes: Any, scores: Any, labels: Any, options: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    """Non-maximum suppression as one operator of LiteRT.

    Args:
        boxes: Tensor of shape `(number, 4)`.
        scores: Tensor of shape `(number,)`.
        labels: Integer tensor of shape `(number,)`.
        options: Keyword arguments of `postprocessing.postprocess`.

    Returns:
        A tuple of the indices of the selected boxes and their scores, of shape
        `(max_detections,)`, and their number.
    """
    import tensorflow as tf

    if not options["class_agnostic"]:
        # Shifted apart, boxes of different classes do not overlap.
        low, high = tf.reduce_min(boxes), tf.reduce_max(boxes)
        labels = tf.cast(labels, tf.float32)
        boxes = boxes + labels[:, None] * (high - low + 1.0)
    is_soft = options["nms"] == "soft"
    return tensorflow_internals.padded_non_max_suppression(
        boxes,
        scores,
        max_output_size=options["max_detections"],
        iou_threshold=1.0 if is_soft else options["iou_threshold"],
        score_threshold=options["score_threshold"],
        # The operator divides by twice its sigma, the paper by sigma.
        soft_nms_sigma=options.get("sigma", 0.5) / 2 if is_soft else 0.0,
    )
