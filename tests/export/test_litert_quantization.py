"""Files of 8 bits say nearly what those of floats say."""

import shutil
import sys

import numpy as np
import pytest

from keras_efficient import export
from keras_efficient.export.specs import describe
from tests.support.export import confident_detector
from tests.support.export import quantizable_classifier
from tests.support.export import squares
from tests.support.export import tensorflow_only

pytest.importorskip("tensorflow")
litert = pytest.importorskip("ai_edge_litert.interpreter")

from keras_efficient.export.formats.litert import format as litert_format  # noqa: E402
from keras_efficient.export.formats.litert.quantization import quantize  # noqa: E402

# The functions run in TensorFlow's process; test_formats comes from others.
pytestmark = tensorflow_only


def write(model, folder, size, **options):
    path = folder / "model.tflite"
    spec = describe(model, None, None, None, options)
    settings = {"image_size": size, "precision": "float32", "metadata": {}}
    litert_format.write(model, spec, path, settings)
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
    """Of one image, of each level of a detector."""
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
            # The same tensor may also be there as floats.
            if not tensor["name"].endswith("_dequant"):
                yield values.ravel()


def test_classifier(float_file):
    copy = quantized(float_file, (64, 96))
    expected = litert_format.read(float_file)["images"](squares((64, 96)))
    answer = litert_format.read(copy)["images"](squares((64, 96)))
    probabilities = expected["probabilities"]
    assert probabilities.std(axis=0).max() > 0.04
    assert answer["probabilities"].dtype == np.float32
    assert np.abs(probabilities - answer["probabilities"]).max() < 0.12
    names = int8_tensors(copy)
    # Large maps stay in floats, and so does what follows the network.
    assert any("block3a" in name for name in names)
    assert any("predictions" in name for name in names)
    assert not any("stem" in name or "block1a" in name for name in names)


def test_detector_at_another_size(tmp_path):
    size = (100, 80)
    options = {"score_threshold": 0.1, "max_detections": 30}
    path = write(confident_detector(), tmp_path, size, **options)
    copy = quantized(path, size)
    # Which boxes suppress which others, random weights leave to chance.
    for old, new in zip(logits(path, size), logits(copy, size), strict=True):
        assert np.corrcoef(old, new)[0, 1] > 0.97
    names = int8_tensors(copy)
    assert any("bifpn" in name for name in names)
    assert any("class_head" in name for name in names)


def test_bad_images_are_named(float_file, tmp_path):
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
