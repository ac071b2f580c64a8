"""ONNX and OpenVINO files of fewer digits say nearly what others say."""

import collections
import shutil

import numpy as np
import pytest

from keras_efficient.export.specs import describe
from tests.export.test_litert_quantization import classifier
from tests.export.test_litert_quantization import images

onnx = pytest.importorskip("onnx")
for package in ("tensorflow", "tf2onnx", "onnxruntime", "openvino", "nncf"):
    pytest.importorskip(package)

from keras_efficient.export import onnx_precision  # noqa: E402
from keras_efficient.export import openvino_precision  # noqa: E402
from keras_efficient.export import tf_onnx  # noqa: E402
from keras_efficient.export import tf_openvino  # noqa: E402

SETTINGS = {"precision": "float32", "metadata": {"model": "tiny"}}
SIZE = (64, 96)


@pytest.fixture(scope="module")
def float_file(tmp_path_factory):
    model = classifier()
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    tf_onnx.write(model, describe(model, None, None, None, {}), path, SETTINGS)
    return path


def copy(path, folder):
    return shutil.copy(path, folder / "copy.onnx")


def assert_near(read, expected, path, tolerance):
    expected = read(expected)["images"](images(SIZE))["probabilities"]
    found = read(path)["images"](images(SIZE))["probabilities"]
    assert expected.std(axis=0).max() > 0.04
    assert found.dtype == np.float32
    assert 0 < np.abs(found - expected).max() < tolerance


def types_of_weights(path):
    weights = onnx.load(str(path)).graph.initializer
    sizes = collections.Counter()
    for weight in weights:
        sizes[weight.data_type] += int(np.prod(weight.dims))
    return sizes


def test_float16(float_file, tmp_path):
    path = copy(float_file, tmp_path)
    onnx_precision.to_float16(path)
    assert_near(tf_onnx.read, float_file, path, 0.01)
    sizes = types_of_weights(path)
    assert sizes[onnx.TensorProto.FLOAT16] > 10 * sizes[onnx.TensorProto.FLOAT]
    assert tf_onnx.read_metadata(path) == {"model": "tiny"}
    inputs = onnx.load(str(path)).graph.input
    assert [x.type.tensor_type.elem_type for x in inputs] == [
        onnx.TensorProto.UINT8
    ]


def test_int8(float_file, tmp_path):
    path = copy(float_file, tmp_path)
    onnx_precision.quantize(path, images(SIZE))
    assert_near(tf_onnx.read, float_file, path, 0.12)
    sizes = types_of_weights(path)
    assert sizes[onnx.TensorProto.INT8] > sizes[onnx.TensorProto.FLOAT]
    assert tf_onnx.read_metadata(path) == {"model": "tiny"}
    # What comes first stays as it is.
    (first, *_) = (
        node for node in onnx.load(str(path)).graph.node
        if node.op_type == "Conv"
    )  # fmt: skip
    assert any("stem" in name for name in first.input)
    weights = {x.name: x for x in onnx.load(str(path)).graph.initializer}
    assert weights[first.input[1]].data_type == onnx.TensorProto.FLOAT


def test_openvino_int8(tmp_path):
    import openvino

    model = classifier()
    spec = describe(model, None, None, None, {})
    (tmp_path / "float").mkdir()
    tf_openvino.write(model, spec, tmp_path / "float", SETTINGS)
    file = tmp_path / "float" / "model.xml"
    converted = openvino.Core().read_model(file)
    quantized = openvino_precision.quantize(converted, images(SIZE))
    (tmp_path / "int8").mkdir()
    openvino.save_model(quantized, tmp_path / "int8" / "model.xml")
    assert_near(tf_openvino.read, tmp_path / "float", tmp_path / "int8", 0.12)
    kinds = collections.Counter(
        x.get_type_name() for x in quantized.get_ordered_ops()
    )
    assert kinds["FakeQuantize"] > 5
    convolutions = (
        x
        for x in quantized.get_ordered_ops()
        if x.get_type_name() in openvino_precision.CONVOLUTIONS
    )
    weights = next(convolutions).input_value(1).get_node()
    assert weights.get_type_name() != "FakeQuantize"
