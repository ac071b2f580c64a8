"""Tests for the `MBConvBlock` layer."""

import keras
import numpy as np
import pytest

from keras_efficient.layers import MBConvBlock
from tests.harness import check_config
from tests.harness import check_layer
from tests.harness import to_numpy


def test_config():
    check_config(
        MBConvBlock,
        filters=8,
        kernel_size=5,
        strides=2,
        expand_ratio=4,
        se_ratio=0.5,
        use_residual=False,
        activation="relu",
        drop_connect_rate=0.2,
        padding="symmetric",
        batch_norm_momentum=0.9,
        batch_norm_epsilon=1e-5,
        data_format="channels_first",
    )


@pytest.mark.parametrize(
    "arguments, num_weights",
    [
        # Expansion 1, depthwise 1, projection 1, three norms of 4, gates 4.
        ({}, 3 + 12 + 4),
        ({"expand_ratio": 1}, 2 + 8 + 4),
        ({"se_ratio": 0}, 3 + 12),
        ({"expand_ratio": 1, "se_ratio": 0}, 2 + 8),
        ({"kernel_size": 5, "padding": "symmetric"}, 3 + 12 + 4),
    ],
    ids=str,
)
@pytest.mark.parametrize("strides", [1, 2])
def test_layer(arguments, num_weights, strides):
    shape = (4, 9, 14, 8) if strides == 1 else (4, 5, 7, 8)
    check_layer(
        MBConvBlock,
        {"filters": 8, "strides": strides, **arguments},
        input_shape=(4, 9, 14, 8),
        expected_output_shape=shape,
        expected_num_weights=num_weights,
    )


def block_as_numpy(block, x):
    """Compute a block of stride 1 with a 3x3 kernel in NumPy, in inference."""
    weights = {w.path.split("/", 1)[1]: to_numpy(w) for w in block.weights}

    def norm(x, name):
        mean = weights[f"{name}/moving_mean"]
        deviation = np.sqrt(weights[f"{name}/moving_variance"] + 1e-3)
        x = (x - mean) / deviation
        return x * weights[f"{name}/gamma"] + weights[f"{name}/beta"]

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def swish(x):
        return x * sigmoid(x)

    def gate(x, name):
        x = x @ weights[f"squeeze_excite/{name}/kernel"][0, 0]
        return x + weights[f"squeeze_excite/{name}/bias"]

    y = swish(norm(x @ weights["expand/conv/kernel"][0, 0], "expand/norm"))
    padded = np.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    y = sum(
        padded[:, i : i + height, j : j + width]
        * weights["depthwise/conv/kernel"][i, j, :, 0]
        for i in range(3)
        for j in range(3)
    )
    y = swish(norm(y, "depthwise/norm"))
    means = y.mean(axis=(1, 2), keepdims=True)
    y = y * sigmoid(gate(swish(gate(means, "reduce_conv")), "expand_conv"))
    y = norm(y @ weights["project/conv/kernel"][0, 0], "project/norm")
    return x + y


def test_equals_the_block_computed_by_hand():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 5, 7, 8)).astype("float32")
    block = MBConvBlock(8, expand_ratio=3, name="block")
    block.build(x.shape)
    block.set_weights([rng.uniform(0.1, 0.9, w.shape) for w in block.weights])
    np.testing.assert_allclose(
        to_numpy(block(x)), block_as_numpy(block, x), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    "arguments, has_residual",
    [
        ({"filters": 8}, True),
        ({"filters": 16}, False),
        ({"filters": 8, "strides": 2}, False),
        ({"filters": 8, "use_residual": False}, False),
    ],
    ids=str,
)
def test_adds_its_input_if_the_shape_is_equal(arguments, has_residual):
    block = MBConvBlock(**arguments)
    block.build((2, 6, 10, 8))
    assert block.has_residual is has_residual
    # If the branch is zero, the output is the input.
    block.project.norm.gamma.assign(np.zeros(arguments["filters"]))
    x = np.random.default_rng(0).normal(size=(2, 6, 10, 8)).astype("float32")
    y = to_numpy(block(x))
    if has_residual:
        np.testing.assert_allclose(y, x, atol=1e-6)
    else:
        assert not y.any()


def test_squeeze_ratio_refers_to_the_input():
    block = MBConvBlock(24, expand_ratio=6, se_ratio=0.25)
    block.build((2, 6, 10, 16))
    assert block.squeeze_excite.squeeze_filters == 4
    narrow = MBConvBlock(24, se_ratio=0.25)
    narrow.build((2, 6, 10, 3))
    assert narrow.squeeze_excite.squeeze_filters == 1  # not int(0.75)


def test_drops_whole_samples_in_training():
    block = MBConvBlock(8, drop_connect_rate=0.2)
    block.trainable = False  # batch norm keeps its statistics
    x = np.ones((500, 3, 4, 8), "float32")
    y = to_numpy(block(x, training=True))
    dropped = (y == x).all(axis=(1, 2, 3)).mean()
    assert 0.1 < dropped < 0.3


def test_frozen_block_keeps_its_statistics():
    block = MBConvBlock(8)
    x = np.random.default_rng(0).normal(size=(4, 6, 10, 8)).astype("float32")
    block.build(x.shape)
    block.trainable = False
    before = [to_numpy(w) for w in block.weights]
    block(x, training=True)
    for weight, old in zip(block.weights, before, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), old)
    block.trainable = True
    block(x, training=True)
    assert not np.array_equal(
        to_numpy(block.depthwise.norm.moving_mean), np.zeros(48)
    )


def test_saving_and_loading(tmp_path):
    images = keras.Input((6, 10, 8))
    model = keras.Model(images, MBConvBlock(8, name="block")(images))
    model.save(tmp_path / "block.keras")
    restored = keras.models.load_model(tmp_path / "block.keras")
    x = np.random.default_rng(0).normal(size=(2, 6, 10, 8)).astype("float32")
    np.testing.assert_allclose(
        restored.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "filters=0"),
        ({"filters": 8, "strides": 0}, "strides=0"),
        ({"filters": 8, "expand_ratio": 0.5}, "expand_ratio=0.5"),
        ({"filters": 8, "se_ratio": 1.5}, "se_ratio=1.5"),
        ({"filters": 8, "drop_connect_rate": 1.0}, "dropping.*rate=1.0"),
        ({"filters": 8, "padding": "reflect"}, "padding='reflect'"),
        ({"filters": 8, "data_format": "NHWC"}, "data_format='NHWC'"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        MBConvBlock(**arguments)
