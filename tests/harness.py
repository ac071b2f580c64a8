"""Checks shared by the tests of all layers; none can be switched off."""

import inspect

import keras
import numpy as np
from keras import ops

BASE_ARGS = {"self", "args", "kwargs", "name", "trainable", "dtype"}


def check_config(layer_cls, **non_default):
    """Checks that `get_config` carries every constructor argument."""
    parameters = inspect.signature(layer_cls.__init__).parameters
    names = set(parameters) - BASE_ARGS
    assert names == set(non_default), (
        f"pass every argument: {names ^ set(non_default)}"
    )
    for name, value in non_default.items():
        assert value != parameters[name].default, (
            f"{name} must differ from its default"
        )
    layer = layer_cls(**non_default)
    config = layer.get_config()
    for name, value in non_default.items():
        assert config[name] == value, (name, config.get(name), value)
    assert layer_cls.from_config(config).get_config() == config
    return layer


def check_layer(
    layer_cls,
    init_kwargs,
    input_shape,
    expected_output_shape,
    expected_num_weights,
):
    """Checks everything that must hold for any layer of ours.

    `input_shape` and `expected_output_shape` are channels last, with height
    and width different and odd enough to show a mix-up.
    """
    assert input_shape[1] != input_shape[2], "choose height != width"
    assert input_shape[0] > 1, "choose more than one sample"
    inputs = np.random.default_rng(3).normal(size=input_shape)
    inputs = inputs.astype("float32")
    layer = _check_build(layer_cls, init_kwargs, input_shape)
    assert len(layer.weights) == expected_num_weights, layer.weights
    _check_shapes(layer, inputs, expected_output_shape)
    if "data_format" in inspect.signature(layer_cls.__init__).parameters:
        _check_channels_first(layer_cls, init_kwargs, layer, inputs)
    _check_mixed_precision(layer_cls, init_kwargs, inputs)
    _check_training(layer_cls, init_kwargs, inputs)
    _check_inputs_stay(layer, inputs)
    return layer


def to_numpy(x):
    return ops.convert_to_numpy(x)


def _sub_layers(layer):
    return list(layer._flatten_layers(include_self=True, recursive=True))


def _check_build(layer_cls, init_kwargs, input_shape):
    """`build` alone makes all weights, here and in every sub-layer."""
    layer = layer_cls(**init_kwargs)
    layer.build(input_shape)
    for sub_layer in _sub_layers(layer):
        assert sub_layer.built, f"{sub_layer.name} is not built by `build`"
    weights = [weight.path for weight in layer.weights]
    layer(np.zeros(input_shape, "float32"))
    assert [weight.path for weight in layer.weights] == weights
    assert len(set(weights)) == len(weights), "two weights share a path"
    return layer


def _check_shapes(layer, inputs, expected):
    assert tuple(ops.shape(layer(inputs))) == expected
    assert tuple(layer.compute_output_shape(inputs.shape)) == expected
    symbolic = layer(keras.Input(inputs.shape[1:]))
    assert tuple(symbolic.shape) == (None, *expected[1:])
    free = layer.compute_output_shape((None, None, None, inputs.shape[-1]))
    assert tuple(free) == (None, None, None, expected[-1])


def _check_channels_first(layer_cls, init_kwargs, layer, inputs):
    first = layer_cls(**{**init_kwargs, "data_format": "channels_first"})
    moved = np.moveaxis(inputs, -1, 1)
    first.build(moved.shape)
    first.set_weights(layer.get_weights())
    np.testing.assert_allclose(
        np.moveaxis(to_numpy(first(moved)), 1, -1),
        to_numpy(layer(inputs)),
        rtol=1e-4,
        atol=1e-5,
    )
    assert tuple(first.compute_output_shape(moved.shape)) == tuple(
        ops.shape(first(moved))
    )


def _check_mixed_precision(layer_cls, init_kwargs, inputs):
    layer = layer_cls(**init_kwargs, dtype="mixed_bfloat16")
    outputs = layer(inputs)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    for weight in layer.weights:
        assert weight.dtype == "float32", weight.path
    for sub_layer in _sub_layers(layer):
        assert sub_layer.compute_dtype == "bfloat16", sub_layer.name
    exact = layer_cls(**init_kwargs)
    exact.build(inputs.shape)
    exact.set_weights(layer.get_weights())
    expected = to_numpy(exact(inputs))
    np.testing.assert_allclose(
        to_numpy(ops.cast(outputs, "float32")),
        expected,
        atol=0.05 * np.abs(expected).max(),
    )


def _check_training(layer_cls, init_kwargs, inputs):
    """One step of `fit`: every trainable weight moves, and survives saving."""
    images = keras.Input(inputs.shape[1:])
    layer = layer_cls(**init_kwargs)
    model = keras.Model(images, layer(images))
    before = [to_numpy(weight) for weight in layer.trainable_weights]
    rng = np.random.default_rng(5)
    targets = rng.normal(size=(len(inputs), *model.output_shape[1:]))
    if layer.trainable_weights:
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(inputs, targets, batch_size=len(inputs), verbose=0)
    for weight, old in zip(layer.trainable_weights, before, strict=True):
        new = to_numpy(weight)
        assert np.isfinite(new).all(), weight.path
        assert not np.array_equal(new, old), f"{weight.path} does not train"
    restored = keras.Model.from_config(model.get_config())
    restored.set_weights(model.get_weights())
    np.testing.assert_allclose(
        restored.predict(inputs, verbose=0),
        model.predict(inputs, verbose=0),
        rtol=1e-5,
        atol=1e-6,
    )


def _check_inputs_stay(layer, inputs):
    copy = inputs.copy()
    layer(inputs)
    np.testing.assert_array_equal(inputs, copy)
