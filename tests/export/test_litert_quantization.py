"""LiteRT files in int8."""

import shutil
import sys

import numpy as np
import pytest

from keras_efficient import export
from keras_efficient.export.formats.export_format import ExportSettings
from keras_efficient.export.formats.litert.quantization import quantize
from keras_efficient.export.formats.table import FORMATS
from keras_efficient.export.specs import describe
from tests.support.export import confident_detector
from tests.support.export import quantizable_classifier
from tests.support.export import squares
from tests.support.export import tensorflow_only

pytest.importorskip("tensorflow")
litert = pytest.importorskip("ai_edge_litert.interpreter")
# `test_formats` tests these functions from other backends.
pytestmark = tensorflow_only
FORMAT = FORMATS["litert"]


def write(model, folder, size, **options):
    path = folder / "model.tflite"
    spec = describe(model, options=options)
    FORMAT.write(model, spec, path, ExportSettings(image_size=size))
    return path


@pytest.fixture(scope="module")
def float_file(tmp_path_factory):
    return write(
        quantizable_classifier(), tmp_path_factory.mktemp("float"), (64, 96)
    )


def quantized(path, size):
    pytest.importorskip("ai_edge_quantizer")
    copy = path.with_name("int8.tflite")
    shutil.copy(path, copy)
    quantize(copy, squares(size))
    return copy


def int8_tensors(path):
    details = litert.Interpreter(str(path)).get_tensor_details()
    return [x["name"] for x in details if x["dtype"] == np.int8]


def logits(path, size):
    """The class logits of one image, for each level of a detector."""
    interpreter = litert.Interpreter(
        str(path),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=(
            litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        ),
    )
    interpreter.get_signature_runner()(images=squares(size)[:1])
    for tensor in interpreter.get_tensor_details():
        is_head = "class_head" in tensor["name"]
        if is_head and tensor["shape"][-1] == 27 and len(tensor["shape"]) == 4:
            values = interpreter.get_tensor(tensor["index"])
            if values.dtype == np.int8:
                scale, zero = tensor["quantization"]
                values = (values - np.float32(zero)) * scale
            # The same tensor may also exist in float32.
            if not tensor["name"].endswith("_dequant"):
                yield values.ravel()


def test_classifier(float_file):
    copy = quantized(float_file, (64, 96))
    expected = FORMAT.read(float_file)["images"](squares((64, 96)))
    outputs = FORMAT.read(copy)["images"](squares((64, 96)))
    probabilities = expected["probabilities"]
    assert probabilities.std(axis=0).max() > 0.04
    assert outputs["probabilities"].dtype == np.float32
    assert np.abs(probabilities - outputs["probabilities"]).max() < 0.12
    names = int8_tensors(copy)
    # Large maps and the operators after the network stay in float32.
    assert any("block3a" in name for name in names)
    assert any("predictions" in name for name in names)
    assert not any("stem" in name or "block1a" in name for name in names)


def test_detector_at_another_size(tmp_path):
    size = (100, 80)
    options = {"score_threshold": 0.1, "max_detections": 30}
    path = write(confident_detector(), tmp_path, size, **options)
    copy = quantized(path, size)
    # With random weights, which boxes are suppressed depends on rounding.
    for old, new in zip(logits(path, size), logits(copy, size), strict=True):
        assert np.corrcoef(old, new)[0, 1] > 0.97
    names = int8_tensors(copy)
    assert any("bifpn" in name for name in names)
    assert any("class_head" in name for name in names)


def test_invalid_images_are_rejected(float_file, tmp_path):
    pytest.importorskip("ai_edge_quantizer")
    path = tmp_path / "model.tflite"
    shutil.copy(float_file, path)
    for wrong in (squares((64, 64)), squares((64, 96)) / 255, []):
        with pytest.raises(ValueError, match=r"uint8 arrays.*\(64, 96, 3\)"):
            quantize(path, wrong)
    assert path.read_bytes() == float_file.read_bytes()


def test_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer", None)
    with pytest.raises(ImportError, match=r"ai_edge_quantizer.*,quantize\]"):
        export.litert(
            quantizable_classifier(),
            tmp_path / "model.tflite",
            precision="int8",
            calibration=squares((64, 96)),
        )
