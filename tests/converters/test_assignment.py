"""Tests that complete checkpoints are assigned, on every backend."""

import keras
import numpy as np
import pytest

from keras_efficient.converters import load_checkpoint
from keras_efficient.converters.naming.variable_names import named_variables
from tests.converters import tiny


@pytest.fixture
def file(tmp_path):
    """A complete checkpoint of a tiny model and its values."""
    weights = tiny.random_weights(tiny.build())
    np.savez(tmp_path / "tiny.npz", **weights)
    return tmp_path / "tiny.npz", weights


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_whole_file(file, data_format):
    path, weights = file
    model = tiny.build(data_format=data_format)
    report = load_checkpoint(model, str(path))
    tiny.check_equal(tiny.values(model), weights)
    assert report.path == str(path)
    assert report.source == "keras_applications"
    assert report.loaded == tuple(weights)
    assert report.missing == report.unexpected == report.mismatched == ()


def test_other_dtypes(tmp_path):
    model = tiny.build()
    weights = tiny.random_weights(model)
    halves = {k: v.astype("float16") for k, v in weights.items()}
    np.savez(tmp_path / "half.npz", **halves)
    load_checkpoint(model, tmp_path / "half.npz")
    expected = {k: v.astype("float32") for k, v in halves.items()}
    tiny.check_equal(tiny.values(model), expected)


def test_mixed_precision_keeps_whole_numbers(file):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = tiny.build()
    finally:
        keras.config.set_dtype_policy("float32")
    load_checkpoint(model, file[0])
    tiny.check_equal(tiny.values(model), file[1])


@pytest.mark.parametrize("ending", (".weights.h5", ".keras"))
def test_a_keras_file(tmp_path, ending):
    original = tiny.trained()
    layer = original.get_layer("preprocessing")
    layer.mean.assign([0.1, 0.2, 0.3])
    path = tiny.save(original, tmp_path / f"a{ending}")
    model = tiny.build()
    report = load_checkpoint(model, path)
    tiny.check_equal(tiny.values(model), tiny.values(original))
    assert report.source == "keras"
    assert len(report.loaded) == len(named_variables(model))
    np.testing.assert_allclose(report.normalization.mean, (0.1, 0.2, 0.3))


def test_normalization_layers_of_the_user_are_finalized(tmp_path):
    def build(mean):
        inputs = keras.Input((32, 32, 3))
        layer = keras.layers.Normalization(name="normalization")
        layer.adapt(np.full((2, 1, 1, 3), mean) + [[[[-1]]], [[[1]]]])
        backbone = tiny.build(include_top=False)
        return keras.Model(inputs, backbone(layer(inputs))), layer

    original, _ = build(3.0)
    path = tiny.save(original, tmp_path / "a.weights.h5")
    model, layer = build(100.0)
    load_checkpoint(model, path)
    pixels = np.full((1, 32, 32, 3), 5.0)
    outputs = keras.ops.convert_to_numpy(layer(pixels))
    np.testing.assert_allclose(outputs, 2, rtol=1e-6)
