"""Detectors as LiteRT's files for MediaPipe Tasks and the Task Library.

MediaPipe cuts boxes to whole pixels, and shrinks by bilinear interpolation
without averaging, as `DetectionPreprocessing` does unless `antialias` is on.
"""

import numpy as np

from keras_efficient.export.formats.litert import files
from keras_efficient.export.formats.litert.mediapipe_metadata import (
    append_labels,
)
from keras_efficient.export.formats.litert.mediapipe_metadata import (
    make_metadata,
)
from keras_efficient.export.graph.letterbox import letterbox
from keras_efficient.export.graph.signatures import make_signatures
from keras_efficient.ops import clip_boxes
from keras_efficient.postprocessing import find_candidates

# In the order in which MediaPipe expects the outputs.
OUTPUTS = ("boxes", "classes", "scores", "count")
METADATA_KEY = b"TFLITE_METADATA"


def describe(content, spec, name):
    """Sorts the outputs as MediaPipe expects them, and adds what it reads.

    Args:
        content: The file's parts, as `files.unpack` gives them; they
            are changed.
        spec: The `DetectionSpec`.
        name: String, of the model.

    Returns:
        Bytes, the file.
    """
    (signature,) = content.signatureDefs
    indices = {
        output.name.decode(): output.tensorIndex for output in signature.outputs
    }
    content.subgraphs[0].outputs = [indices[name] for name in OUTPUTS]
    metadata = make_metadata(name, spec.options["score_threshold"])
    files.add_metadata(content, METADATA_KEY, metadata)
    return append_labels(files.pack(content), spec.class_names)


def as_rows(answer, size):
    """The outputs as those of the other formats.

    Args:
        answer: Dict of the arrays that the file gives for one image.
        size: `(height, width)` of the image.

    Returns:
        Dict of arrays `boxes`, `scores`, `labels` and `num_detections`.
    """
    count = answer["count"].astype("int32")
    is_found = np.arange(answer["scores"].shape[1]) < count[:, None]
    sides = np.array([*size[::-1], *size[::-1]], "float32")
    boxes = answer["boxes"][..., [1, 0, 3, 2]] * sides
    return {
        "boxes": np.where(is_found[..., None], boxes, 0),
        "scores": np.where(is_found, answer["scores"], 0),
        "labels": np.where(is_found, answer["classes"], -1).astype("int32"),
        "num_detections": count,
    }


def make_function(model, spec, size):
    """From one image to the outputs, by their names.

    Without loops, each of which is a graph of its own: MediaPipe takes files
    of one graph only.

    Args:
        model: An `EfficientDet`, on the TensorFlow backend.
        spec: Its `DetectionSpec`.
        size: `(height, width)` of the image.

    Returns:
        A function from a uint8 tensor `(1, height, width, 3)` to a dict of
        float32 tensors: boxes `(1, max_detections, 4)`, `yxyx` in shares of
        the image; classes and scores `(1, max_detections)`; and their count
        `(1,)`.
    """
    import tensorflow as tf

    raw = make_signatures(model, spec)["raw"].function
    sides = tf.constant(size, tf.float32)

    def detect(images):
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
        places, scores, count = _suppress(
            boxes[0], tf.sigmoid(logits[0]), labels[0], spec.options
        )
        boxes = tf.gather(boxes, places, axis=1)
        if clip == "after":
            boxes = clip_boxes(boxes, tuple(size))
        return {
            "boxes": boxes / tf.concat([sides, sides], axis=0),
            "classes": tf.cast(tf.gather(labels, places, axis=1), tf.float32),
            "scores": scores[None],
            "count": tf.cast(count, tf.float32)[None],
        }

    return detect


def _suppress(boxes, scores, labels, options):
    """Non-maximum suppression as one operator of LiteRT.

    Args:
        boxes: Tensor of shape `(number, 4)`.
        scores: Tensor of shape `(number,)`.
        labels: Integer tensor of that shape.
        options: Keyword arguments of `postprocessing.postprocess`.

    Returns:
        Places of the boxes that are taken and their scores, of shape
        `(max_detections,)`, and how many they are.
    """
    import tensorflow as tf

    if not options["class_agnostic"]:
        # Apart from each other, boxes of different classes do not overlap.
        low, high = tf.reduce_min(boxes), tf.reduce_max(boxes)
        labels = tf.cast(labels, tf.float32)
        boxes = boxes + labels[:, None] * (high - low + 1.0)
    is_soft = options["nms"] == "soft"
    return tf.raw_ops.NonMaxSuppressionV5(
        boxes=boxes,
        scores=scores,
        max_output_size=options["max_detections"],
        iou_threshold=1.0 if is_soft else options["iou_threshold"],
        score_threshold=options["score_threshold"],
        # Its formula has twice the sigma of the paper.
        soft_nms_sigma=options.get("sigma", 0.5) / 2 if is_soft else 0.0,
        pad_to_max_output_size=True,
    )
