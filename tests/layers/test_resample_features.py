"""Tests for the `ResampleFeatures` and `SeparableConv2D` layers."""

import keras
import numpy as np
import pytest

from keras_efficient.layers import ResampleFeatures
from keras_efficient.layers import SeparableConv2D
from tests.harness import check_config
from tests.harness import check_layer
from tests.harness import to_numpy

CONV_AND_NORM = 2 + 4


def pixels(height, width):
    """Return an image whose values are the indices of their positions."""
    return np.arange(height * width, dtype="float32").reshape(
        1, height, width, 1
    )


def test_config():
    check_config(
        ResampleFeatures,
        filters=8,
        level_change=1,
        pool_size=3,
        use_bias=False,
        padding="symmetric",
        batch_norm_momentum=0.9,
        batch_norm_epsilon=1e-5,
        data_format="channels_first",
    )


def test_config_of_a_separable_convolution():
    check_config(
        SeparableConv2D,
        filters=8,
        kernel_size=5,
        strides=2,
        use_bias=False,
        padding="symmetric",
        kernel_initializer=keras.initializers.serialize(
            keras.initializers.HeNormal()
        ),
        bias_initializer=keras.initializers.serialize(
            keras.initializers.Ones()
        ),
        data_format="channels_first",
    )


@pytest.mark.parametrize(
    "arguments, size, num_weights",
    [
        ({"filters": 8}, (9, 14), 0),
        ({"filters": 4}, (9, 14), CONV_AND_NORM),
        ({"filters": 4, "use_bias": False}, (9, 14), CONV_AND_NORM - 1),
        ({"filters": 8, "level_change": 1}, (5, 7), 0),
        ({"filters": 4, "level_change": 2}, (3, 4), CONV_AND_NORM),
        ({"filters": 8, "level_change": -1}, (18, 28), 0),
        (
            {"filters": 8, "level_change": 1, "padding": "symmetric"},
            (5, 7),
            0,
        ),
    ],
    ids=str,
)
def test_layer(arguments, size, num_weights):
    check_layer(
        ResampleFeatures,
        arguments,
        input_shape=(3, 9, 14, 8),
        expected_output_shape=(3, *size, arguments["filters"]),
        expected_num_weights=num_weights,
    )


def test_upsampling_repeats_and_crops_at_bottom_and_right():
    # The rule of automl: 6 -> 11 copies the pixels 0,0,1,1,2,2,3,3,4,4,5.
    target = np.zeros((1, 11, 7, 1), "float32")
    x = pixels(6, 4)
    y = to_numpy(ResampleFeatures(1, level_change=-1)(x, target))
    rows = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    columns = [0, 0, 1, 1, 2, 2, 3]
    np.testing.assert_array_equal(y, x[:, rows][:, :, columns])


def test_two_levels_up():
    target = np.zeros((1, 5, 8, 1), "float32")
    x = pixels(2, 2)
    y = to_numpy(ResampleFeatures(1, level_change=-2)(x, target))
    rows, columns = [0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 1, 1, 1]
    np.testing.assert_array_equal(y, x[:, rows][:, :, columns])


@pytest.mark.parametrize(
    "height, arguments, expected",
    [
        # Even sizes: windows of 3 start at 0, 2, 4 and exceed the end.
        (6, {}, [2, 4, 5]),
        # Odd sizes: one row of padding on both sides.
        (5, {}, [1, 3, 4]),
        # As in PyTorch: always one row of padding before the first.
        (6, {"padding": "symmetric"}, [1, 3, 5]),
        # A window of the size of the stride.
        (6, {"pool_size": 2}, [1, 3, 5]),
    ],
)
def test_max_pooling(height, arguments, expected):
    x = pixels(height, 3)[:, :, :1]  # row index times 3
    x = np.repeat(x, 2, axis=2)
    layer = ResampleFeatures(1, level_change=1, **arguments)
    y = to_numpy(layer(x))[0, :, 0, 0]
    np.testing.assert_array_equal(y, 3 * np.array(expected))


def test_padding_of_the_pool_is_minus_infinity():
    layer = ResampleFeatures(1, level_change=1, padding="symmetric")
    y = to_numpy(layer(np.full((1, 4, 6, 1), -7.0, "float32")))
    np.testing.assert_array_equal(y, -7)


def test_one_pixel_remains_one_pixel():
    x = pixels(1, 3)
    assert ResampleFeatures(1, level_change=1)(x).shape == (1, 1, 2, 1)
    target = np.zeros((1, 1, 3, 1), "float32")
    y = to_numpy(ResampleFeatures(1, level_change=-1)(pixels(1, 2), target))
    np.testing.assert_array_equal(y[0, 0, :, 0], [0, 0, 1])


def test_convolution_precedes_the_pool():
    layer = ResampleFeatures(2, level_change=1)
    layer.build((1, 4, 6, 1))
    layer.project.conv.kernel.assign(
        np.array([1, -1], "float32").reshape(1, 1, 1, 2)
    )
    y = to_numpy(layer(pixels(4, 6)))
    # The maximum of negated values is at the first position of the window.
    deviation = np.sqrt(1 + 1e-3)
    np.testing.assert_allclose(y[0, 0, 0] * deviation, [14, 0], rtol=1e-5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "filters=0"),
        ({"filters": 8, "padding": "valid"}, "padding='valid'"),
        (
            {"filters": 8, "level_change": 2, "pool_size": 3},
            "pool_size=3, level_change=2",
        ),
        (
            {
                "filters": 8,
                "level_change": 1,
                "padding": "symmetric",
                "pool_size": 2,
            },
            "one more.*pool_size=2",
        ),
    ],
    ids=str,
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ResampleFeatures(**arguments)


def test_wrong_target_is_an_error():
    layer = ResampleFeatures(1, level_change=-1)
    with pytest.raises(ValueError, match="7 to 8 pixels. Received: 9 pixels"):
        layer(keras.Input((4, 4, 1)), keras.Input((9, 8, 1)))


@pytest.mark.parametrize(
    "arguments, num_weights",
    [({}, 3), ({"use_bias": False, "kernel_size": 5}, 2)],
    ids=str,
)
def test_separable_convolution(arguments, num_weights):
    check_layer(
        SeparableConv2D,
        {"filters": 6, **arguments},
        input_shape=(2, 5, 7, 4),
        expected_output_shape=(2, 5, 7, 6),
        expected_num_weights=num_weights,
    )


def test_separable_convolution_equals_keras():
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 4)).astype("float32")
    ours = SeparableConv2D(6)
    theirs = keras.layers.SeparableConv2D(6, 3, padding="same")
    ours.build(x.shape)
    theirs.build(x.shape)
    rng = np.random.default_rng(1)
    values = [rng.normal(size=w.shape) for w in ours.weights]
    ours.set_weights(values)
    theirs.set_weights(values)
    np.testing.assert_allclose(
        to_numpy(ours(x)), to_numpy(theirs(x)), rtol=1e-4, atol=1e-5
    )
