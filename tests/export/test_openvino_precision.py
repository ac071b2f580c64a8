"""OpenVINO models in int8."""

import numpy as np
import pytest

from keras_efficient.export.formats.export_format import ExportSettings
from keras_efficient.export.formats.openvino.format import MODEL_FILE
from keras_efficient.export.formats.openvino.quantization import quantize
from keras_efficient.export.formats.table import FORMATS
from keras_efficient.export.specs import describe
from tests.support.export import confident_detector
from tests.support.export import quantizable_classifier
from tests.support.export import squares
from tests.support.export import tensorflow_only

pytest.importorskip("tensorflow")
openvino = pytest.importorskip("openvino")
pytest.importorskip("nncf")
# `test_formats` tests these functions from other backends.
pytestmark = tensorflow_only
FORMAT = FORMATS["openvino"]
SIZE = (64, 96)


def write(model, folder, **settings):
    settings = ExportSettings(metadata={"model": "tiny"}, **settings)
    FORMAT.write(model, describe(model), folder, settings)


def load(folder):
    return openvino.Core().read_model(folder / MODEL_FILE)


def quantized(folder, *sizes):
    """Return the folder of the model in int8."""
    chosen = [image for size in sizes for image in squares(size)]
    copy = folder / "int8"
    copy.mkdir()
    openvino.save_model(quantize(load(folder), chosen), copy / MODEL_FILE)
    return copy


def sides(folder):
    """Return sizes of int8 and float outputs of convolutions; 1 if pooled."""
    found = {True: set(), False: set()}
    for operator in load(folder).get_ordered_ops():
        if operator.get_type_name() in ("Convolution", "GroupConvolution"):
            shape = operator.get_output_partial_shape(0)
            maker = operator.input_value(0).get_node().get_type_name()
            side = max(x.get_length() for x in list(shape)[2:])
            found[maker == "FakeQuantize"].add(side)
    return found[True], found[False]


@pytest.mark.parametrize(
    "batch_size", [pytest.param(None, marks=pytest.mark.slow), 3]
)
def test_classifier(batch_size, tmp_path):
    size = SIZE if batch_size else None
    write(
        quantizable_classifier(),
        tmp_path,
        batch_size=batch_size,
        image_size=size,
    )
    copy = quantized(tmp_path, SIZE, *([] if batch_size else [(70, 90)]))
    expected, outputs = (
        FORMAT.read(x)["images"](squares(SIZE)) for x in (tmp_path, copy)
    )
    probabilities = expected["probabilities"]
    assert probabilities.std(axis=0).max() > 0.04
    assert 0 < np.abs(probabilities - outputs["probabilities"]).max() < 0.12
    assert {k: x.dtype for k, x in outputs.items()} == {
        k: x.dtype for k, x in expected.items()
    }
    # 12 is an eighth of 96 pixels. Pooled maps remain float32.
    assert sides(copy) == ({12, 6}, {48, 24, 1})
    (product,) = (
        x for x in load(copy).get_ordered_ops() if x.get_type_name() == "MatMul"
    )
    makers = [x.get_source_output().get_node() for x in product.inputs()]
    assert "FakeQuantize" in [x.get_type_name() for x in makers]


def test_detector(tmp_path):
    write(confident_detector(), tmp_path, network_only=True)
    copy = quantized(tmp_path, SIZE, (70, 90), (90, 50))
    expected, outputs = (
        FORMAT.read(x)["images"](squares((70, 90))) for x in (tmp_path, copy)
    )
    for name, (values, *_) in expected.items():
        found = outputs[name][0]
        assert np.corrcoef(values.ravel(), found.ravel())[0, 1] > 0.97
        assert np.abs(values - found).max() > 0
    assert sides(copy) == ({12, 6, 3}, {48, 24, 1})


def test_top_k_is_not_stable(tmp_path):
    # With a stable order, OpenVINO takes seconds for each image.
    write(confident_detector(), tmp_path)
    stable = [
        x.get_attributes()["stable"]
        for x in load(tmp_path).get_ordered_ops()
        if x.get_type_name() == "TopK"
    ]
    assert stable and not any(stable)
