"""Models that are changed after they were built: clones, quantized layers."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import counting
from keras_efficient import fusing
from keras_efficient import layers
from keras_efficient import training
from tests.marks import on_one_backend
from tests.marks import slow_elsewhere
from tests.marks import slow_to_compile
from tests.models import detectors
from tests.models.builders import tiny
from tests.models.keras_applications import pixels

IMAGE = np.random.default_rng(0).integers(0, 255, (50, 60, 3), "uint8")
MODES = ("int8", "int4", "float8")
# Keras warns of each layer that it cannot quantize.
quantizes_plain_models = pytest.mark.filterwarnings("ignore:Layer")


def probabilities(model):
    (found,) = model.classify(IMAGE)
    return dict(zip(found.labels, found.probabilities, strict=True))


@slow_to_compile
def test_logits_in_place_of_probabilities(tmp_path):
    model = tiny()
    before = probabilities(model)
    image = pixels(2, 40, 40, 3)
    softmax = model.predict(image, verbose=0)
    model.layers[-1].activation = None
    logits = keras.ops.convert_to_numpy(model(image))
    exponentials = np.exp(logits)
    sums = exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(exponentials / sums, softmax, atol=1e-6)
    after = probabilities(model)
    for number, probability in before.items():
        assert after[number] == pytest.approx(probability, abs=1e-6)
    model.save(tmp_path / "logits.keras")
    restored = keras.models.load_model(tmp_path / "logits.keras")
    for copy in (restored, model.fused(), keras.models.clone_model(model)):
        assert copy.layers[-1].activation is keras.activations.linear
    np.testing.assert_allclose(
        model.fused().predict(image, verbose=0), logits, atol=1e-5
    )


@on_one_backend
@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(3, activation="relu"),
        layers.Conv2D(3, 1, activation="relu"),
        layers.DepthwiseConv2D(1, activation="relu"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_activation_none_is_linear(layer):
    layer.activation = None
    assert layer.activation is keras.activations.linear
    copy = type(layer).from_config(layer.get_config())
    assert copy.activation is keras.activations.linear


@on_one_backend
@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
def test_clone_of_a_classifier(is_compiled, unroll, tmp_path):
    model = tiny(unroll_blocks=unroll)
    model.class_names = ["a", "b", "c", "d", "e"]
    training.freeze_batch_norm(model)
    if is_compiled:
        model.compile("adam", "categorical_crossentropy")
    clone = keras.models.clone_model(model)
    assert type(clone) is keras_efficient.EfficientNet
    assert clone.class_names == model.class_names
    assert clone.compiled == is_compiled
    assert len(clone.trainable_weights) == len(model.trainable_weights)
    assert clone.weights[0] is not model.weights[0]
    clone.set_weights(model.get_weights())
    assert probabilities(clone) == pytest.approx(probabilities(model))
    clone.save(tmp_path / "clone.keras")
    restored = keras.models.load_model(tmp_path / "clone.keras")
    assert probabilities(restored) == pytest.approx(probabilities(model))


@on_one_backend
def test_clone_on_another_input_and_with_a_function():
    model = tiny()
    larger = keras.models.clone_model(
        model, input_tensors=keras.Input((48, 56, 3))
    )
    assert larger.input_shape == (None, 48, 56, 3)
    assert type(larger) is keras_efficient.EfficientNet

    def without_dropout(layer):
        config = layer.get_config()
        if "drop_connect_rate" in config:
            config["drop_connect_rate"] = 0.0
        return type(layer).from_config(config)

    clone = keras.models.clone_model(model, clone_function=without_dropout)
    assert clone.get_layer("block2b").drop_connect_rate == 0
    assert model.get_layer("block2b").drop_connect_rate > 0


@on_one_backend
@pytest.mark.parametrize("is_compiled", [False, True])
def test_clone_of_a_detector(is_compiled, tmp_path):
    model = detectors.tiny(anchor_scale=3.0)
    model.class_names = ["a", "b", "c"]
    if is_compiled:
        model.compile(bounding_box_format="rel_xywh")
    clone = keras.models.clone_model(model)
    assert type(clone) is keras_efficient.EfficientDet
    assert clone.compiled == is_compiled
    assert clone.class_names == model.class_names
    np.testing.assert_array_equal(
        clone.generate_anchors(), model.generate_anchors()
    )
    clone.set_weights(model.get_weights())
    clone.save(tmp_path / "clone.keras")
    restored = keras.models.load_model(tmp_path / "clone.keras")
    (expected,) = model.detect(IMAGE, score_threshold=0.0)
    for copy in (clone, restored):
        (found,) = copy.detect(IMAGE, score_threshold=0.0)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)


@on_one_backend
@pytest.mark.parametrize("mode", MODES)
def test_quantized_classifier(mode, tmp_path):
    model = tiny()
    multiply_adds = counting.count_multiply_adds(model)
    image = pixels(2, 40, 40, 3)
    before = model.predict(image, verbose=0)
    named = probabilities(model)
    model.quantize(mode)
    assert model.layers[-1].quantization_mode == mode
    expected = model.predict(image, verbose=0)
    assert np.abs(expected - before).max() > 0
    np.testing.assert_allclose(expected, before, atol=0.01)
    fused = model.fused()
    assert fused.layers[-1].quantization_mode is None
    np.testing.assert_allclose(
        fused.predict(image, verbose=0), expected, atol=1e-3
    )
    for number, probability in probabilities(model).items():
        assert named[number] == pytest.approx(probability, abs=0.01)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.layers[-1].quantization_mode == mode
    np.testing.assert_allclose(
        restored.predict(image, verbose=0), expected, atol=1e-6
    )
    assert counting.count_multiply_adds(model) == multiply_adds


@on_one_backend
@quantizes_plain_models
@pytest.mark.parametrize("mode", MODES)
def test_dequantized_kernel(mode):
    images = keras.Input((6,))
    dense = keras.layers.Dense(4, activation="softmax", name="dense")
    model = keras.Model(images, dense(images))
    before = keras.ops.convert_to_numpy(dense.kernel).copy()
    bias = np.arange(4, dtype="float32")
    dense.bias.assign(bias)
    model.quantize(mode)
    fused = fusing.fuse(model).get_layer("dense")
    scale = np.abs(before).max()
    tolerance = {"int8": 1 / 127, "int4": 1 / 7, "float8": 1 / 15}[mode]
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(fused.kernel), before, atol=tolerance * scale
    )
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(fused.bias), bias)


@on_one_backend
@quantizes_plain_models
def test_quantized_layer_before_a_normalization_is_not_folded():
    images = keras.Input((6,))
    x = keras.layers.Dense(4, use_bias=False)(images)
    model = keras.Model(images, keras.layers.BatchNormalization()(x))
    model.quantize("int8")
    values = np.random.default_rng(0).normal(size=(2, 6)).astype("float32")
    np.testing.assert_allclose(
        fusing.fuse(model).predict(values, verbose=0),
        model.predict(values, verbose=0),
        atol=0.03,
    )


@on_one_backend
def test_what_cannot_be_quantized():
    with pytest.raises(ValueError, match=r"keras_efficient.export.litert"):
        tiny(include_top=False).quantize("int8")
    with pytest.raises(ValueError, match=r"keras_efficient.export.litert"):
        detectors.tiny().quantize("int8")
    with pytest.raises(ValueError, match="Invalid quantization mode"):
        tiny().quantize("int3")
    model = tiny()
    model.quantize("int8", filters="other")
    assert model.layers[-1].quantization_mode is None
    model.quantize("int8", filters=["other", "pred"])
    assert model.layers[-1].quantization_mode == "int8"


@slow_elsewhere
@pytest.mark.parametrize(
    "name",
    [
        "saved_model",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("onnx", "litert", "openvino")
        ),
    ],
)
def test_exports_of_a_quantized_classifier(name, tmp_path):
    model = tiny()
    model.quantize("int8")
    image = pixels(2, 40, 40, 3).astype("uint8")
    expected = model.predict(image.astype("float32"), verbose=0)
    suffix = {"onnx": ".onnx", "litert": ".tflite"}.get(name, "")
    path = tmp_path / f"exported{suffix}"
    getattr(keras_efficient.export, name)(model, path)
    found = keras_efficient.export.load(path).predict(list(image))
    np.testing.assert_allclose(found, expected, atol=1e-3)
