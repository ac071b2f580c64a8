"""Kernels for TensorFlow: fused batch normalization and frozen functions.

One fused kernel replaces the moments and elementwise steps of Keras: a training
step of B0 takes three quarters of the time. In a frozen function the weights
are constants, whose memory layout TensorFlow optimizes once.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_efficient.internals import tensorflow_internals
from keras_efficient.kernels.default import DefaultKernels
from keras_efficient.kernels.default import Strides
from keras_efficient.types import DataFormat
from keras_efficient.types import Padding
from keras_efficient.types import Tensor

FUSED_DTYPES = ("float16", "bfloat16", "float32")


class TensorFlowKernels(DefaultKernels):
    """Operations that TensorFlow fuses; compiled functions are frozen."""

    HOLDS_VALUES = True

    def conv(
        self,
        inputs: Tensor,
        kernel: Tensor,
        bias: Tensor | None,
        strides: Strides,
        padding: Padding,
        data_format: DataFormat,
    ) -> Tensor:
        """Return a convolution whose bias TensorFlow fuses with it."""
        return _with_fused_bias(
            super().conv, inputs, kernel, bias, strides, padding, data_format
        )

    def depthwise_conv(
        self,
        inputs: Tensor,
        kernel: Tensor,
        bias: Tensor | None,
        strides: Strides,
        padding: Padding,
        data_format: DataFormat,
    ) -> Tensor:
        """Return a depthwise convolution with which the bias is fused."""
        return _with_fused_bias(
            super().depthwise_conv,
            inputs,
            kernel,
            bias,
            strides,
            padding,
            data_format,
        )

    def batch_norm(
        self,
        inputs: Tensor,
        mean: Tensor,
        variance: Tensor,
        gamma: Tensor,
        beta: Tensor,
        axis: int,
        epsilon: float,
    ) -> Tensor:
        """Normalize by given statistics, with one kernel if possible."""
        if not _is_fusible(inputs, axis):
            return super().batch_norm(
                inputs, mean, variance, gamma, beta, axis, epsilon
            )
        outputs, _, _ = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            _as_float32(gamma),
            _as_float32(beta),
            _as_float32(mean),
            _as_float32(variance),
            epsilon=epsilon,
            is_training=False,
        )
        return outputs

    def batch_norm_training(
        self,
        inputs: Tensor,
        gamma: Tensor,
        beta: Tensor,
        axis: int,
        epsilon: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Normalize by the statistics of the batch, with one kernel."""
        if not _is_fusible(inputs, axis):
            return super().batch_norm_training(
                inputs, gamma, beta, axis, epsilon
            )
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            _as_float32(gamma),
            _as_float32(beta),
            epsilon=epsilon,
            is_training=True,
        )
        # The variance of TensorFlow is divided by count - 1, that of Keras by
        # count.
        shape = tf.shape(inputs, out_type=tf.int64)
        count = tf.cast(tf.reduce_prod(shape[:-1]), variance.dtype)
        return outputs, mean, variance * (count - 1) / count

    def compile_function(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Tensor],
        variables: Sequence[keras.Variable],
        has_loop: bool,
    ) -> Callable[..., Any]:
        """Return a graph with the present values of variables as constants."""
        del variables, has_loop
        specs = [
            tf.TensorSpec(
                x.shape, tf.as_dtype(getattr(x.dtype, "name", x.dtype))
            )
            for x in inputs
        ]
        traced = tf.function(function, autograph=False)
        traced = traced.get_concrete_function(*specs)
        structure = traced.structured_outputs
        frozen = tensorflow_internals.freeze(traced)

        def run(*arrays: Tensor) -> Any:
            tensors = [
                tf.convert_to_tensor(array, spec.dtype)
                for array, spec in zip(arrays, specs, strict=True)
            ]
            return tf.nest.pack_sequence_as(structure, frozen(*tensors))

        return run

    def fingerprint(self, variables: Sequence[keras.Variable]) -> object:
        """Return weighted sums of the values.

        TensorFlow does not record that a variable has changed, in particular
        not inside a graph.
        """
        return tuple(_weighted_sums([v.value for v in variables]).numpy())


@tf.function(autograph=False, reduce_retracing=False)
def _weighted_sums(values: list[Tensor]) -> Tensor:
    """Return a sum for each tensor in which every place weighs differently."""
    size = max([value.shape.num_elements() for value in values], default=0)
    # Irregular, never 0, and of both signs.
    weights = tf.math.cos(tf.range(size, dtype=tf.float32) * 0.7 + 0.1)
    sums = []
    for value in values:
        flat = tf.cast(tf.reshape(value, [-1]), tf.float32)
        sums.append(tf.tensordot(flat, weights[: flat.shape[0]], 1))
    return tf.stack(sums) if sums else tf.zeros([0])


def _with_fused_bias(
    convolution: Callable[..., Tensor],
    inputs: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    strides: Strides,
    padding: Padding,
    data_format: DataFormat,
) -> Tensor:
    """Return a convolution, with the bias as an operation of TensorFlow."""
    if bias is None or data_format != "channels_last":
        return convolution(inputs, kernel, bias, strides, padding, data_format)
    outputs = convolution(inputs, kernel, None, strides, padding, data_format)
    return tf.nn.bias_add(outputs, tf.cast(bias, outputs.dtype))


def _is_fusible(inputs: Tensor, axis: int) -> bool:
    return (
        len(inputs.shape) == 4
        and axis in (-1, 3)
        and inputs.dtype.name in FUSED_DTYPES
    )


def _as_float32(tensor: Tensor) -> Tensor:
    return tf.cast(tf.convert_to_tensor(tensor), tf.float32)
