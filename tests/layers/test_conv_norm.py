"""Tests for the unit of convolution, normalization and activation."""

import keras
import numpy as np
import pytest

from keras_efficient.layers import ConvNorm
from keras_efficient.layers import SharedConvNorm
from keras_efficient.layers.folding import fold_weights
from keras_efficient.layers.folding import folding_scope
from tests.harness import check_config
from tests.harness import check_layer
from tests.harness import to_numpy

KINDS = [
    {"filters": 8, "kernel_size": 3},
    {"kernel_size": 3, "strides": 2, "convolution": "depthwise"},
    {"filters": 8, "kernel_size": 3, "strides": 2, "convolution": "separable"},
    {"filters": 8, "use_bias": True, "activation": "swish"},
]


def random_weights(layer):
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.2, 0.9, w.shape) for w in layer.weights])
    return layer


def images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_config():
    check_config(
        ConvNorm,
        filters=8,
        kernel_size=3,
        strides=2,
        convolution="separable",
        activation="relu",
        use_bias=True,
        padding="symmetric",
        kernel_initializer=keras.initializers.serialize(
            keras.initializers.RandomNormal(stddev=0.3, seed=1)
        ),
        batch_norm_momentum=0.9,
        batch_norm_epsilon=1e-5,
        data_format="channels_first",
    )


@pytest.mark.parametrize(
    "arguments, shape, num_weights",
    [
        (KINDS[0], (2, 5, 7, 8), 1 + 4),
        (KINDS[1], (2, 3, 4, 4), 1 + 4),
        (KINDS[2], (2, 3, 4, 8), 2 + 4),
        (KINDS[3], (2, 5, 7, 8), 2 + 4),
    ],
    ids=str,
)
def test_layer(arguments, shape, num_weights):
    check_layer(ConvNorm, arguments, (2, 5, 7, 4), shape, num_weights)


def test_equals_its_steps_one_by_one():
    unit = ConvNorm(3, activation="relu", use_bias=True)
    unit.build((2, 5, 7, 4))
    random_weights(unit)
    x = images(2, 5, 7, 4)
    kernel, bias = map(to_numpy, (unit.conv.kernel, unit.conv.bias))
    y = x @ kernel[0, 0] + bias - to_numpy(unit.norm.moving_mean)
    y = y / np.sqrt(to_numpy(unit.norm.moving_variance) + 1e-3)
    y = y * to_numpy(unit.norm.gamma) + to_numpy(unit.norm.beta)
    np.testing.assert_allclose(
        to_numpy(unit(x)), np.maximum(y, 0), rtol=1e-4, atol=1e-4
    )


def test_training_updates_the_statistics_unless_frozen():
    unit = ConvNorm(3)
    x = images(2, 5, 7, 4) + 5
    unit(x, training=True)
    mean = to_numpy(unit.norm.moving_mean)
    assert np.abs(mean).max() > 0
    unit.norm.trainable = False
    unit(x, training=True)
    np.testing.assert_array_equal(to_numpy(unit.norm.moving_mean), mean)


@pytest.mark.parametrize("arguments", KINDS, ids=str)
def test_folded_unit_returns_the_same(arguments):
    x = images(2, 5, 7, 4)
    unit = ConvNorm(**arguments)
    unit.build(x.shape)
    random_weights(unit)
    with folding_scope():
        folded = ConvNorm(**arguments)
        folded.build(x.shape)
    fold_weights(folded, unit)
    assert folded.norm is None and not unit.folded
    np.testing.assert_allclose(
        to_numpy(folded(x)), to_numpy(unit(x)), rtol=1e-4, atol=1e-4
    )


def test_folded_form_survives_saving(tmp_path):
    inputs = keras.Input((5, 7, 4))
    with folding_scope():
        outputs = ConvNorm(3, name="unit")(inputs)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("unit").folded
    x = images(2, 5, 7, 4)
    np.testing.assert_array_equal(to_numpy(loaded(x)), to_numpy(model(x)))


def test_shared_convolution_has_a_norm_for_each_level():
    arguments = {"levels": ("P3", "P4"), "filters": 8, "kernel_size": 3}
    x = images(2, 5, 7, 4)
    unit = SharedConvNorm(**arguments)
    unit.build(x.shape)
    random_weights(unit)
    assert len(unit.weights) == 1 + 2 * 4
    assert SharedConvNorm.from_config(unit.get_config()).levels == unit.levels
    with folding_scope():
        folded = SharedConvNorm(**arguments)
        folded.build(x.shape)
    fold_weights(folded, unit)
    assert len(folded.weights) == 2 * 2
    found = {level: to_numpy(unit(x, level=level)) for level in unit.levels}
    assert not np.allclose(found["P3"], found["P4"])
    for level, y in found.items():
        np.testing.assert_allclose(
            to_numpy(folded(x, level=level)), y, rtol=1e-4, atol=1e-4
        )


def test_unrolled_parts_are_layers_of_the_model():
    inputs = keras.Input((5, 7, 4))
    unit = ConvNorm(3, activation="relu")
    outputs = unit.unroll(inputs, "a_conv", "a_bn", "a_activation")
    outputs = unit.unroll(outputs, "b_conv", "b_bn")
    model = keras.Model(inputs, outputs)
    names = [layer.name for layer in model.layers[1:]]
    assert names == ["a_conv", "a_bn", "a_activation", "b_conv", "b_bn"]
    assert model.get_layer("a_activation").output.shape == (None, 5, 7, 3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 3, "convolution": "grouped"}, "convolution='grouped'"),
        ({"filters": 3, "padding": "full"}, "padding='full'"),
        ({}, "filters=None, convolution='regular'"),
        ({"filters": 3, "convolution": "depthwise"}, "filters=3"),
    ],
)
def test_errors_name_the_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        ConvNorm(**arguments)
