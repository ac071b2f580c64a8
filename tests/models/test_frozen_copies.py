"""Copies of models that contain blocks keep what is frozen."""

import keras
import pytest

import keras_efficient
from keras_efficient.internals import keras_internals
from tests.models import detectors
from tests.models.builders import tiny


def _freeze_all(model):
    model.trainable = False


def _freeze_layers(model):
    for layer in model.layers[:-3]:
        layer.trainable = False


def _freeze_parts(model):
    """Freeze all normalizations, which are inside other layers."""
    for layer in keras_internals.all_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def _all_but_one(model):
    """Train one convolution in a frozen model."""
    model.trainable = False
    block = model.get_layer("block2a")
    block.trainable = True
    for part in keras_internals.child_layers(block)[1:]:
        part.trainable = False


def _names(model):
    return [variable.path for variable in model.trainable_variables]


def _load(model, folder):
    model.save(folder / "a.keras")
    return keras.saving.load_model(folder / "a.keras")


def _clone(model, folder):
    return keras.models.clone_model(model)


@pytest.mark.parametrize("copy", [_load, _clone])
@pytest.mark.parametrize(
    "freeze", [_freeze_all, _freeze_layers, _freeze_parts, _all_but_one]
)
def test_plain_model_on_a_backbone(freeze, copy, tmp_path):
    base = tiny(include_top=False)
    everything = len(base.trainable_variables)
    freeze(base)
    features = keras.layers.GlobalAveragePooling2D()(base.output)
    model = keras.Model(base.input, keras.layers.Dense(2)(features))
    assert 2 <= len(_names(model)) < everything
    assert len(_names(copy(model, tmp_path))) == len(_names(model))
    # Copies of copies, too.
    assert len(_names(copy(copy(model, tmp_path), tmp_path))) == len(
        _names(model)
    )


@pytest.mark.parametrize("copy", [_load, _clone])
def test_plain_model_on_a_detector(copy, tmp_path):
    detector = detectors.tiny()
    detector.trainable = False
    detector.class_head.trainable = True
    model = keras.Model(detector.input, detector.output)
    expected = len(_names(model))
    assert 0 < expected < len(model.variables) / 2
    assert len(_names(copy(model, tmp_path))) == expected


def test_layers_alone():
    for layer in (
        keras_efficient.layers.SqueezeExcite(4),
        keras_efficient.layers.SeparableConv2D(4, 3),
        keras_efficient.layers.ConvNorm(4, 3),
    ):
        layer.trainable = False
        inputs = keras.Input((8, 8, 4))
        model = keras.Model(inputs, layer(inputs))
        assert not _names(keras.models.clone_model(model))
        layer.trainable = True
        assert _names(keras.models.clone_model(model))
