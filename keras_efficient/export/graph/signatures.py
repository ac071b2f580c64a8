"""What an exported model offers, as functions of TensorFlow.

`make_signatures` gives them by name, each with what goes in:

- `"serving_default"`: `image_bytes`, string `(batch,)`, encoded images.
- `"images"`: `images`, uint8 `(batch, height, width, 3)`, images of any one
  size.
- `"raw"`: `images`, float32 of the network's own size, in `[0, 255]`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from keras_efficient.export.classification_spec import ClassificationSpec
from keras_efficient.export.classification_spec import fill_inputs
from keras_efficient.export.graph.decoding import decode_image
from keras_efficient.export.graph.letterbox import letterbox
from keras_efficient.export.graph.resampling import preprocess_images
from keras_efficient.postprocessing import postprocess


@dataclasses.dataclass(frozen=True)
class Signature:
    """A function with what goes in.

    Attributes:
        function: From one tensor to a dict of tensors.
        input_spec: The `tf.TensorSpec` of the tensor.
    """

    function: Callable
    input_spec: Any


def make_signatures(model, spec):
    """The functions of a model that are exported.

    Args:
        model: A `keras.Model`, on the TensorFlow backend.
        spec: Its `ClassificationSpec` or `DetectionSpec`.

    Returns:
        A dict from names to `Signature`s.
    """
    import tensorflow as tf

    is_classifier = isinstance(spec, ClassificationSpec)
    make = _classifier_functions if is_classifier else _detector_functions
    read_files, read_images, raw, finish = make(model, spec)
    return {
        "serving_default": Signature(
            lambda image_bytes: finish(*read_files(image_bytes)),
            tf.TensorSpec((None,), tf.string, "image_bytes"),
        ),
        "images": Signature(
            lambda images: finish(*read_images(images)),
            tf.TensorSpec((None, None, None, 3), tf.uint8, "images"),
        ),
        "raw": Signature(
            raw,
            tf.TensorSpec((None, *spec.image_size, 3), tf.float32, "images"),
        ),
    }


def _classifier_functions(model, spec):
    """Reading of files and of images, the network, and what follows it."""
    import tensorflow as tf

    def read_images(images):
        images = preprocess_images(images, spec.preprocessing)
        return (tf.cast(images, tf.float32),)

    def read_files(image_bytes):
        def read_file(encoded):
            image = decode_image(encoded)[None]
            return preprocess_images(image, spec.preprocessing)[0]

        return (
            tf.cast(
                _map_on_cpu(
                    read_file,
                    image_bytes,
                    tf.TensorSpec((*spec.preprocessing.size, 3), tf.uint8),
                ),
                tf.float32,
            ),
        )

    def classify(images):
        (outputs,) = keras.tree.flatten(_run(model, spec, images))
        outputs = tf.cast(outputs, tf.float32)
        probabilities = tf.nn.softmax(outputs) if spec.from_logits else outputs
        labels = tf.argmax(probabilities, axis=-1)
        return {
            "probabilities": probabilities,
            "label": labels,
            "class_name": tf.gather(tf.constant(spec.class_names), labels),
        }

    return read_files, read_images, classify, classify


def _detector_functions(model, spec):
    """Reading of files and of images, the network, and what follows it."""
    import tensorflow as tf

    def read_images(images):
        pixels, scale = letterbox(images, spec.preprocessing)
        count = tf.shape(images)[:1]
        size = tf.cast(tf.shape(images)[1:3], tf.float32)
        sizes = tf.tile(size[None], tf.concat([count, [1]], axis=0))
        return pixels, tf.fill(count, scale), sizes

    def read_files(image_bytes):
        def read_file(encoded):
            batch = read_images(decode_image(encoded)[None])
            return tuple(x[0] for x in batch)

        return _map_on_cpu(
            read_file,
            image_bytes,
            (
                tf.TensorSpec((*spec.preprocessing.size, 3), tf.float32),
                tf.TensorSpec((), tf.float32),
                tf.TensorSpec((2,), tf.float32),
            ),
        )

    def raw(images):
        outputs = _run(model, spec, images)
        return {name: tf.cast(x, tf.float32) for name, x in outputs.items()}

    def detect(images, scales, sizes):
        outputs = raw(images)
        rows = postprocess(
            outputs["class_logits"],
            outputs["box_deltas"],
            spec.anchors,
            image_sizes=sizes * scales[:, None],
            **spec.options,
        )
        boxes = rows["boxes"] / scales[:, None, None]
        # The division may round beyond the edge.
        limits = tf.gather(sizes, [1, 0, 1, 0], axis=1)
        if spec.options.get("clip", "after") is not None:
            boxes = tf.minimum(boxes, limits[:, None])
        names = tf.gather(
            tf.constant((*spec.class_names, "")),
            tf.where(rows["labels"] < 0, len(spec.class_names), rows["labels"]),
        )
        return {**rows, "boxes": boxes, "class_names": names}

    return read_files, read_images, raw, detect


def _run(model, spec, images):
    """The network's outputs for a batch, channels last."""
    import tensorflow as tf

    inputs = tf.cast(images, model.inputs[0].dtype)
    if spec.is_channels_first:
        inputs = tf.transpose(inputs, (0, 3, 1, 2))
    return model(fill_inputs(model, inputs), training=False)


def _map_on_cpu(function, elements, output_signature):
    """Strings and whole numbers belong on the processor, beside a GPU too."""
    import tensorflow as tf

    with tf.device("/CPU:0"):
        return tf.map_fn(
            function, elements, fn_output_signature=output_signature
        )


def numeric_function(model, spec, settings):
    """The signature `"images"` without strings, which few runtimes know.

    Args:
        model: A `keras.Model`, on the TensorFlow backend.
        spec: Its `ClassificationSpec` or `DetectionSpec`.
        settings: Dict; with `"stops_at_network"` a detector's ends with the
            outputs of its network.

    Returns:
        A pair: a function from a uint8 tensor `(batch, height, width, 3)` to
        a dict of tensors; and a list of their names.
    """
    names = ["probabilities", "label"]
    function = None
    if not isinstance(spec, ClassificationSpec):
        names = ["boxes", "scores", "labels", "num_detections"]
    if settings.get("stops_at_network"):
        names = ["class_logits", "box_deltas"]
        _, read_images, raw, _ = _detector_functions(model, spec)
        function = lambda images: raw(read_images(images)[0])
    function = function or make_signatures(model, spec)["images"].function

    def answer(images):
        # Asked once: each call would put the whole network into the file.
        outputs = function(images)
        return {name: outputs[name] for name in names}

    return answer, names
