"""Tests for the kernels of each backend against NumPy, through the layers."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_efficient import kernels
from keras_efficient.kernels import DefaultKernels
from keras_efficient.layers import BatchNormalization
from keras_efficient.layers import Conv2D
from keras_efficient.layers import DepthwiseConv2D
from tests.harness import check_layer
from tests.harness import to_numpy

FORMATS = ("channels_last", "channels_first")
CASES = list(
    itertools.product((1, 3, 5), (1, 2), ("same", "valid", "symmetric"))
)


def padded_for(x, kernel_size, stride, padding):
    """Pad height and width by the rules of TensorFlow or PyTorch."""
    pads = [(0, 0)]
    for size in x.shape[1:3]:
        total = {
            "valid": 0,
            "symmetric": 2 * ((kernel_size - 1) // 2),
            "same": max(
                (-(-size // stride) - 1) * stride + kernel_size - size, 0
            ),
        }[padding]
        pads.append((total // 2, total - total // 2))
    return np.pad(x, [*pads, (0, 0)])


def conv_by_hand(x, kernel, stride, padding):
    """Convolve in float64; a depthwise kernel is `(k, k, channels, 1)`."""
    size = kernel.shape[0]
    x = padded_for(x.astype("float64"), size, stride, padding)
    rows = (x.shape[1] - size) // stride + 1
    columns = (x.shape[2] - size) // stride + 1
    is_depthwise = kernel.shape[-1] == 1
    outputs = np.zeros((len(x), rows, columns, max(kernel.shape[2:])))
    for i, j in itertools.product(range(rows), range(columns)):
        y, z = i * stride, j * stride
        patch = x[:, y : y + size, z : z + size]
        if is_depthwise:
            outputs[:, i, j] = (patch * kernel[..., 0]).sum(axis=(1, 2))
        else:
            outputs[:, i, j] = np.tensordot(patch, kernel, 3)
    return outputs


def moved(x, data_format):
    return x if data_format == "channels_last" else np.moveaxis(x, -1, 1)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("kernel_size, stride, padding", CASES)
@pytest.mark.parametrize("is_depthwise", [True, False])
def test_convolutions(kernel_size, stride, padding, is_depthwise, data_format):
    rng = np.random.default_rng(kernel_size)
    x = rng.normal(size=(2, 8, 11, 4)).astype("float32")
    if is_depthwise:
        layer = DepthwiseConv2D(
            kernel_size,
            strides=stride,
            padding=padding,
            data_format=data_format,
        )
        shape = (kernel_size, kernel_size, 4, 1)
    else:
        layer = Conv2D(
            6, kernel_size, stride, padding=padding, data_format=data_format
        )
        shape = (kernel_size, kernel_size, 4, 6)
    kernel = rng.normal(size=shape)
    bias = rng.normal(size=4 if is_depthwise else 6)
    inputs = moved(x, data_format)
    layer.build(inputs.shape)
    layer.set_weights([kernel, bias])
    expected = conv_by_hand(x, kernel, stride, padding) + bias
    outputs = to_numpy(layer(inputs))
    assert outputs.shape == tuple(layer.compute_output_shape(inputs.shape))
    np.testing.assert_allclose(
        outputs, moved(expected, data_format), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("layer_cls", [Conv2D, DepthwiseConv2D])
def test_layers(layer_cls):
    check_layer(
        layer_cls,
        {"filters": 6, "kernel_size": 3}
        if layer_cls is Conv2D
        else {"kernel_size": 3},
        input_shape=(2, 7, 10, 4),
        expected_output_shape=(2, 7, 10, 6 if layer_cls is Conv2D else 4),
        expected_num_weights=2,
    )


def test_options_without_a_kernel_run_as_in_keras():
    arguments = {"dilation_rate": 2, "padding": "same"}
    x = np.random.default_rng(0).normal(size=(2, 9, 12, 4)).astype("float32")
    for ours, theirs in [
        (
            Conv2D(6, 3, dilation_rate=2, groups=2),
            keras.layers.Conv2D(
                6, 3, dilation_rate=2, groups=2, padding="same"
            ),
        ),
        (
            DepthwiseConv2D(3, depth_multiplier=2, **arguments),
            keras.layers.DepthwiseConv2D(3, depth_multiplier=2, **arguments),
        ),
    ]:
        ours.build(x.shape)
        theirs.build(x.shape)
        theirs.set_weights(ours.get_weights())
        np.testing.assert_allclose(
            to_numpy(ours(x)), to_numpy(theirs(x)), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("training", [True, False])
def test_batch_normalization_equals_keras(axis, training):
    rng = np.random.default_rng(2)
    x = rng.normal(3.0, 2.0, size=(3, 4, 6, 5)).astype("float32")
    channels = x.shape[axis]
    values = [rng.uniform(0.5, 1.5, channels) for _ in range(4)]
    outputs, statistics = [], []
    for cls in (BatchNormalization, keras.layers.BatchNormalization):
        layer = cls(axis=axis, momentum=0.7, epsilon=0.01)
        layer.build(x.shape)
        layer.set_weights(values)
        outputs.append(to_numpy(layer(x, training=training)))
        statistics.append([to_numpy(w) for w in layer.non_trainable_weights])
    np.testing.assert_allclose(*outputs, rtol=1e-4, atol=1e-5)
    # With 72 or 90 values, dividing the variance by count - 1 would fail.
    np.testing.assert_allclose(*statistics, rtol=1e-5)
    if training:
        mean = x.mean(axis=tuple(i for i in range(4) if i != axis % 4))
        expected = 0.7 * values[2] + 0.3 * mean
        np.testing.assert_allclose(statistics[0][0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [{"scale": False}, {"center": False}, {"renorm": True}],
    ids=str,
)
def test_batch_normalization_takes_all_options_of_keras(arguments):
    x = np.random.default_rng(0).normal(size=(4, 3, 5, 2)).astype("float32")
    results = []
    for cls in (BatchNormalization, keras.layers.BatchNormalization):
        layer = cls(**arguments)
        results.append(to_numpy(layer(x, training=True)))
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


def test_batch_normalization_layer():
    check_layer(
        BatchNormalization,
        {},
        input_shape=(4, 5, 7, 3),
        expected_output_shape=(4, 5, 7, 3),
        expected_num_weights=4,
    )


def gradient(function, x):
    """Return d sum(function(x) * constants) / dx on any backend."""
    fixed = np.random.default_rng(9).normal(
        size=ops.shape(function(ops.convert_to_tensor(x)))
    )
    fixed = ops.convert_to_tensor(fixed.astype("float32"))

    def total(x):
        return ops.sum(function(x) * fixed)

    if keras.backend.backend() == "jax":
        import jax

        return to_numpy(jax.grad(total)(ops.convert_to_tensor(x)))
    if keras.backend.backend() == "torch":
        x = ops.convert_to_tensor(x).detach().requires_grad_()
        total(x).backward()
        return to_numpy(x.grad)
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = total(x)
    return to_numpy(tape.gradient(value, x))


@pytest.mark.parametrize("stride, padding", [(1, "same"), (2, "symmetric")])
def test_depthwise_gradients_equal_those_of_keras_ops(stride, padding):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(2, 8, 11, 3)).astype("float32")
    kernel = rng.normal(size=(5, 5, 3, 1)).astype("float32")
    arguments = (None, (stride, stride), padding, "channels_last")
    ours, reference = kernels.depthwise_conv, DefaultKernels().depthwise_conv
    tensor, images = ops.convert_to_tensor(kernel), ops.convert_to_tensor(x)
    np.testing.assert_allclose(
        gradient(lambda x: ours(x, tensor, *arguments), x),
        gradient(lambda x: reference(x, tensor, *arguments), x),
        rtol=1e-4,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        gradient(lambda k: ours(images, k, *arguments), kernel),
        gradient(lambda k: reference(images, k, *arguments), kernel),
        rtol=1e-4,
        atol=1e-4,
    )


def test_batch_norm_gradients_equal_those_of_keras_ops():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(3, 4, 6, 5)).astype("float32")
    gamma, beta = (
        ops.convert_to_tensor(np.full(5, v, "float32")) for v in (1.5, 0.2)
    )

    def outputs(kernel):
        return lambda x: kernel(x, gamma, beta, -1, 0.01)[0]

    np.testing.assert_allclose(
        gradient(outputs(kernels.batch_norm_training), x),
        gradient(outputs(DefaultKernels().batch_norm_training), x),
        rtol=1e-3,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "size, kernel_size, stride, padding, expected",
    [
        (225, 3, 2, "same", 113),
        (224, 5, 2, "same", 112),
        (224, 5, 2, "symmetric", 112),
        (225, 5, 2, "symmetric", 113),
        (10, 3, 2, "valid", 4),
        (None, 3, 2, "same", None),
    ],
)
def test_output_size(size, kernel_size, stride, padding, expected):
    assert kernels.output_size(size, kernel_size, stride, padding) == expected


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("padding", ["same", "valid", "symmetric"])
@pytest.mark.parametrize(
    "size, stride", [(3, 2), (2, 2), (5, 4), (3, 1), (4, 2)]
)
def test_max_pool_equals_keras_ops(size, stride, padding, data_format):
    if padding == "symmetric" and size % 2 == 0:
        pytest.skip("symmetric padding requires odd windows")
    rng = np.random.default_rng(size)
    # All below 0, so that a padded zero would be the maximum.
    for height, width in ((8, 11), (9, 12), (13, 7)):
        x = -1 - rng.random((2, height, width, 3)).astype("float32")
        x = ops.convert_to_tensor(moved(x, data_format))
        arguments = (size, stride, padding, data_format)
        if keras.backend.backend() == "tensorflow":
            if data_format == "channels_first":
                pytest.skip("TensorFlow pools on a CPU with channels last only")
        np.testing.assert_array_equal(
            to_numpy(kernels.max_pool(x, *arguments)),
            to_numpy(DefaultKernels().max_pool(x, *arguments)),
        )


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("factor", [2, 4])
def test_upsample_repeats_pixels(factor, data_format):
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    expected = x.repeat(factor, axis=1).repeat(factor, axis=2)
    outputs = kernels.upsample(
        ops.convert_to_tensor(moved(x, data_format)), factor, data_format
    )
    np.testing.assert_array_equal(
        to_numpy(outputs), moved(expected, data_format)
    )


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("size", [(8, 11), (9, 10), (8, 10)])
@pytest.mark.parametrize("is_depthwise", [True, False])
def test_compiled_convolutions(size, is_depthwise, data_format):
    """On PyTorch, with kernels rearranged while they are recorded."""
    if keras.backend.backend() == "tensorflow":
        if data_format == "channels_first":
            pytest.skip("TensorFlow has no such convolutions on a CPU")
    rng = np.random.default_rng(0)
    x = moved(rng.normal(size=(2, *size, 4)).astype("float32"), data_format)
    for kernel_size, stride in ((3, 2), (5, 2), (3, 1), (1, 1)):
        arguments = {"activation": "swish", "data_format": data_format}
        arguments["bias_initializer"] = keras.initializers.Constant(0.5)
        if is_depthwise:
            layer = DepthwiseConv2D(kernel_size, strides=stride, **arguments)
        else:
            layer = Conv2D(6, kernel_size, strides=stride, **arguments)
        expected = to_numpy(layer(x))
        run = kernels.compile_function(layer, [x], layer.variables, False)
        for _ in range(2):
            np.testing.assert_allclose(
                to_numpy(run(x)), expected, rtol=1e-4, atol=1e-5
            )


def test_while_loop_stops_when_the_condition_fails():
    """PyTorch runs several steps at once; those past the end do nothing."""
    limits = ops.convert_to_tensor(np.array([3.0, 7.0], "float32"))

    def condition(limits, i, sums):
        return ops.any(sums < limits)

    def step(limits, i, sums):
        return i + 1, ops.where(sums < limits, sums + 1.0, sums)

    state = (ops.convert_to_tensor(0, "int32"), ops.zeros((2,)))
    if keras.backend.backend() == "torch":
        import torch

        with torch.no_grad():
            _, sums = kernels.while_loop(condition, step, (limits,), state)
    else:
        _, sums = kernels.while_loop(condition, step, (limits,), state)
    assert to_numpy(sums).tolist() == [3.0, 7.0]
