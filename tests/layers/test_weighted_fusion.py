"""Tests for the `WeightedFusion` and `AttentionFusion` layers."""

import keras
import numpy as np
import pytest

from keras_efficient.layers import AttentionFusion
from keras_efficient.layers import WeightedFusion
from keras_efficient.layers.weighted_fusion import WEIGHT_METHODS
from tests.harness import check_config
from tests.harness import check_layer
from tests.harness import to_numpy

SHAPE = (2, 3, 5, 4)


def softmax(v):
    return np.exp(v) / np.exp(v).sum(axis=0)


# Normalized weights of three inputs, for each method.
RULES = {
    "fast_normalized": lambda v: (
        np.maximum(v, 0) / (np.maximum(v, 0).sum(axis=0) + 1e-4)
    ),
    "softmax": softmax,
    "unbounded": lambda v: v,
}


def test_config():
    check_config(
        WeightedFusion,
        weight_method="channel_softmax",
        epsilon=1e-3,
        data_format="channels_first",
    )
    check_config(
        AttentionFusion, finer_first=True, data_format="channels_first"
    )


@pytest.mark.parametrize("method", WEIGHT_METHODS)
@pytest.mark.parametrize("num_inputs", [2, 3])
def test_layer(method, num_inputs):
    check_layer(
        WeightedFusion,
        {"weight_method": method},
        input_shape=[SHAPE] * num_inputs,
        expected_output_shape=SHAPE,
        expected_num_weights=0 if method == "sum" else 1,
    )


@pytest.mark.parametrize("method", RULES)
@pytest.mark.parametrize("by_channel", [False, True])
def test_equals_the_formula(method, by_channel):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=SHAPE).astype("float32") for _ in range(3)]
    raw = np.array([0.7, -0.4, 1.9])  # negative: 0 in fast fusion
    if by_channel:
        raw = raw[:, None] * [1.0, 0.5, 2.0, -1.0]
    layer = WeightedFusion(f"channel_{method}" if by_channel else method)
    layer.build([SHAPE] * 3)
    assert np.all(to_numpy(layer.fusion_weights) == 1)
    layer.fusion_weights.assign(raw)
    weights = RULES[method](raw)
    expected = sum(x * w for x, w in zip(inputs, weights, strict=True))
    np.testing.assert_allclose(to_numpy(layer(inputs)), expected, atol=1e-6)


def test_values_of_google_automl():
    # efficientdet_arch_test.py: inputs of 1 and 3 everywhere, as [2, 6] / 2.
    inputs = [np.full(SHAPE, x, "float32") for x in (1, 3)]
    for method, expected in (
        ("sum", 4.0),
        ("softmax", 2.0),
        ("fast_normalized", (1 + 3) / 2.0001),
    ):
        np.testing.assert_allclose(
            to_numpy(WeightedFusion(method)(inputs)), expected, rtol=1e-6
        )


@pytest.mark.parametrize("finer_first", [False, True])
def test_attention_layer(finer_first):
    check_layer(
        AttentionFusion,
        {"finer_first": finer_first},
        input_shape=[SHAPE, SHAPE],
        expected_output_shape=SHAPE,
        expected_num_weights=0,
    )
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=SHAPE).astype("float32") for _ in "ab")
    coarse, fine = (second, first) if finer_first else (first, second)
    gates = 1 / (1 + np.exp(-coarse.max(axis=(1, 2), keepdims=True)))
    layer = AttentionFusion(finer_first)
    np.testing.assert_allclose(
        to_numpy(layer([first, second])), coarse + gates * fine, atol=1e-6
    )


def test_fusion_weights_train_without_reaching_the_wrong_input():
    layer = WeightedFusion("unbounded")
    layer.build([SHAPE] * 2)
    images = keras.Input(SHAPE[1:])
    model = keras.Model(images, layer([images, 0 * images]))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.ones(SHAPE, "float32")
    model.fit(x, 3 * x, verbose=0)
    first, second = to_numpy(layer.fusion_weights)
    assert first > 1
    assert second == 1


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: WeightedFusion("mean"), "weight_method='mean'"),
        (lambda: WeightedFusion().build(SHAPE), "requires a list"),
        (
            lambda: WeightedFusion().build([SHAPE, (2, 3, 4, 4)]),
            r"\(2, 3, 4, 4\)",
        ),
    ],
)
def test_bad_arguments_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
