"""Tests for `counting`, by sums done by hand."""

import keras
import numpy as np
import pytest

from keras_efficient import counting
from keras_efficient.layers import MBConvBlock


def model_of(*layers, shape=(9, 14, 4)):
    images = keras.Input(shape)
    x = images
    for layer in layers:
        x = layer(x)
    return keras.Model(images, x)


@pytest.mark.parametrize(
    "layer, expected",
    [
        (keras.layers.Conv2D(8, 3, padding="same"), 9 * 14 * 9 * 4 * 8),
        (keras.layers.Conv2D(8, 3, strides=2), 4 * 6 * 9 * 4 * 8),
        # Two groups: each filter sees half of the channels.
        (keras.layers.Conv2D(8, 1, groups=2), 9 * 14 * 2 * 8),
        (keras.layers.DepthwiseConv2D(5, padding="same"), 9 * 14 * 25 * 4),
        (
            keras.layers.SeparableConv2D(8, 3, padding="same"),
            9 * 14 * (9 * 4 + 4 * 8),
        ),
        # Each pixel of the input is used with the whole kernel.
        (keras.layers.Conv2DTranspose(8, 3, strides=2), 9 * 14 * 9 * 4 * 8),
        (keras.layers.Dense(5), 9 * 14 * 4 * 5),
        (keras.layers.BatchNormalization(), 0),
    ],
)
def test_layers(layer, expected):
    assert counting.count_multiply_adds(model_of(layer)) == expected


def test_channels_first():
    layer = keras.layers.Conv2D(
        8, 3, padding="same", data_format="channels_first"
    )
    images = keras.KerasTensor((None, 4, 9, 14))
    assert layer.compute_output_shape(images.shape) == (None, 8, 9, 14)
    block = MBConvBlock(8, expand_ratio=1, data_format="channels_first")
    model = model_of(block, shape=(4, 9, 14))
    # Depthwise, two gates of one and four filters, projection.
    expected = 9 * 14 * 9 * 4 + 4 * 1 + 1 * 4 + 9 * 14 * 4 * 8
    assert counting.count_multiply_adds(model) == expected


def test_a_layer_that_is_used_twice_counts_twice():
    layer = keras.layers.Conv2D(4, 1, name="shared")
    model = model_of(layer, keras.layers.MaxPooling2D(2), layer)
    counts = counting.count_multiply_adds(model, by_layer=True)
    assert counts == {"shared": (9 * 14 + 4 * 7) * 16}


def test_nested_models_and_order():
    inner = model_of(keras.layers.Conv2D(4, 1, name="inside"))
    model = model_of(
        keras.layers.Conv2D(4, 1, name="before"),
        inner,
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3, name="behind"),
    )
    counts = counting.count_multiply_adds(model, by_layer=True)
    assert list(counts.items()) == [
        ("before", 9 * 14 * 16),
        ("inside", 9 * 14 * 16),
        ("behind", 12),
    ]


def test_sizes_that_vary():
    model = model_of(keras.layers.Conv2D(8, 1), shape=(None, None, 4))
    assert counting.count_multiply_adds(model, (9, 14)) == 9 * 14 * 4 * 8
    with pytest.raises(ValueError, match="pass `image_size`"):
        counting.count_multiply_adds(model)
    fixed = model_of(keras.layers.Conv2D(8, 1))
    with pytest.raises(ValueError, match=r"image_size=\(9, 14\)"):
        counting.count_multiply_adds(fixed, (9, 14))


def test_leaves_the_model_as_it_was():
    model = model_of(keras.layers.Conv2D(8, 3, name="conv"))
    x = np.ones((2, 9, 14, 4), "float32")
    before = model.predict(x, verbose=0)
    counting.count_multiply_adds(model)
    assert "call" not in vars(model.get_layer("conv"))
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)


def test_a_layer_that_is_not_known():
    layer = keras.layers.EinsumDense("abcd,de->abce", (None, None, 5))
    with pytest.raises(NotImplementedError, match="EinsumDense"):
        counting.count_multiply_adds(model_of(layer))


class NotOnMeta(keras.layers.Layer):
    """As layers that PyTorch cannot trace without numbers."""

    def call(self, x):
        if x.device.type == "meta":
            raise NotImplementedError
        return x

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="others trace in one way only"
)
def test_counts_once_where_pytorch_traces_twice():
    model = model_of(keras.layers.Conv2D(8, 1), NotOnMeta())
    assert counting.count_multiply_adds(model) == 9 * 14 * 4 * 8


def test_parameters_count_frozen_weights_and_no_statistics():
    model = model_of(
        keras.layers.Conv2D(8, 3), keras.layers.BatchNormalization()
    )
    assert counting.count_parameters(model) == 9 * 4 * 8 + 8 + 2 * 8
    model.trainable = False
    assert counting.count_parameters(model) == 9 * 4 * 8 + 8 + 2 * 8
