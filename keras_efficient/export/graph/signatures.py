"""The functions of an exported model, as TensorFlow functions.

- `"serving_default"`: `image_bytes`, string `(batch,)`, encoded images; for
  gray, RGB and RGBA images, the kinds that files have.
- `"images"`: `images`, uint8 `(batch, height, width, channels)`, images of the
  same size.
- `"raw"`: `images`, float32 of the size of the network's input, in `[0, 255]`.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import keras

from keras_efficient.data.image_channels import FILE_CHANNELS
from keras_efficient.export.graph.decoding import decode_image
from keras_efficient.export.graph.letterbox import letterbox
from keras_efficient.export.graph.resampling import preprocess_images
from keras_efficient.export.specs import ClassificationSpec
from keras_efficient.export.specs import DetectionSpec
from keras_efficient.export.specs import Spec
from keras_efficient.export.specs import fill_inputs
from keras_efficient.postprocessing import postprocess
from keras_efficient.types import Tensor

Tensors: TypeAlias = dict[str, Tensor]
# Outputs of a detector's network.
NETWORK_OUTPUTS = ["class_logits", "box_deltas"]


@dataclasses.dataclass(frozen=True)
class Signature:
    """A function of an exported model.

    Attributes:
        function: Function from one tensor to a dictionary of tensors.
        input_spec: The `tf.TensorSpec` of the input.
    """

    function: Callable[[Tensor], Tensors]
    input_spec: Any


@dataclasses.dataclass(frozen=True)
class NumericSignature:
    """The signature `"images"` with numeric outputs only.

    Attributes:
        function: Function from a tensor of shape `(batch, height, width,
            channels)` to a dictionary of tensors.
        output_names: The keys of the dictionary, in order.
    """

    function: Callable[[Tensor], Tensors]
    output_names: list[str]


@dataclasses.dataclass(frozen=True)
class _Steps:
    """The steps of a model's signatures.

    Attributes:
        read_files: From encoded images to the arguments of `finish`, of which
            the first is the network's input.
        read_images: From images of one size to the same.
        network: From the network's input to the outputs of `"raw"`.
        finish: From the network's input, and the sizes of the images, to the
            outputs of the other signatures.
    """

    read_files: Callable[[Tensor], tuple[Tensor, ...]]
    read_images: Callable[[Tensor], tuple[Tensor, ...]]
    network: Callable[[Tensor], Tensors]
    finish: Callable[..., Tensors]


def make_signatures(model: keras.Model, spec: Spec) -> dict[str, Signature]:
    """Return the functions of an exported model.

    Args:
        model: A `keras.Model` on the TensorFlow backend.
        spec: The description of the model.

    Returns:
        A dictionary from names to `Signature`s.
    """
    import tensorflow as tf

    steps, channels = _make_steps(model, spec), spec.channels
    signatures = {
        "images": Signature(
            lambda images: steps.finish(*steps.read_images(images)),
            tf.TensorSpec((None, None, None, channels), tf.uint8, "images"),
        ),
        "raw": Signature(
            steps.network,
            tf.TensorSpec(
                (None, *spec.image_size, channels), tf.float32, "images"
            ),
        ),
    }
    if channels in FILE_CHANNELS:
        signatures["serving_default"] = Signature(
            lambda image_bytes: steps.finish(*steps.read_files(image_bytes)),
            tf.TensorSpec((None,), tf.string, "image_bytes"),
        )
    return signatures


def numeric_signature(
    model: keras.Model, spec: Spec, network_only: bool = False
) -> NumericSignature:
    """Return the signature `"images"` without strings.

    Most runtimes other than TensorFlow do not support strings.

    Args:
        model: A `keras.Model` on the TensorFlow backend.
        spec: The description of the model.
        network_only: Boolean, whether to return the outputs of a detector's
            network without post-processing. Defaults to `False`.

    Returns:
        A `NumericSignature`.
    """
    steps = _make_steps(model, spec)
    names = spec.output_names
    if network_only and not isinstance(spec, ClassificationSpec):
        names = list(NETWORK_OUTPUTS)

    def run(images: Tensor) -> Tensors:
        inputs = steps.read_images(images)
        if network_only:
            outputs = steps.network(inputs[0])
        else:
            outputs = steps.finish(*inputs)
        return {name: outputs[name] for name in names}

    return NumericSignature(run, names)


def function_of_images(
    function: Callable[[Tensor], Any],
    shape: Sequence[int | None],
    dtype: str = "uint8",
) -> Any:
    """Return a TensorFlow function of one tensor named `images`.

    Args:
        function: Function from this tensor to its outputs.
        shape: Shape of the tensor, `(batch, height, width, channels)`, with
            `None` for any number.
        dtype: String, dtype of the tensor. Defaults to `"uint8"`.

    Returns:
        A `tf.function` with this signature.
    """
    import tensorflow as tf

    images = tf.TensorSpec(shape, tf.as_dtype(dtype), "images")
    return tf.function(function, input_signature=[images])


def network_signature(model: keras.Model, spec: Spec) -> NumericSignature:
    """Return the signature `"raw"` without strings.

    Args:
        model: A `keras.Model` on the TensorFlow backend.
        spec: The description of the model.

    Returns:
        A `NumericSignature` whose function accepts float32 pixels of the size
        of the network's input. Its outputs are `"probabilities"` of a
        classifier, and `"class_logits"` and `"box_deltas"` of a detector.
    """
    steps = _make_steps(model, spec)
    is_classifier = isinstance(spec, ClassificationSpec)
    names = ["probabilities"] if is_classifier else NETWORK_OUTPUTS

    def run(images: Tensor) -> Tensors:
        outputs = steps.network(images)
        return {name: outputs[name] for name in names}

    return NumericSignature(run, names)


def _make_steps(model: keras.Model, spec: Spec) -> _Steps:
    if isinstance(spec, ClassificationSpec):
        return _classification_steps(model, spec)
    return _detection_steps(model, spec)


def _classification_steps(
    model: keras.Model, spec: ClassificationSpec
) -> _Steps:
    import tensorflow as tf

    def read_images(images: Tensor) -> tuple[Tensor, ...]:
        images = preprocess_images(images, spec.preprocessing)
        return (tf.cast(images, tf.float32),)

    def read_files(image_bytes: Tensor) -> tuple[Tensor, ...]:
        def read_file(encoded: Tensor) -> Tensor:
            image = decode_image(encoded, spec.channels)[None]
            return preprocess_images(image, spec.preprocessing)[0]

        pixels = _map_on_cpu(
            read_file,
            image_bytes,
            tf.TensorSpec((*spec.preprocessing.size, spec.channels), tf.uint8),
        )
        return (tf.cast(pixels, tf.float32),)

    def classify(images: Tensor) -> Tensors:
        (outputs,) = keras.tree.flatten(_run(model, spec, images))
        outputs = tf.cast(outputs, tf.float32)
        if spec.outputs.from_logits:
            to_shares = tf.sigmoid
            if spec.outputs.exclusive:
                to_shares = tf.nn.softmax
            outputs = to_shares(outputs)
        if spec.outputs.exclusive:
            labels = tf.argmax(outputs, axis=-1)
        else:
            threshold = tf.constant(spec.outputs.threshold, tf.float32)
            predicted = tf.cast(outputs >= threshold, tf.int64)
            if not spec.has_label:
                return {"probabilities": outputs, "predicted": predicted}
            labels = predicted[:, 0]
        return {
            "probabilities": outputs,
            "label": labels,
            "class_name": tf.gather(tf.constant(spec.class_names), labels),
        }

    return _Steps(read_files, read_images, network=classify, finish=classify)


def _detection_steps(model: keras.Model, spec: DetectionSpec) -> _Steps:
    import tensorflow as tf

    def read_images(images: Tensor) -> tuple[Tensor, ...]:
        pixels, scale = letterbox(images, spec.preprocessing)
        count = tf.shape(images)[:1]
        size = tf.cast(tf.shape(images)[1:3], tf.float32)
        sizes = tf.tile(size[None], tf.concat([count, [1]], axis=0))
        return pixels, tf.fill(count, scale), sizes

    def read_files(image_bytes: Tensor) -> tuple[Tensor, ...]:
        def read_file(encoded: Tensor) -> tuple[Tensor, ...]:
            batch = read_images(decode_image(encoded, spec.channels)[None])
            return tuple(x[0] for x in batch)

        return _map_on_cpu(
            read_file,
            image_bytes,
            (
                tf.TensorSpec(
                    (*spec.preprocessing.size, spec.channels), tf.float32
                ),
                tf.TensorSpec((), tf.float32),
                tf.TensorSpec((2,), tf.float32),
            ),
        )

    def run_network(images: Tensor) -> Tensors:
        outputs = _run(model, spec, images)
        return {name: tf.cast(x, tf.float32) for name, x in outputs.items()}

    def detect(images: Tensor, scales: Tensor, sizes: Tensor) -> Tensors:
        outputs = run_network(images)
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
        labels, no_label = rows["labels"], len(spec.class_names)
        names = tf.gather(
            tf.constant((*spec.class_names, "")),
            tf.where(labels < 0, no_label, labels),
        )
        return {**rows, "boxes": boxes, "class_names": names}

    return _Steps(read_files, read_images, network=run_network, finish=detect)


def _run(model: keras.Model, spec: Spec, images: Tensor) -> Any:
    """Run the network on a channels-last batch."""
    import tensorflow as tf

    inputs = tf.cast(images, model.inputs[0].dtype)
    if spec.is_channels_first:
        inputs = tf.transpose(inputs, (0, 3, 1, 2))
    return model(fill_inputs(model, inputs), training=False)


def _map_on_cpu(
    function: Callable[[Tensor], Any], elements: Tensor, output_signature: Any
) -> Any:
    """Map a function of strings, which have no kernels on a GPU."""
    import tensorflow as tf

    with tf.device("/CPU:0"):
        return tf.map_fn(
            function, elements, fn_output_signature=output_signature
        )
