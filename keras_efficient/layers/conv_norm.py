"""The unit of all networks: convolution, normalization, activation."""

from typing import Any

import keras

from keras_efficient.layers.batch_normalization import BatchNormalization
from keras_efficient.layers.conv2d import Conv2D
from keras_efficient.layers.conv2d import check_padding
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.depthwise_conv2d import DepthwiseConv2D
from keras_efficient.layers.folding import Foldable
from keras_efficient.layers.folding import fold_normalization
from keras_efficient.layers.folding import is_folding
from keras_efficient.layers.image_padding import ImagePadding
from keras_efficient.layers.initializers import conv_kernel_initializer
from keras_efficient.layers.separable_conv2d import SeparableConv2D
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import Initializer
from keras_efficient.types import Padding
from keras_efficient.types import Shape
from keras_efficient.types import Tensor

CONVOLUTIONS = ("regular", "depthwise", "separable")


@keras.saving.register_keras_serializable(package="keras_efficient")
class ConvNorm(Foldable):
    """2D convolution, batch normalization and activation.

    In a network for inference (`model.fused()`) the unit is a single
    convolution with a bias, into which the normalization is folded.

    Args:
        filters: Integer, output filters. Leave it out for a depthwise
            convolution, which keeps the number of channels. Defaults to
            `None`.
        kernel_size: Integer, side of the kernel. Defaults to 1.
        strides: Integer, stride of the convolution. Defaults to 1.
        convolution: String, `"regular"`, `"depthwise"` or `"separable"` (a
            depthwise convolution followed by a 1x1 convolution). Defaults to
            `"regular"`.
        activation: Activation after the normalization. Defaults to `None`.
        use_bias: Boolean, whether the convolution has a bias although a
            normalization follows. Defaults to `False`.
        padding: String, `"same"`, `"valid"` or `"symmetric"`; see `Conv2D`.
            Defaults to `"same"`.
        kernel_initializer: Initializer of the kernels. Defaults to that of
            EfficientNet, a truncated normal distribution with a variance of 2
            over the fan out.
        batch_norm_momentum: Float, fraction of the moving statistics that each
            update keeps. Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or
            `(batch, channels, height, width)` with
            `data_format="channels_first"`.
        training: Boolean, whether the normalization uses the statistics of the
            batch.

    Returns:
        Tensor of shape `(batch, new_height, new_width, filters)`, or with the
        filters second.

    Raises:
        ValueError: If `convolution` or `padding` is unknown, or if `filters`
            does not fit `convolution`.

    Example:
    >>> unit = keras_efficient.layers.ConvNorm(8, 3, 2, activation="swish")
    >>> keras.ops.shape(unit(keras.ops.ones((2, 7, 12, 4))))
    (2, 4, 6, 8)
    """

    def __init__(
        self,
        filters: int | None = None,
        kernel_size: int = 1,
        strides: int = 1,
        *,
        convolution: str = "regular",
        activation: Activation = None,
        use_bias: bool = False,
        padding: Padding = "same",
        kernel_initializer: Initializer = None,
        batch_norm_momentum: float = 0.99,
        batch_norm_epsilon: float = 1e-3,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        if convolution not in CONVOLUTIONS:
            raise ValueError(
                f"`convolution` must be one of {CONVOLUTIONS}. "
                f"Received: convolution={convolution!r}"
            )
        check_padding(padding)
        if (filters is None) != (convolution == "depthwise"):
            raise ValueError(
                "`filters` is required, except for a depthwise convolution, "
                "which keeps the number of channels. Received: "
                f"filters={filters}, convolution={convolution!r}"
            )
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.convolution = convolution
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.padding = padding
        if kernel_initializer is None:
            kernel_initializer = conv_kernel_initializer()
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.batch_norm_momentum = batch_norm_momentum
        self.batch_norm_epsilon = batch_norm_epsilon
        self.data_format = standardize_data_format(data_format)
        self.conv: Any = None
        self.norm: Any = None

    def build(self, input_shape: Shape) -> None:
        """Create the convolution and, unless folded, the normalization."""
        self.folded = is_folding()
        self.conv = self._make_conv("conv", self.use_bias or self.folded)
        self.conv.build(input_shape)
        if not self.folded:
            self.norm = self._make_norm("norm")
            self.norm.build(self.conv.compute_output_shape(input_shape))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Apply convolution, normalization and activation."""
        return self.steps(inputs, training)[-1]

    def steps(
        self, inputs: Tensor, training: bool | None = None
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """Return the tensor after each part, for a layer that contains this.

        Args:
            inputs: As for `call`, already cast.
            training: As for `call`.

        Returns:
            A tuple of the tensors after the convolution (`None` if it is
            folded with the normalization), the normalization and the
            activation.
        """
        # `call`, not `__call__`: this layer has already cast the inputs and
        # opened a scope of its dtype policy, which is that of its parts.
        x = self.conv.call(inputs)
        if self.norm is None:
            return None, x, self.activation(x)
        norm = self.norm.call(x, training=training)
        return x, norm, self.activation(norm)

    def unroll(
        self,
        inputs: Tensor,
        conv_name: str,
        norm_name: str,
        activation_name: str | None = None,
        pad_name: str | None = None,
    ) -> Tensor:
        """Apply the parts as separate layers of a functional model.

        Backbones use it for the layers whose names in `keras.applications`
        are public, such as `"stem_conv"` and `"top_activation"`: code that
        calls `model.get_layer("top_activation")` keeps working.

        Args:
            inputs: `keras.KerasTensor` of the shape that `call` accepts.
            conv_name: String, name of the convolution.
            norm_name: String, name of the batch normalization.
            activation_name: String, name of the activation. Without it no
                activation is applied. Defaults to `None`.
            pad_name: String, name of a layer that adds the zeros around the
                images, so that the convolution adds none. Without it the
                convolution does. Defaults to `None`.

        Returns:
            A `keras.KerasTensor`.
        """
        x, padding = inputs, self.padding
        if pad_name is not None:
            x = ImagePadding(
                self.kernel_size,
                self.strides,
                padding,
                data_format=self.data_format,
                dtype=self.dtype_policy,
                name=pad_name,
            )(x)
            padding = "valid"
        x = self._make_conv(conv_name, self.use_bias, padding)(x)
        x = self._make_norm(norm_name)(x)
        if activation_name is None:
            return x
        layer = keras.layers.Activation(self.activation, name=activation_name)
        return layer(x)

    def fold_from(self, unit: "ConvNorm") -> None:
        """Assign the weights of an unfolded unit to this folded one."""
        fold_normalization(self.conv, unit.conv, unit.norm)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the outputs."""
        conv = self.conv or self._make_conv("conv", self.use_bias)
        return conv.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "kernel_size": self.kernel_size,
                "strides": self.strides,
                "convolution": self.convolution,
                "activation": keras.activations.serialize(self.activation),
                "use_bias": self.use_bias,
                "padding": self.padding,
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
                "batch_norm_momentum": self.batch_norm_momentum,
                "batch_norm_epsilon": self.batch_norm_epsilon,
                "data_format": self.data_format,
            }
        )
        return config

    def _make_conv(
        self, name: str, use_bias: bool, padding: Padding | None = None
    ) -> keras.layers.Layer:
        initializer = self.kernel_initializer.clone()
        shared = {
            "use_bias": use_bias,
            "padding": self.padding if padding is None else padding,
            "data_format": self.data_format,
            "dtype": self.dtype_policy,
            "name": name,
        }
        if self.convolution == "depthwise":
            return DepthwiseConv2D(
                self.kernel_size,
                strides=self.strides,
                depthwise_initializer=initializer,
                **shared,
            )
        conv: Any = Conv2D
        if self.convolution == "separable":
            conv = SeparableConv2D
        return conv(
            self.filters,
            self.kernel_size,
            strides=self.strides,
            kernel_initializer=initializer,
            **shared,
        )

    def _make_norm(self, name: str) -> BatchNormalization:
        return BatchNormalization(
            axis=channel_axis(self.data_format),
            momentum=self.batch_norm_momentum,
            epsilon=self.batch_norm_epsilon,
            dtype=self.dtype_policy,
            name=name,
        )
