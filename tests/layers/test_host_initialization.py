"""Tests for initial weights drawn by NumPy."""

import keras
import numpy as np
import pytest

from keras_efficient.layers import Conv2D
from keras_efficient.layers import Dense
from keras_efficient.layers import DepthwiseConv2D
from tests.harness import check_layer
from tests.harness import to_numpy

INITIALIZERS = keras.initializers


def weights_of(initializer, shape=(50, 400)):
    layer = Dense(shape[1], kernel_initializer=initializer)
    layer.build((None, shape[0]))
    return to_numpy(layer.kernel)


@pytest.mark.parametrize(
    "initializer, mean, deviation, limit",
    [
        (INITIALIZERS.RandomNormal(1.0, 0.5, seed=1), 1.0, 0.5, 9),
        # A unit normal truncated at two standard deviations has one of 0.8796.
        (INITIALIZERS.TruncatedNormal(0.0, 0.5, seed=1), 0.0, 0.4398, 1.0),
        (INITIALIZERS.RandomUniform(-0.3, 0.3, seed=1), 0.0, 0.1732, 0.3),
        # Glorot: sqrt(2 / (50 + 400)); He: sqrt(2 / 50).
        (INITIALIZERS.GlorotNormal(seed=1), 0.0, 0.0667, 0.1516),
        (INITIALIZERS.HeUniform(seed=1), 0.0, 0.2, 0.3465),
        (
            INITIALIZERS.VarianceScaling(
                2.0, "fan_out", "untruncated_normal", seed=1
            ),
            0.0,
            0.0707,
            9,
        ),
        (INITIALIZERS.Constant(0.25), 0.25, 0.0, 0.25),
        (INITIALIZERS.Ones(), 1.0, 0.0, 1.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_draws_the_distribution(initializer, mean, deviation, limit):
    values = weights_of(initializer)
    assert values.dtype == "float32"
    assert values.mean() == pytest.approx(mean, abs=0.01)
    assert values.std() == pytest.approx(deviation, rel=0.02)
    assert np.abs(values).max() <= limit


def test_efficientnet_kernels_have_variance_2_over_fan_out():
    keras.utils.set_random_seed(1)
    from keras_efficient.layers.initializers import conv_kernel_initializer

    conv = Conv2D(300, 3, kernel_initializer=conv_kernel_initializer())
    conv.build((None, 8, 9, 20))
    std = to_numpy(conv.kernel).std()
    assert std == pytest.approx(np.sqrt(2 / (9 * 300)), rel=0.02)
    depthwise = DepthwiseConv2D(
        3, depthwise_initializer=conv_kernel_initializer()
    )
    depthwise.build((None, 8, 9, 3000))
    # The last axis of a depthwise kernel is 1: fan_out is 9.
    assert to_numpy(depthwise.kernel).std() == pytest.approx(0.471, rel=0.02)


def test_seed_determines_the_weights():
    drawn = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        layer = Dense(7)
        layer.build((None, 5))
        drawn.append(to_numpy(layer.kernel))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_weights_do_not_depend_on_the_backend():
    keras.utils.set_random_seed(1)
    layer = Dense(2, kernel_initializer=INITIALIZERS.RandomNormal(seed=5))
    layer.build((None, 3))
    expected = 0.05 * np.random.default_rng(5).standard_normal((3, 2))
    np.testing.assert_allclose(to_numpy(layer.kernel), expected, rtol=1e-6)


def test_layers_of_a_model_differ():
    from keras_efficient.layers.initializers import conv_kernel_initializer

    kernels = []
    for _ in range(2):
        conv = Conv2D(4, 1, kernel_initializer=conv_kernel_initializer())
        conv.build((None, 5, 7, 3))
        kernels.append(to_numpy(conv.kernel))
    assert not np.array_equal(*kernels)


@keras.saving.register_keras_serializable(package="tests")
class Sevens(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return keras.ops.full(shape, 7.0, dtype=dtype)


def test_other_initializers_are_called():
    assert (weights_of(Sevens(), (2, 3)) == 7.0).all()
    shared = keras.random.SeedGenerator(3)
    first = weights_of(INITIALIZERS.RandomNormal(seed=shared), (2, 3))
    second = weights_of(INITIALIZERS.RandomNormal(seed=shared), (2, 3))
    assert not np.array_equal(first, second)


def test_dense_layer():
    check_layer(
        Dense,
        {"units": 5},
        input_shape=(2, 4, 6, 3),
        expected_output_shape=(2, 4, 6, 5),
        expected_num_weights=2,
    )
