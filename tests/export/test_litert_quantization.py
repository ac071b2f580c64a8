"""Files of 8 bits say nearly what those of floats say."""

import shutil
import sys

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import export
from keras_efficient.export.specs import describe
from tests.export.test_detection_exports import confident
from tests.export.test_saved_models import IS_TENSORFLOW
from tests.models.detectors import TINY_STAGES

pytest.importorskip("tensorflow")
litert = pytest.importorskip("ai_edge_litert.interpreter")

from keras_efficient.export.formats.litert import format as litert_format  # noqa: E402
from keras_efficient.export.formats.litert.quantization import quantize  # noqa: E402

# The functions run in TensorFlow's process; test_formats comes from others.
pytestmark = pytest.mark.skipif(
    not IS_TENSORFLOW, reason="these functions run on TensorFlow only"
)


def classifier():
    """Of random weights, sure of some things, and with dead channels."""
    keras.utils.set_random_seed(0)
    model = keras_efficient.EfficientNet(
        stages=TINY_STAGES,
        stem_filters=8,
        top_filters=64,
        input_shape=(64, 96, 3),
        classes=5,
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith("kernel"):
            scale = 2.0 / np.sqrt(np.prod(weight.shape[:-1]))
            values = rng.normal(0, scale, weight.shape)
            if weight.path.endswith("top_conv/kernel"):
                values[..., ::2] = 0
            weight.assign(values.astype("float32"))
        if weight.path.endswith("top_bn/beta"):
            weight.assign(np.float32([2, 0, 1, 0] * 16))
    top = model.get_layer("predictions")
    features = keras.Model(model.input, top.input)
    values = features.predict(images((64, 96)), verbose=0)
    kernel = rng.normal(0, 0.1, (64, 5))
    # Living channels tell images apart, dead ones classes.
    kernel[1::2] /= values[:, 1::2].std()
    bias = -values.mean(axis=0)[1::2] @ kernel[1::2]
    top.set_weights([kernel.astype("float32"), bias.astype("float32")])
    return model


def images(size, count=8):
    """Colored squares, of another contrast and tint in each image."""
    rng = np.random.default_rng(1)
    shape = (count, -(-size[0] // 16), -(-size[1] // 16), 3)
    contrast = rng.uniform(0.1, 1.0, (count, 1, 1, 1))
    tint = (1 - contrast) * rng.uniform(0, 1, (count, 1, 1, 3))
    coarse = 255 * (rng.uniform(0, 1, shape) * contrast + tint)
    coarse = coarse.astype("uint8")
    fine = coarse.repeat(16, axis=1).repeat(16, axis=2)
    return fine[:, : size[0], : size[1]]


def write(model, folder, size, **options):
    path = folder / "model.tflite"
    spec = describe(model, None, None, None, options)
    settings = {"image_size": size, "precision": "float32", "metadata": {}}
    litert_format.write(model, spec, path, settings)
    return path


@pytest.fixture(scope="module")
def float_file(tmp_path_factory):
    return write(classifier(), tmp_path_factory.mktemp("float"), (64, 96))


def quantized(path, size):
    pytest.importorskip("ai_edge_quantizer")
    copy = path.with_name("int8.tflite")
    shutil.copy(path, copy)
    quantize(copy, images(size))
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
    interpreter.get_signature_runner()(images=images(size)[:1])
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
    expected = litert_format.read(float_file)["images"](images((64, 96)))
    answer = litert_format.read(copy)["images"](images((64, 96)))
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
    path = write(confident(), tmp_path, size, **options)
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
    for wrong in (images((64, 64)), images((64, 96)) / 255, []):
        with pytest.raises(ValueError, match=r"uint8 arrays.*\(64, 96, 3\)"):
            quantize(path, wrong)
    assert path.read_bytes() == float_file.read_bytes()


def test_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer", None)
    with pytest.raises(ImportError, match=r"ai_edge_quantizer.*,quantize\]"):
        export.litert(
            classifier(),
            tmp_path / "model.tflite",
            precision="int8",
            calibration=images((64, 96)),
        )
