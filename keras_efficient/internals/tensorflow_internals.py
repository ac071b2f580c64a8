"""The private API of TensorFlow and tf2onnx that the package relies on.

TensorFlow is imported inside the functions: this module is importable where it
is not installed. Each function states the assumption it makes. Verified with
TensorFlow 2.21 and tf2onnx 1.17.
"""

from typing import Any


def convert_to_onnx(function: Any, opset: int) -> tuple[Any, list[str]]:
    """Convert a concrete function to ONNX without optimizing the graph.

    `tf2onnx.convert.from_function` is the public function. It also runs the
    optimizers of tf2onnx, which take minutes for an EfficientDet and cannot be
    disabled.

    Assumes `tf2onnx.tf_loader.from_function(function, input_names,
    output_names)`, which returns a frozen graph definition, and
    `tf2onnx.tfonnx.process_tf_graph(graph, opset, input_names, output_names)`,
    which returns an object with `make_model(description)`.

    Args:
        function: A `tf.ConcreteFunction`.
        opset: Integer, the version of the ONNX operators.

    Returns:
        A tuple of an `onnx.ModelProto` and the list of the names of its
        inputs, such as `["images:0"]`.
    """
    import tensorflow as tf
    import tf2onnx

    inputs, outputs = (
        [x.name for x in tensors if x.dtype != tf.resource]
        for tensors in (function.inputs, function.outputs)
    )
    with tf.device("/cpu:0"):
        frozen = tf2onnx.tf_loader.from_function(function, inputs, outputs)
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(frozen, name="")
            converted = tf2onnx.tfonnx.process_tf_graph(
                graph, opset=opset, input_names=inputs, output_names=outputs
            )
    return converted.make_model("keras_efficient"), inputs


def padded_non_max_suppression(
    boxes: Any,
    scores: Any,
    *,
    max_output_size: int,
    iou_threshold: float,
    score_threshold: float,
    soft_nms_sigma: float,
) -> tuple[Any, Any, Any]:
    """Run non-maximum suppression as one operator with a fixed output size.

    `tf.image.non_max_suppression_with_scores` is the public function. Its
    outputs have a dynamic size, which MediaPipe does not support.

    Assumes `tf.raw_ops.NonMaxSuppressionV5` with `pad_to_max_output_size`.

    Args:
        boxes: Float32 tensor of shape `(number, 4)`, `yxyx`.
        scores: Float32 tensor of shape `(number,)`.
        max_output_size: Integer, the size of the outputs.
        iou_threshold: Float, the overlap above which boxes are removed.
        score_threshold: Float; boxes of lower scores are removed.
        soft_nms_sigma: Float; scores are multiplied by
            `exp(-iou ** 2 / (2 * soft_nms_sigma))`, or not if it is 0.

    Returns:
        A tuple of int32 indices and float32 scores, both of shape
        `(max_output_size,)` and filled up with zeros, and the int32 number of
        selected boxes.
    """
    import tensorflow as tf

    return tf.raw_ops.NonMaxSuppressionV5(
        boxes=boxes,
        scores=scores,
        max_output_size=max_output_size,
        iou_threshold=iou_threshold,
        score_threshold=score_threshold,
        soft_nms_sigma=soft_nms_sigma,
        pad_to_max_output_size=True,
    )


def freeze(function: Any) -> Any:
    """Return a function with the present values of variables as constants.

    TensorFlow optimizes constants, for example their memory layout, once. No
    public function freezes a function that stays in memory.

    Assumes `convert_variables_to_constants_v2(function)` of
    `tensorflow.python.framework.convert_to_constants`, whose result returns a
    flat list of tensors.

    Args:
        function: A `tf.ConcreteFunction`.

    Returns:
        A function from tensors to the flat list of the outputs.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    return convert_variables_to_constants_v2(function)
