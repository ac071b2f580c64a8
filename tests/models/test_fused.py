"""Tests for networks whose batch normalization is folded."""

import keras
import numpy as np
import pytest

from keras_efficient import fusing
from keras_efficient.internals import keras_internals
from keras_efficient.layers import BatchNormalization
from tests.harness import to_numpy
from tests.marks import slow_to_compile
from tests.models import builders
from tests.models import detectors
from tests.support.random_weights import randomize

FORMATS = ("channels_last", "channels_first")


def assert_equal(fused, model, shape, share=1e-5):
    x = detectors.image(*shape)
    for ours, expected in zip(
        keras.tree.flatten(fused(x, training=False)),
        keras.tree.flatten(model(x, training=False)),
        strict=True,
    ):
        ours, expected = to_numpy(ours), to_numpy(expected)
        assert np.abs(ours - expected).max() < share * np.abs(expected).max()


def norms(model):
    layers = keras_internals.all_layers(model)
    return [x for x in layers if isinstance(x, BatchNormalization)]


def shape_of(model):
    return (2, *model.input_shape[1:])


@pytest.mark.parametrize("data_format", FORMATS)
def test_classifier(data_format, tmp_path):
    shape = (3, 40, 40) if data_format == "channels_first" else (40, 40, 3)
    arguments = {"input_shape": shape, "data_format": data_format}
    if data_format == "channels_first":
        if keras.backend.backend() == "tensorflow":
            pytest.skip("TensorFlow has no such convolutions on a CPU")
    model = randomize(builders.tiny(classifier_activation=None, **arguments))
    fused = model.fused()
    assert norms(model) and not norms(fused)
    assert type(fused) is type(model) and fused.name == model.name
    assert not fused.trainable_variables
    assert_equal(fused, model, shape_of(model))
    fused.save(tmp_path / "fused.keras")
    loaded = keras.models.load_model(tmp_path / "fused.keras")
    assert_equal(loaded, model, shape_of(model))
    assert_equal(fused.fused(), model, shape_of(model))


@pytest.mark.parametrize(
    "arguments",
    [
        {"weight_method": "softmax"},
        {"weight_method": "channel_fast_normalized"},
        {"weight_method": "sum", "use_separable_conv": False},
        {"feature_network": "nas_fpn", "use_bias": False, "max_level": 7},
        {"feature_network": "panet", "padding": "symmetric"},
    ],
    ids=str,
)
def test_detector(arguments):
    model = randomize(detectors.tiny(**arguments))
    model.class_names = ("a", "b", "c")
    fused = model.fused()
    assert norms(model) and not norms(fused)
    assert_equal(fused, model, shape_of(model))
    assert fused.class_names == model.class_names
    np.testing.assert_array_equal(
        fused.generate_anchors(), model.generate_anchors()
    )


def test_detector_is_saved_and_loaded(tmp_path):
    model = randomize(detectors.tiny())
    model.fused().save(tmp_path / "fused.keras")
    loaded = keras.models.load_model(tmp_path / "fused.keras")
    assert_equal(loaded, model, shape_of(model))
    assert loaded.num_classes == 3 and loaded.class_head.conv_norms[0].folded


@pytest.mark.parametrize("build", [builders.tiny, detectors.tiny])
def test_a_clone_is_fused_as_well(build):
    fused = randomize(build()).fused()
    clone = keras.models.clone_model(fused)
    clone.set_weights(fused.get_weights())
    assert not norms(clone)
    assert_equal(clone, fused, shape_of(fused))


@slow_to_compile
@pytest.mark.parametrize("build", [builders.tiny, detectors.tiny])
def test_bfloat16(build):
    model = randomize(build())
    half = model.fused("bfloat16")
    assert {x.dtype for x in half.outputs} == {"float32"}
    assert "bfloat16" in {v.dtype for v in half.variables}
    assert_equal(half, model, shape_of(model), share=0.1)


def test_fill_fused_copies_changed_weights():
    model = builders.tiny()
    fused = model.fused()
    randomize(model)
    with pytest.raises(AssertionError):
        assert_equal(fused, model, shape_of(model))
    fusing.fill_fused(fused, model)
    assert_equal(fused, model, shape_of(model))


def test_any_keras_model():
    """Layers of Keras, nested models, normalizations that cannot be folded."""
    images = keras.Input((12, 14, 3))
    x = keras.layers.BatchNormalization()(images)
    x = keras.layers.Conv2D(4, 3, activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    shared = keras.layers.Conv2D(4, 3, padding="same")
    x = keras.layers.BatchNormalization()(shared(shared(x)))
    x = keras.layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
    x = keras.layers.BatchNormalization(scale=False)(x)
    x = keras.layers.SeparableConv2D(4, 3, use_bias=False)(x)
    skipped = keras.layers.BatchNormalization(center=False)(x)
    x = keras.layers.Conv2D(4, 1)(skipped)
    x = keras.layers.BatchNormalization()(x) + x + skipped
    inner = keras.Sequential(
        [
            keras.layers.Dense(5, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Dropout(0.5),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    model = randomize(keras.Model(images, {"a": inner(x), "b": x}))
    fused = fusing.fuse(model)
    kept = [
        x
        for x in keras_internals.all_layers(fused)
        if isinstance(x, keras.layers.BatchNormalization)
    ]
    before = [
        x
        for x in keras_internals.all_layers(model)
        if isinstance(x, keras.layers.BatchNormalization)
    ]
    # Not folded after an activation, in shared layers, or before two uses.
    assert len(before) == 7 and len(kept) == 4
    assert_equal(fused, model, (2, 12, 14, 3))


def test_subclassed_models_cannot_be_fused():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(TypeError, match="functional and Sequential"):
        fusing.fuse(Own())


def well_conditioned_d2():
    # From other seeds, D2 amplifies rounding errors to 1e-3 of the outputs.
    keras.utils.set_random_seed(1)
    return detectors.build("D2")


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.applications.EfficientNetB0(weights=None),
        lambda: builders.build("B4"),
        well_conditioned_d2,
    ],
)
def test_whole_networks(make):
    model = randomize(make())
    fused = fusing.fuse(model)
    assert_equal(fused, model, (1, *model.input_shape[1:]))
