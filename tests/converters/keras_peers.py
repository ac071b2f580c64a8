"""Networks of `keras.applications` with random weights, and their files."""

import functools

import h5py
import keras
import numpy as np

from tests.harness import to_numpy

PEERS = {
    "MobileNetV1": (
        keras.applications.MobileNet,
        keras.applications.mobilenet.preprocess_input,
    ),
    "MobileNetV2": (
        keras.applications.MobileNetV2,
        keras.applications.mobilenet_v2.preprocess_input,
    ),
    "ResNet50": (
        keras.applications.ResNet50,
        keras.applications.resnet.preprocess_input,
    ),
}


def pixels(*shape):
    return np.random.default_rng(3).uniform(0, 255, shape).astype("float32")


@functools.cache
def random_peer(name, input_shape=(64, 96, 3), classes=7):
    """Build a network of `keras.applications` with random statistics.

    Tests share it and must not change it.
    """
    peer = PEERS[name][0](
        weights=None, input_shape=input_shape, classes=classes
    )
    rng = np.random.default_rng(5)
    for variable in peer.variables:
        if variable.name in ("gamma", "moving_variance"):
            values = rng.uniform(0.6, 1.4, variable.shape)
        elif variable.name in ("beta", "bias", "moving_mean"):
            values = rng.normal(0, 0.1, variable.shape)
        else:
            continue
        variable.assign(values.astype("float32"))
    return peer


def write_h5(peer, path, rename=lambda layer: layer):
    """Write weights with the layout and names of the published files."""
    with h5py.File(path, "w") as file:
        layers = {rename(layer.name): layer for layer in peer.layers}
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for name, layer in layers.items():
            group = file.create_group(name)
            weights = {
                f"{name}/{_old_name(layer, v.name)}:0": to_numpy(v)
                for v in layer.weights
            }
            group.attrs["weight_names"] = [key.encode() for key in weights]
            for key, value in weights.items():
                group[key] = value
    return path


def _old_name(layer, variable):
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return "depthwise_kernel" if is_depthwise else variable


def assert_same(model, peer, preprocess, x):
    """Check that two networks have the same outputs, apart from rounding."""
    expected = peer.predict(preprocess(x.copy()), verbose=0)
    found = model.predict(x, verbose=0)
    scale = np.abs(expected).max()
    assert np.abs(found - expected).max() < 2e-5 * scale


def check_same_weights(model, peer):
    """Check that two networks have the same weights, in the same order."""
    weights = [
        variable
        for layer in model.layers
        if layer.name != "preprocessing"
        for variable in layer.weights
    ]
    assert len(weights) == len(peer.weights)
    for variable, other in zip(weights, peer.weights, strict=True):
        expected = to_numpy(other).reshape(variable.shape)
        np.testing.assert_array_equal(to_numpy(variable), expected)
