"""Squeeze-and-excitation: attention over channels."""

from typing import Any

import keras
from keras import ops

from keras_efficient.layers.composite import Composite
from keras_efficient.layers.conv2d import Conv2D
from keras_efficient.layers.data_format import channels_of
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.initializers import conv_kernel_initializer
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import Shape
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class SqueezeExcite(Composite):
    """Multiplies each channel by a gate computed from the means of all.

    The means over height and width pass a 1x1 convolution to
    `squeeze_filters`, `activation`, a 1x1 convolution back and
    `gate_activation`; the inputs are multiplied by the result.

    Args:
        squeeze_filters: Integer, filters between the two convolutions. In
            EfficientNet it is a quarter of the input filters of the *block*.
        activation: Activation after the first convolution. Defaults to
            `"swish"`.
        gate_activation: Activation after the second convolution. Defaults to
            `"sigmoid"`.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or with
            channels second.

    Returns:
        Tensor of the shape of `inputs`.

    Raises:
        ValueError: If `squeeze_filters` is below 1.

    Example:
    >>> layer = keras_efficient.layers.SqueezeExcite(4)
    >>> keras.ops.shape(layer(keras.ops.ones((2, 5, 7, 16))))
    (2, 5, 7, 16)

    Reference:
        - [Hu et al., 2018](https://arxiv.org/abs/1709.01507).
    """

    def __init__(
        self,
        squeeze_filters: int,
        activation: Activation = "swish",
        gate_activation: Activation = "sigmoid",
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        if squeeze_filters < 1:
            raise ValueError(
                "`squeeze_filters` must be at least 1. "
                f"Received: squeeze_filters={squeeze_filters}"
            )
        super().__init__(**kwargs)
        self.squeeze_filters = squeeze_filters
        self.activation = keras.activations.get(activation)
        self.gate_activation = keras.activations.get(gate_activation)
        self.data_format = standardize_data_format(data_format)

    def build(self, input_shape: Shape) -> None:
        """Create both convolutions."""
        channels = channels_of(input_shape, self.data_format)
        self.reduce_conv = self._conv(
            self.squeeze_filters, self.activation, "reduce_conv"
        )
        self.expand_conv = self._conv(
            channels, self.gate_activation, "expand_conv"
        )
        squeezed_shape = self._pooled_shape(input_shape, channels)
        self.reduce_conv.build(squeezed_shape)
        self.expand_conv.build(
            self.reduce_conv.compute_output_shape(squeezed_shape)
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Multiply the channels by their gates."""
        return self.steps(inputs)[-1]

    def steps(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the tensor after each part, for a layer that contains this.

        Args:
            inputs: As for `call`, already cast.

        Returns:
            A tuple of the means, the tensors after both convolutions and the
            outputs.
        """
        axes = spatial_axes(self.data_format)
        means = ops.mean(inputs, axis=axes, keepdims=True)
        reduced = self.reduce_conv(means)
        gates = self.expand_conv(reduced)
        return means, reduced, gates, inputs * gates

    def unroll(self, inputs: Tensor, prefix: str) -> Tensor:
        """Apply the parts as separate layers of a functional model.

        Args:
            inputs: `keras.KerasTensor` of the shape that `call` accepts.
            prefix: String, with which the names of the layers begin.

        Returns:
            A `keras.KerasTensor`.
        """
        shared = {"dtype": self.dtype_policy}
        channels = channels_of(inputs.shape, self.data_format)
        x = keras.layers.GlobalAveragePooling2D(
            data_format=self.data_format, name=f"{prefix}se_squeeze", **shared
        )(inputs)
        x = keras.layers.Reshape(
            self._pooled_shape((None, channels), channels)[1:],
            name=f"{prefix}se_reshape",
            **shared,
        )(x)
        x = self._conv(
            self.squeeze_filters, self.activation, f"{prefix}se_reduce"
        )(x)
        x = self._conv(channels, self.gate_activation, f"{prefix}se_expand")(x)
        multiply = keras.layers.Multiply(name=f"{prefix}se_excite", **shared)
        return multiply([inputs, x])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the outputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        config.update(
            {
                "squeeze_filters": self.squeeze_filters,
                "activation": keras.activations.serialize(self.activation),
                "gate_activation": keras.activations.serialize(
                    self.gate_activation
                ),
                "data_format": self.data_format,
            }
        )
        return config

    def _conv(self, filters: int, activation: Activation, name: str) -> Conv2D:
        return Conv2D(
            filters,
            1,
            activation=activation,
            kernel_initializer=conv_kernel_initializer(),
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )

    def _pooled_shape(self, input_shape: Shape, channels: int) -> Shape:
        if self.data_format == "channels_last":
            return (input_shape[0], 1, 1, channels)
        return (input_shape[0], channels, 1, 1)
