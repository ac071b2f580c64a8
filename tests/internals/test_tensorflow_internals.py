"""One test for each assumption about private APIs of TensorFlow and tf2onnx."""

import numpy as np
import pytest

from keras_efficient.internals import tensorflow_internals

tf = pytest.importorskip("tensorflow")


def test_tf2onnx_converts_a_function_without_optimizing_it():
    pytest.importorskip("tf2onnx")
    onnx = pytest.importorskip("onnx")
    variable = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    function = tf.function(
        lambda images: [images @ variable],
        input_signature=[tf.TensorSpec((None, 2), tf.float32, "images")],
    ).get_concrete_function()
    proto, inputs = tensorflow_internals.convert_to_onnx(function, 17)
    assert isinstance(proto, onnx.ModelProto)
    assert inputs == ["images:0"]
    assert [x.name for x in proto.graph.input] == inputs
    assert {x.version for x in proto.opset_import if not x.domain} == {17}
    # Variables are constants in the file.
    assert any(node.op_type == "MatMul" for node in proto.graph.node)
    assert not any(node.op_type == "VarHandleOp" for node in proto.graph.node)


def test_non_max_suppression_v5_pads_to_a_fixed_size():
    boxes = np.array(
        [[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [40, 40, 50, 50]],
        "float32",
    )
    scores = np.array([0.9, 0.8, 0.7, 0.05], "float32")

    def suppress(**options):
        indices, kept, count = tensorflow_internals.padded_non_max_suppression(
            boxes, scores, max_output_size=6, score_threshold=0.1, **options
        )
        assert indices.shape == kept.shape == (6,)
        return indices.numpy(), kept.numpy(), int(count)

    indices, kept, count = suppress(iou_threshold=0.5, soft_nms_sigma=0.0)
    assert count == 2 and indices[:2].tolist() == [0, 2]
    np.testing.assert_allclose(kept, [0.9, 0.7, 0, 0, 0, 0], rtol=1e-6)
    # The sigma of the operator is half the sigma of the paper.
    indices, kept, count = suppress(iou_threshold=1.0, soft_nms_sigma=0.25)
    lowered = 0.8 * np.exp(-(0.9**2) / (2 * 0.25))
    assert count == 3 and indices[:3].tolist() == [0, 2, 1]
    np.testing.assert_allclose(kept[:3], [0.9, 0.7, lowered], rtol=1e-5)


def test_frozen_functions_hold_the_values_of_variables():
    variable = tf.Variable([2.0, 3.0])

    @tf.function(input_signature=[tf.TensorSpec((2,), tf.float32)])
    def function(x):
        return {"sum": x + variable, "product": x * variable}

    concrete = function.get_concrete_function()
    frozen = tensorflow_internals.freeze(concrete)
    variable.assign([0.0, 0.0])
    outputs = frozen(tf.constant([1.0, 1.0]))
    # A flat list, in the order of `tf.nest`.
    packed = tf.nest.pack_sequence_as(concrete.structured_outputs, outputs)
    assert packed["sum"].numpy().tolist() == [3.0, 4.0]
    assert packed["product"].numpy().tolist() == [2.0, 3.0]
