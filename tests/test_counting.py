"""Tests for `counting`, compared with sums computed by hand."""

import keras
import numpy as np
import pytest
from keras import ops

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
        # Each pixel of the input is multiplied by the entire kernel.
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


def test_does_not_change_the_model():
    model = model_of(keras.layers.Conv2D(8, 3, name="conv"))
    x = np.ones((2, 9, 14, 4), "float32")
    before = model.predict(x, verbose=0)
    counting.count_multiply_adds(model)
    assert "call" not in vars(model.get_layer("conv"))
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)


class Bilinear(keras.layers.Layer):
    """A layer that `counting` does not know."""

    def build(self, input_shape):
        size = input_shape[-1]
        self.form = self.add_weight(shape=(size, size))

    def call(self, x):
        return ops.sum(x * ops.matmul(x, self.form), axis=-1)


def test_unknown_layer():
    model = model_of(Bilinear(), shape=(7, 4))
    with pytest.raises(NotImplementedError, match="Bilinear.*counters="):
        counting.count_multiply_adds(model)

    def count(layer, input_shape, output_shape):
        assert (input_shape, output_shape) == ((1, 7, 4), (1, 7))
        return 7 * 4 * 4 + 7 * 4

    counters = {Bilinear: count}
    assert counting.count_multiply_adds(model, counters=counters) == 140


@pytest.mark.parametrize(
    "layer, expected",
    [
        (keras.layers.EinsumDense("abc,cd->abd", (None, 5)), 6 * 4 * 5),
        (keras.layers.EinsumDense("...c,cde->...de", (5, 3)), 6 * 60),
        (keras.layers.LSTM(5), 6 * (4 * 20 + 5 * 20)),
        (keras.layers.GRU(5, return_sequences=True), 6 * (4 * 15 + 5 * 15)),
        (keras.layers.SimpleRNN(5), 6 * (4 * 5 + 5 * 5)),
        (
            keras.layers.Bidirectional(keras.layers.LSTM(5)),
            2 * 6 * (4 * 20 + 5 * 20),
        ),
        (keras.layers.TimeDistributed(keras.layers.Dense(3)), 6 * 4 * 3),
        (keras.layers.Conv1D(8, 3, padding="same"), 6 * 3 * 4 * 8),
        (keras.layers.LayerNormalization(axis=(1, 2)), 0),
        (keras.layers.PReLU(), 0),
    ],
)
def test_layers_of_sequences(layer, expected):
    assert counting.count_multiply_adds(model_of(layer, shape=(6, 4))) == (
        expected
    )


def test_attention():
    query, value = keras.Input((6, 8)), keras.Input((9, 8))
    layer = keras.layers.MultiHeadAttention(2, key_dim=3)
    model = keras.Model([query, value], layer(query, value))
    projections = 6 * 8 * 6 + 9 * 8 * 6 + 9 * 8 * 6 + 6 * 6 * 8
    products = 2 * 6 * 9 * (3 + 3)
    assert counting.count_multiply_adds(model) == projections + products
    dot = keras.layers.Attention()([query, value])
    model = keras.Model([query, value], dot)
    assert counting.count_multiply_adds(model) == 6 * 9 * 16


def test_products_between_layers():
    a, b = keras.Input((6, 8)), keras.Input((8, 5))
    matmul = keras.Model([a, b], a @ b)
    assert counting.count_multiply_adds(matmul) == 6 * 8 * 5
    einsum = keras.Model([a, b], ops.einsum("bij,bjk->bik", a, b))
    assert counting.count_multiply_adds(einsum) == 6 * 8 * 5
    images = keras.Input((9, 14, 4))
    kernel = np.ones((3, 3, 4, 8), "float32")
    model = keras.Model(images, ops.conv(images, kernel, padding="same"))
    assert counting.count_multiply_adds(model) == 9 * 14 * 9 * 4 * 8


def test_embeddings_are_looked_up():
    tokens = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(100, 8)(tokens)
    model = keras.Model(tokens, keras.layers.Dense(3)(x))
    assert counting.count_multiply_adds(model) == 6 * 8 * 3


def test_sequential_models():
    model = keras.Sequential(
        [keras.Input((9, 14, 4)), keras.layers.Conv2D(8, 1)]
    )
    assert counting.count_multiply_adds(model) == 9 * 14 * 4 * 8


class NotOnMeta(keras.layers.Layer):
    """A layer that PyTorch cannot trace without values."""

    def call(self, x):
        if x.device.type == "meta":
            raise NotImplementedError
        return x

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="others trace in one way only"
)
def test_layers_that_pytorch_traces_twice_count_once():
    model = model_of(keras.layers.Conv2D(8, 1), NotOnMeta())
    assert counting.count_multiply_adds(model) == 9 * 14 * 4 * 8


def test_parameters_include_frozen_weights_without_statistics():
    model = model_of(
        keras.layers.Conv2D(8, 3), keras.layers.BatchNormalization()
    )
    assert counting.count_parameters(model) == 9 * 4 * 8 + 8 + 2 * 8
    by_layer = counting.count_parameters(model, by_layer=True)
    assert list(by_layer.values()) == [9 * 4 * 8 + 8, 2 * 8]
    model.trainable = False
    assert counting.count_parameters(model) == 9 * 4 * 8 + 8 + 2 * 8
