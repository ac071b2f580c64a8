"""Networks of `keras.applications` with random weights, and their files."""

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


def random_peer(name, **arguments):
    """Build a network of `keras.applications` with random statistics."""
    peer = PEERS[name][0](weights=None, **arguments)
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


def assert_same(model, peer, preprocess, x, data_format=None):
    expected = to_numpy(peer(preprocess(x.copy()), training=False))
    if data_format == "channels_first":
        x = x.transpose(0, 3, 1, 2)
    found = to_numpy(model(x, training=False))
    scale = np.abs(expected).max()
    assert np.abs(found - expected).max() < 2e-5 * scale
