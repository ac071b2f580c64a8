"""Tests for the `SqueezeExcite` layer."""

import numpy as np
import pytest

from keras_efficient.layers import SqueezeExcite
from tests.harness import check_config
from tests.harness import check_layer
from tests.harness import to_numpy


def test_config():
    check_config(
        SqueezeExcite,
        squeeze_filters=3,
        activation="relu",
        gate_activation="hard_sigmoid",
        data_format="channels_first",
    )


def test_layer():
    check_layer(
        SqueezeExcite,
        {"squeeze_filters": 3},
        input_shape=(2, 5, 7, 6),
        expected_output_shape=(2, 5, 7, 6),
        expected_num_weights=4,
    )


def test_gates_by_the_mean_of_the_image():
    layer = SqueezeExcite(1, activation="relu")
    layer.build((1, 2, 3, 2))
    reduce_kernel = np.array([[[[1.0], [2.0]]]])
    expand_kernel = np.array([[[[0.5, -0.5]]]])
    biases = np.array([0.1]), np.array([0.0, 1.0])
    layer.set_weights([reduce_kernel, biases[0], expand_kernel, biases[1]])
    x = np.zeros((1, 2, 3, 2), "float32")
    x[0, 0, 0] = (6.0, 12.0)  # means 1 and 2: 1 * 1 + 2 * 2 + 0.1 = 5.1
    gates = 1 / (1 + np.exp([-2.55, 1.55]))  # 5.1 / 2 and 1 - 5.1 / 2
    np.testing.assert_allclose(to_numpy(layer(x)), x * gates, rtol=1e-5)


def test_zero_filters_are_an_error():
    with pytest.raises(ValueError, match="squeeze_filters=0"):
        SqueezeExcite(0)
