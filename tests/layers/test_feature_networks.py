"""Tests for the layers that run lists of nodes."""

import keras
import numpy as np
import pytest

from keras_efficient.feature_graphs import FusionNode
from keras_efficient.layers import BiFPNLayer
from keras_efficient.layers import FeatureNetworkLayer
from keras_efficient.layers import FPNLayer
from keras_efficient.layers import NASFPNLayer
from keras_efficient.layers import PANetLayer
from tests.harness import check_config
from tests.harness import check_layer
from tests.harness import to_numpy
from tests.marks import slow_to_compile

# Odd sizes; P4 has the filters of the network already.
SHAPES = {"P3": (2, 9, 14, 5), "P4": (2, 5, 7, 8), "P5": (2, 3, 4, 6)}
EDGE = 2 + 4  # convolution with bias, norm
NODE = 3 + 4  # separable convolution, norm
ALL_LEVELS = {
    "P3": (2, 33, 20, 4),
    "P4": (2, 17, 10, 4),
    "P5": (2, 9, 5, 4),
    "P6": (2, 5, 3, 4),
    "P7": (2, 3, 2, 4),
}


def outputs_of(shapes, filters=8):
    return {level: (*shape[:3], filters) for level, shape in shapes.items()}


def random_features(shapes=None, seed=0):
    rng = np.random.default_rng(seed)
    return {
        level: rng.normal(size=shape).astype("float32")
        for level, shape in (shapes or SHAPES).items()
    }


def test_config():
    layer = check_config(
        FeatureNetworkLayer,
        filters=8,
        min_level=2,
        max_level=4,
        nodes=[{"level": 3, "inputs": (1, 2), "merge": "sum", "added": (1,)}],
        weight_method="softmax",
        activation="relu",
        use_separable_conv=False,
        pool_to_stride=True,
        use_bias=False,
        padding="symmetric",
        batch_norm_momentum=0.9,
        batch_norm_epsilon=1e-5,
        data_format="channels_first",
    )
    assert layer.nodes == (FusionNode(3, (1, 2), "sum", (1,)),)


@pytest.mark.parametrize(
    "layer_cls", [BiFPNLayer, FPNLayer, PANetLayer, NASFPNLayer]
)
def test_named_networks_are_restored_from_their_config(layer_cls):
    layer = layer_cls(8, activation="relu6", name="cell")
    config = layer.get_config()
    again = layer_cls.from_config(config)
    assert again.get_config() == config
    assert again.nodes == layer.nodes


@pytest.mark.parametrize(
    "layer_cls, num_weights",
    [
        # Inputs with another number of filters have a convolution.
        # FPN and PANet run the code of BiFPN with other nodes.
        pytest.param(FPNLayer, 2 * NODE + 3 * EDGE, marks=pytest.mark.slow),
        pytest.param(PANetLayer, 4 * NODE + 3 * EDGE, marks=pytest.mark.slow),
        # One vector of fusion weights for each node.
        (BiFPNLayer, 4 * (NODE + 1) + 3 * EDGE),
    ],
)
def test_layer(layer_cls, num_weights):
    check_layer(
        layer_cls,
        {"filters": 8, "max_level": 5},
        input_shape=SHAPES,
        expected_output_shape=outputs_of(SHAPES),
        expected_num_weights=num_weights,
    )


@slow_to_compile
def test_nas_fpn_layer():
    check_layer(
        NASFPNLayer,
        {"filters": 4},
        input_shape=ALL_LEVELS,
        expected_output_shape=ALL_LEVELS,
        expected_num_weights=7 * (2 + 4),  # plain convolutions with bias
    )


def swish(x):
    return x / (1 + np.exp(-x))


def norm(x):
    """Apply an untrained batch normalization, in inference."""
    return x / np.sqrt(1 + 1e-3)


class ByHand:
    """The operations of a layer in NumPy, with the weights of the layer."""

    def __init__(self, layer):
        self.layer = layer
        self.weights = {
            w.path.split("/", 1)[1]: to_numpy(w) for w in layer.weights
        }

    def conv(self, name, x):
        """Apply activation, separable 3x3 convolution and normalization."""
        w = self.weights
        depthwise = w[f"{name}/conv/depthwise_conv/kernel"][..., 0]
        padded = np.pad(swish(x), ((0, 0), (1, 1), (1, 1), (0, 0)))
        height, width = x.shape[1:3]
        y = sum(
            padded[:, i : i + height, j : j + width] * depthwise[i, j]
            for i in range(3)
            for j in range(3)
        )
        y = y @ w[f"{name}/conv/pointwise_conv/kernel"][0, 0]
        return norm(y + w[f"{name}/conv/pointwise_conv/bias"])

    def lateral(self, name, x):
        w = self.weights
        return norm(
            x @ w[f"{name}/project/conv/kernel"][0, 0]
            + w[f"{name}/project/conv/bias"]
        )


def up(x, like):
    x = x.repeat(2, axis=1).repeat(2, axis=2)
    return x[:, : like.shape[1], : like.shape[2]]


def down(x):
    """Apply 3x3 max pooling with stride 2 and the padding of TensorFlow."""
    height, width = -(-x.shape[1] // 2), -(-x.shape[2] // 2)
    before = [
        (2 * (n - 1) + 3 - size) // 2
        for n, size in ((height, x.shape[1]), (width, x.shape[2]))
    ]
    padded = np.pad(
        x,
        ((0, 0), (before[0], 2), (before[1], 2), (0, 0)),
        constant_values=-np.inf,
    )
    windows = [
        padded[:, i : i + 2 * height : 2, j : j + 2 * width : 2]
        for i in range(3)
        for j in range(3)
    ]
    return np.max(windows, axis=0)


def test_bifpn_computed_by_hand():
    layer = BiFPNLayer(8, max_level=5, name="cell")
    features = random_features()
    layer.build({level: x.shape for level, x in features.items()})
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        if weight.path.endswith(("bias", "fusion_weights")):
            weight.assign(rng.uniform(0.2, 1.5, weight.shape))
    hand = ByHand(layer)

    def fuse(name, *inputs):
        w = hand.weights[f"{name}_fusion/fusion_weights"]
        w = w / (w.sum() + 1e-4)
        return hand.conv(
            name, sum(a * b for a, b in zip(w, inputs, strict=True))
        )

    p3, p4, p5 = features.values()
    middle = fuse("node0", p4, up(hand.lateral("node0_from2", p5), p4))
    out3 = fuse("node1", hand.lateral("node1_from0", p3), up(middle, p3))
    out4 = fuse("node2", p4, middle, down(out3))
    out5 = fuse("node3", hand.lateral("node3_from2", p5), down(out4))
    outputs = layer(features)
    for level, expected in zip(outputs, (out3, out4, out5), strict=True):
        np.testing.assert_allclose(
            to_numpy(outputs[level]), expected, rtol=1e-4, atol=1e-5
        )


def test_fpn_returns_its_coarsest_level_unchanged():
    layer = FPNLayer(8, max_level=5, name="cell")
    features = random_features()
    outputs = layer(features)
    hand = ByHand(layer)
    p3, p4, p5 = features.values()
    lateral = hand.lateral("node0_from2", p5)
    middle = hand.conv("node0", p4 + up(lateral, p4))
    expected = {
        "P5": hand.lateral("output_p5", p5),
        "P4": middle,
        "P3": hand.conv(
            "node1", hand.lateral("node1_from0", p3) + up(middle, p3)
        ),
    }
    for level, x in expected.items():
        np.testing.assert_allclose(
            to_numpy(outputs[level]), x, rtol=1e-4, atol=1e-5
        )


def test_panet_merges_the_top_down_features():
    # Features of 8 filters are not convolved before a node.
    shapes = outputs_of(SHAPES)
    layer = PANetLayer(8, max_level=5, name="cell")
    features = random_features(shapes)
    outputs = layer(features)
    hand = ByHand(layer)
    p3, p4, p5 = features.values()
    top4 = hand.conv("node0", p4 + up(p5, p4))
    out3 = hand.conv("node1", p3 + up(top4, p3))
    out4 = hand.conv("node2", top4 + down(out3))
    out5 = hand.conv("node3", p5 + down(out4))
    for level, x in zip(outputs, (out3, out4, out5), strict=True):
        np.testing.assert_allclose(
            to_numpy(outputs[level]), x, rtol=1e-4, atol=1e-5
        )


def test_nas_fpn_computed_by_hand():
    layer = NASFPNLayer(4, name="cell")
    features = random_features(ALL_LEVELS)
    outputs = layer(features)
    weights = {w.path.split("/", 1)[1]: to_numpy(w) for w in layer.weights}

    def conv(i, x):
        kernel = weights[f"node{i}/conv/kernel"]
        padded = np.pad(np.maximum(x, 0), ((0, 0), (1, 1), (1, 1), (0, 0)))
        height, width = x.shape[1:3]
        return norm(
            sum(
                padded[:, a : a + height, b : b + width] @ kernel[a, b]
                for a in range(3)
                for b in range(3)
            )
        )

    def attend(coarse, fine):
        gate = 1 / (1 + np.exp(-coarse.max(axis=(1, 2), keepdims=True)))
        return coarse + gate * fine

    def pool(x, factor):
        height, width = (-(-n // factor) for n in x.shape[1:3])
        total = [height * factor - x.shape[1], width * factor - x.shape[2]]
        x = np.pad(
            x,
            ((0, 0), *((n // 2, n - n // 2) for n in total), (0, 0)),
            constant_values=-np.inf,
        )
        shape = (len(x), height, factor, width, factor, -1)
        return x.reshape(shape).max(axis=(2, 4))

    def grow(x, factor, like):
        x = x.repeat(factor, axis=1).repeat(factor, axis=2)
        return x[:, : like.shape[1], : like.shape[2]]

    p3, p4, p5, p6, p7 = features.values()
    n0 = conv(0, attend(grow(p6, 4, p4), p4))
    n1 = conv(1, p4 + n0)
    out3 = conv(2, p3 + grow(n1, 2, p3))
    out4 = conv(3, n1 + pool(out3, 2))
    out5 = conv(4, attend(pool(out4, 2), pool(out3, 4)) + p5)
    out7 = conv(5, attend(pool(out5, 4), pool(n1, 8)) + p7)
    out6 = conv(6, attend(grow(out7, 2, p6), pool(out5, 2)) + p6)
    expected = (out3, out4, out5, out6, out7)
    for level, x in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(
            to_numpy(outputs[level]), x, rtol=1e-4, atol=1e-5, err_msg=level
        )


def test_levels_without_nodes_are_only_projected():
    layer = FeatureNetworkLayer(8, max_level=5)
    features = random_features()
    outputs = layer(features)
    assert {k: tuple(x.shape) for k, x in outputs.items()} == outputs_of(SHAPES)
    np.testing.assert_array_equal(to_numpy(outputs["P4"]), features["P4"])


def test_frozen_network_keeps_its_statistics():
    layer = BiFPNLayer(8, max_level=5)
    features = random_features()
    layer(features)
    layer.trainable = False
    before = [to_numpy(w) for w in layer.weights]
    layer(features, training=True)
    for weight, old in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), old)


@pytest.mark.parametrize(
    "features",
    [
        {"P3": SHAPES["P3"], "P4": SHAPES["P4"]},
        {**SHAPES, "P6": (2, 2, 2, 6)},
    ],
)
def test_wrong_levels_are_an_error(features):
    layer = BiFPNLayer(8, max_level=5)
    inputs = {level: np.zeros(shape) for level, shape in features.items()}
    with pytest.raises(ValueError, match=r"levels \['P3', 'P4', 'P5'\]"):
        layer(inputs)


def test_list_is_an_error():
    with pytest.raises(ValueError, match="takes a dict"):
        BiFPNLayer(8, max_level=4).build([SHAPES["P3"], SHAPES["P4"]])


def test_levels_of_wrong_sizes_are_an_error():
    layer = BiFPNLayer(8, max_level=4)
    inputs = {"P3": keras.Input((9, 14, 8)), "P4": keras.Input((4, 7, 8))}
    with pytest.raises(ValueError, match="7 to 8 pixels. Received: 9"):
        layer(inputs)
