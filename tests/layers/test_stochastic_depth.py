"""Tests for the `StochasticDepth` layer."""

import keras
import numpy as np
import pytest

from keras_efficient.layers import StochasticDepth
from tests.harness import check_config
from tests.harness import check_layer
from tests.harness import to_numpy


def test_config():
    check_config(StochasticDepth, rate=0.2, seed=3)


def test_layer():
    check_layer(
        StochasticDepth,
        {"rate": 0.2},
        input_shape=(2, 5, 7, 3),
        expected_output_shape=(2, 5, 7, 3),
        expected_num_weights=0,
    )


def test_drops_whole_samples_at_its_rate():
    x = np.ones((2000, 2, 3, 4), "float32")
    y = to_numpy(StochasticDepth(0.2, seed=1)(x, training=True))
    samples = y.reshape(2000, -1)
    # All values of a sample are 0, or all are 1 / (1 - 0.2).
    assert set(np.unique(samples.round(5))) == {0.0, 1.25}
    assert (samples == samples[:, :1]).all()
    assert samples[:, 0].mean() == pytest.approx(1.0, abs=0.04)
    dropped = (samples[:, 0] == 0).mean()
    assert dropped == pytest.approx(0.2, abs=0.03)


def test_identity_in_inference_or_at_rate_zero():
    x = np.random.default_rng(0).normal(size=(3, 2, 5)).astype("float32")
    np.testing.assert_array_equal(to_numpy(StochasticDepth(0.9)(x)), x)
    y = StochasticDepth(0.0)(x, training=True)
    np.testing.assert_array_equal(to_numpy(y), x)


def test_seed_determines_the_choices():
    x = np.ones((64, 1, 1, 1), "float32")
    first = to_numpy(StochasticDepth(0.3, seed=7)(x, training=True))
    again = to_numpy(StochasticDepth(0.3, seed=7)(x, training=True))
    other = to_numpy(StochasticDepth(0.3, seed=8)(x, training=True))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_choices_differ_between_calls():
    x = np.ones((64, 1, 1, 1), "float32")
    layer = StochasticDepth(0.3, seed=7)
    first, second = (to_numpy(layer(x, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_invalid_rates_are_an_error(rate):
    with pytest.raises(ValueError, match=f"not of keeping.*rate={rate}"):
        StochasticDepth(rate)


def test_half_precision_keeps_the_scale():
    layer = StochasticDepth(0.2, dtype="mixed_float16", seed=1)
    y = layer(np.ones((50, 2, 3, 1)), training=True)
    assert keras.backend.standardize_dtype(y.dtype) == "float16"
    assert set(np.unique(to_numpy(y))) == {0.0, 1.25}
