"""Checks shared by the tests of all layers; none of them is optional."""

import inspect

import keras
import numpy as np
from keras import ops

from keras_efficient.internals import keras_internals

BASE_ARGS = {"self", "args", "kwargs", "name", "trainable", "dtype"}


def check_config(layer_cls, **non_default):
    """Check that `get_config` returns every constructor argument."""
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
    """Check everything that must hold for any layer of the package.

    `input_shape` and `expected_output_shape` are channels last, with height
    and width different, so that mixing them up fails. For layers of several
    tensors they are lists or dicts of shapes.
    """
    for shape in _leaves(input_shape):
        assert shape[1] != shape[2], "choose height != width"
        assert shape[0] > 1, "choose more than one sample"
    rng = np.random.default_rng(3)
    inputs = _map(
        lambda shape: rng.normal(size=shape).astype("float32"), input_shape
    )
    layer = _check_build(layer_cls, init_kwargs, input_shape)
    assert len(layer.weights) == expected_num_weights, layer.weights
    _check_shapes(layer, inputs, expected_output_shape)
    if "data_format" in layer.get_config():
        _check_channels_first(layer_cls, init_kwargs, layer, inputs)
    _check_mixed_precision(layer_cls, init_kwargs, inputs)
    _check_training(layer_cls, init_kwargs, inputs)
    _check_inputs_stay(layer, inputs)
    return layer


def to_numpy(x):
    return ops.convert_to_numpy(x)


def _map(function, structure):
    """Apply a function to each tensor or shape of a list or dict."""
    if isinstance(structure, dict):
        return {k: _map(function, v) for k, v in structure.items()}
    if isinstance(structure, list):
        return [_map(function, v) for v in structure]
    return function(structure)


def _leaves(structure):
    found = []
    _map(found.append, structure)
    return found


def _shapes(tensors):
    return _map(lambda x: tuple(ops.shape(x)), tensors)


def _assert_close(actual, expected, **tolerance):
    for x, y in zip(_leaves(actual), _leaves(expected), strict=True):
        np.testing.assert_allclose(to_numpy(x), to_numpy(y), **tolerance)


def _symbolic(inputs):
    if isinstance(inputs, dict):
        return {k: keras.Input(x.shape[1:], name=k) for k, x in inputs.items()}
    return _map(lambda x: keras.Input(x.shape[1:]), inputs)


def _sub_layers(layer):
    return [layer, *keras_internals.all_layers(layer)]


def _check_build(layer_cls, init_kwargs, input_shape):
    """Check that `build` creates all weights, also in every sub-layer."""
    layer = layer_cls(**init_kwargs)
    layer.build(input_shape)
    for sub_layer in _sub_layers(layer):
        assert sub_layer.built, f"{sub_layer.name} is not built by `build`"
    weights = [weight.path for weight in layer.weights]
    layer(_map(lambda shape: np.zeros(shape, "float32"), input_shape))
    assert [weight.path for weight in layer.weights] == weights
    assert len(set(weights)) == len(weights), "two weights share a path"
    return layer


def _check_shapes(layer, inputs, expected):
    assert _shapes(layer(inputs)) == expected
    shapes = _shapes(inputs)
    assert _map(tuple, layer.compute_output_shape(shapes)) == expected
    symbolic = layer(_symbolic(inputs))
    assert _map(lambda x: (None, *x.shape[1:]), symbolic) == _map(
        lambda shape: (None, *shape[1:]), expected
    )
    free = layer.compute_output_shape(
        _map(lambda shape: (None, None, None, shape[-1]), shapes)
    )
    # Only sizes may be unknown, not the number of channels.
    for found, shape in zip(_leaves(free), _leaves(expected), strict=True):
        unknown = (None,) * (len(shape) - 1)
        assert tuple(found) == (*unknown, shape[-1])


def _check_channels_first(layer_cls, init_kwargs, layer, inputs):
    first = layer_cls(**{**init_kwargs, "data_format": "channels_first"})
    moved = _map(lambda x: np.moveaxis(x, -1, 1), inputs)
    first.build(_shapes(moved))
    first.set_weights(layer.get_weights())

    def channels_last(x):
        x = to_numpy(x)
        return np.moveaxis(x, 1, -1) if x.ndim == 4 else x

    outputs = first(moved)
    _assert_close(
        _map(channels_last, outputs), layer(inputs), rtol=1e-4, atol=1e-5
    )
    shapes = first.compute_output_shape(_shapes(moved))
    assert _map(tuple, shapes) == _shapes(outputs)


def _check_mixed_precision(layer_cls, init_kwargs, inputs):
    layer = layer_cls(**init_kwargs, dtype="mixed_bfloat16")
    outputs = layer(inputs)
    for x in _leaves(outputs):
        assert keras.backend.standardize_dtype(x.dtype) == "bfloat16"
    for weight in layer.weights:
        assert weight.dtype == "float32", weight.path
    for sub_layer in _sub_layers(layer):
        assert sub_layer.compute_dtype == "bfloat16", sub_layer.name
    exact = layer_cls(**init_kwargs)
    exact.build(_shapes(inputs))
    exact.set_weights(layer.get_weights())
    expected = exact(inputs)
    for x, y in zip(_leaves(outputs), _leaves(expected), strict=True):
        y = to_numpy(y)
        np.testing.assert_allclose(
            to_numpy(ops.cast(x, "float32")), y, atol=0.05 * np.abs(y).max()
        )


def _check_training(layer_cls, init_kwargs, inputs):
    """Check that one step of `fit` changes every weight, and saving it."""
    images = _symbolic(inputs)
    layer = layer_cls(**init_kwargs)
    outputs = layer(images)
    if isinstance(outputs, dict):  # one loss for all
        outputs = ops.concatenate(
            [keras.layers.Flatten()(x) for x in outputs.values()], axis=-1
        )
    model = keras.Model(images, outputs)
    before = [to_numpy(weight) for weight in layer.trainable_weights]
    rng = np.random.default_rng(5)
    num_samples = len(_leaves(inputs)[0])
    targets = rng.normal(size=(num_samples, *model.output_shape[1:]))
    if layer.trainable_weights:
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(inputs, targets, batch_size=num_samples, verbose=0)
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
    copies = _map(np.copy, inputs)
    layer(inputs)
    for x, copy in zip(_leaves(inputs), _leaves(copies), strict=True):
        np.testing.assert_array_equal(x, copy)
