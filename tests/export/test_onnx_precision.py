"""ONNX files in float16 and in int8."""

import collections
import shutil

import keras
import numpy as np
import pytest

from keras_efficient.export.formats.export_format import ExportSettings
from keras_efficient.export.formats.onnx.float16 import to_float16
from keras_efficient.export.formats.onnx.quantization import quantize
from keras_efficient.export.formats.table import FORMATS
from keras_efficient.export.specs import describe
from keras_efficient.export.verification.comparison import coarse_difference
from tests.support.export import confident_detector
from tests.support.export import quantizable_classifier
from tests.support.export import squares
from tests.support.export import tensorflow_only

for package in ("tensorflow", "tf2onnx", "onnxruntime"):
    pytest.importorskip(package)
onnx = pytest.importorskip("onnx")

# `test_formats` tests these functions from other backends.
pytestmark = tensorflow_only
FORMAT = FORMATS["onnx"]
SIZE = (70, 90)


def write(model, folder, options=None, **settings):
    path = folder / "float32.onnx"
    spec = describe(model, options=options)
    settings = ExportSettings(metadata={"model": "tiny"}, **settings)
    FORMAT.write(model, spec, path, settings)
    return path


@pytest.fixture(scope="module")
def classifier_file(tmp_path_factory):
    return write(
        quantizable_classifier(), tmp_path_factory.mktemp("classifier")
    )


@pytest.fixture(scope="module")
def detector_files(tmp_path_factory):
    """The complete export, and one that ends with the network's outputs."""
    model, folder = confident_detector(), tmp_path_factory.mktemp("detector")
    options = {"score_threshold": 0.1, "max_detections": 30}
    network = folder / "network"
    network.mkdir()
    return (
        write(model, folder, options),
        write(model, network, options, network_only=True),
    )


def copied(path, folder):
    return shutil.copy(path, folder / "copy.onnx")


def ask(path, size=SIZE):
    return FORMAT.read(path)["images"](squares(size))


def mixed_images():
    """Return images of three sizes."""
    return [*squares((64, 96)), *squares(SIZE), *squares((90, 50))]


def in_8_bits(path):
    """Return the operators whose inputs are quantized."""
    graph = onnx.load(path).graph
    makers = {name: node for node in graph.node for name in node.output}
    kinds = {x.name: x.data_type for x in graph.initializer}

    def kind(name):
        maker = makers.get(name)
        is_lowered = maker and maker.op_type == "DequantizeLinear"
        return kinds[maker.input[2]] if is_lowered else None

    # ONNX Runtime has fast kernels for this pair alone.
    wanted = [onnx.TensorProto.UINT8, onnx.TensorProto.INT8]
    return [
        node.name
        for node in graph.node
        if node.op_type in ("Conv", "Gemm")
        and [kind(name) for name in node.input[:2]] == wanted
    ]


def types(path):
    """Return pairs of an operator and the type of its output."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    values = (*graph.value_info, *graph.output)
    kinds = {x.name: x.type.tensor_type.elem_type for x in values}
    found = collections.defaultdict(set)
    for node in graph.node:
        found[kinds[node.output[0]]].add(node.op_type)
    return found


def borders(path):
    """Return the types of inputs and outputs."""
    graph = onnx.load(path).graph
    values = (*graph.input, *graph.output)
    return {x.name: x.type.tensor_type.elem_type for x in values}


def test_classifier_in_8_bits(classifier_file, tmp_path):
    copy = copied(classifier_file, tmp_path)
    quantize(copy, mixed_images())
    expected, outputs = ask(classifier_file, (64, 96)), ask(copy, (64, 96))
    assert expected["probabilities"].std(axis=0).max() > 0.04
    change = expected["probabilities"] - outputs["probabilities"]
    assert 0 < np.abs(change).max() < 0.12
    assert borders(copy) == borders(classifier_file)
    assert FORMAT.read_metadata(copy) == {"model": "tiny"}
    names = in_8_bits(copy)
    # Large maps and the operators after the network stay in float32.
    assert any("block3a" in name for name in names)
    assert any("predictions" in name for name in names)
    assert not any("stem" in name or "block1a" in name for name in names)


def test_detector_in_8_bits(detector_files, tmp_path):
    for path in detector_files:
        copy = copied(path, tmp_path)
        quantize(copy, mixed_images())
        names = in_8_bits(copy)
        for part in ("bifpn", "class_head", "box_head"):
            assert any(part in name for name in names), part
        assert not any("stem" in name for name in names)
    # With random weights, which boxes are suppressed depends on rounding.
    expected, outputs = ask(path), ask(copy)
    for name, (values, *_) in expected.items():
        found = outputs[name][0]
        assert np.corrcoef(values.ravel(), found.ravel())[0, 1] > 0.97
        assert np.abs(values - found).max() > 0


def test_ranges_are_averages(classifier_file, tmp_path):
    def scales(chosen):
        copy = copied(classifier_file, tmp_path)
        quantize(copy, chosen)
        graph = onnx.load(copy).graph
        return {
            x.name: onnx.numpy_helper.to_array(x)
            for x in graph.initializer
            if "block3a" in x.name
            and x.name.endswith("FusedBatchNormV3:0_scale")
        }

    first, second = squares(SIZE)[:1], squares((64, 96))[3:4]
    one, other = scales(first), scales(second)
    both = scales([*first, *second])
    assert len(both) > 1
    for name, scale in both.items():
        np.testing.assert_allclose(scale, (one[name] + other[name]) / 2, 1e-5)
    assert any(abs(one[name] / other[name] - 1) > 0.1 for name in both)


@pytest.mark.parametrize(
    "lower",
    [to_float16, lambda x: quantize(x, squares((64, 96)))],
    ids=["float16", "int8"],
)
def test_fixed_batch_and_size(lower, tmp_path):
    size = (64, 96)
    path = write(
        quantizable_classifier(), tmp_path, batch_size=3, image_size=size
    )
    copy = copied(path, tmp_path)
    lower(copy)
    expected, outputs = ask(path, size), ask(copy, size)
    change = expected["probabilities"] - outputs["probabilities"]
    assert 0 < np.abs(change).max() < 0.12


def test_nothing_to_quantize_is_an_error(tmp_path):
    pixels = keras.Input((64, 96, 3))
    features = keras.layers.GlobalAveragePooling2D()(pixels)
    model = keras.Model(pixels, keras.layers.Dense(5)(features))
    path = write(model, tmp_path)
    content = path.read_bytes()
    with pytest.raises(ValueError, match="convolution"):
        quantize(path, squares(SIZE))
    assert path.read_bytes() == content


def test_classifier_in_16_bits(classifier_file, tmp_path):
    copy = copied(classifier_file, tmp_path)
    to_float16(copy)
    expected, outputs = ask(classifier_file), ask(copy)
    change = expected["probabilities"] - outputs["probabilities"]
    assert 0 < np.abs(change).max() < 2e-3
    assert borders(copy) == borders(classifier_file)
    assert FORMAT.read_metadata(copy) == {"model": "tiny"}
    found = types(copy)
    assert {"Conv", "Gemm", "Sigmoid"} <= found[onnx.TensorProto.FLOAT16]
    assert not {"Conv", "Gemm", "Sigmoid"} & found[onnx.TensorProto.FLOAT]
    assert "Softmax" in found[onnx.TensorProto.FLOAT]


def test_detector_in_16_bits(detector_files, tmp_path):
    path, _ = detector_files
    copy = copied(path, tmp_path)
    to_float16(copy)
    expected, outputs = ask(path), ask(copy)
    assert expected["num_detections"].sum() > 30
    assert coarse_difference(expected, outputs) < 0.02
    assert np.abs(expected["scores"] - outputs["scores"]).max() < 0.02
    assert borders(copy) == borders(path)
    found = types(copy)
    # Boxes need more than the 11 binary digits of float16.
    assert {"Conv", "MaxPool"} <= found[onnx.TensorProto.FLOAT16]
    assert not {"Exp", "TopK", "GatherND"} & found[onnx.TensorProto.FLOAT16]
    assert {"Exp", "TopK"} <= found[onnx.TensorProto.FLOAT]
