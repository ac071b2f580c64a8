"""Tests for the `ImageNormalization` layer."""

import keras
import numpy as np
import pytest

from keras_efficient.layers import ImageNormalization
from tests.harness import check_config
from tests.harness import check_layer
from tests.harness import to_numpy


def test_config():
    check_config(
        ImageNormalization,
        mean=(0.1, 0.2, 0.3),
        std=(0.5, 0.6, 0.7),
        reverse_channels=True,
        data_format="channels_first",
    )


def test_layer():
    check_layer(
        ImageNormalization,
        {},
        input_shape=(2, 5, 7, 3),
        expected_output_shape=(2, 5, 7, 3),
        expected_num_weights=2,
    )


def test_normalizes_with_the_statistics_of_imagenet():
    pixels = np.array([255.0, 0.0, 127.5], "float32").reshape(1, 1, 1, 3)
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.5 - 0.406) / 0.225]
    normalized = to_numpy(ImageNormalization()(pixels)).ravel()
    np.testing.assert_allclose(normalized, expected, rtol=1e-5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_reverses_the_order_of_channels(data_format):
    layer = ImageNormalization(
        (0.0, 0.5, 0.2),
        (1.0, 0.5, 0.1),
        reverse_channels=True,
        data_format=data_format,
    )
    pixels = np.array([255.0, 0.0, 51.0], "float32")
    shape = (1, 1, 1, 3) if data_format == "channels_last" else (1, 3, 1, 1)
    # (0.2 - 0.2) / 0.1, (0 - 0.5) / 0.5, (1 - 0) / 1.
    blue_first = to_numpy(layer(pixels.reshape(shape))).ravel()
    np.testing.assert_allclose(blue_first, [0.0, -1.0, 1.0], atol=1e-6)


def test_accepts_integers():
    pixels = np.arange(24, dtype="uint8").reshape(1, 2, 4, 3) * 10
    layer = ImageNormalization()
    np.testing.assert_allclose(
        to_numpy(layer(pixels)),
        to_numpy(layer(pixels.astype("float32"))),
        rtol=1e-6,
    )


def test_other_numbers_of_channels_use_the_mean():
    layer = ImageNormalization()
    layer.build((None, 5, 7, 1))
    mean, std = (to_numpy(weight) for weight in layer.weights)
    np.testing.assert_allclose(mean, [(0.485 + 0.456 + 0.406) / 3], rtol=1e-6)
    np.testing.assert_allclose(std, [(0.229 + 0.224 + 0.225) / 3], rtol=1e-6)


def test_mean_and_std_are_saved_with_the_weights():
    layer = ImageNormalization()
    layer.build((None, 5, 7, 3))
    assert not layer.trainable_weights
    layer.set_weights([np.full(3, 0.5), np.full(3, 0.25)])
    white = to_numpy(layer(np.full((1, 1, 1, 3), 255.0)))
    np.testing.assert_allclose(white, 2.0)


def test_normalizes_in_float32_under_mixed_precision():
    pixels = np.full((1, 2, 3, 3), 200.3, "float32")
    exact = to_numpy(ImageNormalization()(pixels))
    half = ImageNormalization(dtype="mixed_bfloat16")(pixels)
    rounded = to_numpy(
        keras.ops.cast(keras.ops.cast(exact, "bfloat16"), "float32")
    )
    np.testing.assert_array_equal(
        to_numpy(keras.ops.cast(half, "float32")), rounded
    )


@pytest.mark.parametrize(
    "mean, std", [((0.1,), (0.1, 0.2)), ((0.1,), (0.0,)), ((), ())]
)
def test_invalid_statistics_are_an_error(mean, std):
    with pytest.raises(ValueError, match="same length.*Received"):
        ImageNormalization(mean, std)
