"""The block that EfficientNet's stages are made of."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_efficient.layers.conv_norm import ConvNorm
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import channels_of
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.folding import Foldable
from keras_efficient.layers.image_padding import ImagePadding
from keras_efficient.layers.remat import rematerializable
from keras_efficient.layers.squeeze_excite import SqueezeExcite
from keras_efficient.layers.stochastic_depth import StochasticDepth
from keras_efficient.layers.traced_call import traced_outputs
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import Padding
from keras_efficient.types import Shape
from keras_efficient.types import Tensor

# Names of the parts in `keras.applications`, in the order of computation.
EXPAND = ("expand_conv", "expand_bn", "expand_activation")
DEPTHWISE = ("dwconv", "bn", "activation")
SQUEEZE_EXCITE = (
    "se_squeeze",
    "se_reshape",
    "se_reduce",
    "se_expand",
    "se_excite",
)
# The last one, after an activation that does nothing, has no name there.
PROJECT = ("project_conv", "project_bn", "")


@keras.saving.register_keras_serializable(package="keras_efficient")
class MBConvBlock(Foldable):
    """Mobile inverted bottleneck: expand, depthwise, squeeze-excite, project.

    1. 1x1 convolution to `expand_ratio` times the filters (absent at 1), batch
       normalization, activation;
    2. depthwise convolution, batch normalization, activation;
    3. squeeze-and-excitation (absent at `se_ratio=0`);
    4. 1x1 convolution to `filters`, batch normalization, no activation;
    5. if the shape is unchanged, stochastic depth and the sum with the input.

    Args:
        filters: Integer, output filters.
        kernel_size: Integer, side of the depthwise kernel. Defaults to 3.
        strides: Integer, stride of the depthwise convolution. Defaults to 1.
        expand_ratio: Number, inner filters over input filters, at least 1.
            Defaults to 6.
        se_ratio: Float in `[0, 1]`, squeeze filters over the *input* filters of
            the block; 0 disables squeeze-and-excitation. Defaults to 0.25.
        use_residual: Boolean, whether to add the input if the shape is
            unchanged. Defaults to `True`.
        activation: Activation of steps 1 to 3. Defaults to `"swish"`.
        drop_connect_rate: Float in `[0, 1)`, probability of dropping the
            residual branch of a sample during training; see
            `StochasticDepth`. Defaults to 0.
        padding: String, `"same"`, `"valid"` or `"symmetric"`, of the
            depthwise convolution; see `Conv2D`. Defaults to `"same"`.
        batch_norm_momentum: Float, fraction of the moving statistics that each
            update keeps. Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or with
            channels second.
        training: Boolean, whether batch normalization uses the statistics of
            the batch and stochastic depth is active.
        taps: Sequence of names of parts, such as `"expand_activation"`; see
            `part_names`. Defaults to none.

    Returns:
        Tensor of shape `(batch, new_height, new_width, filters)`, or with the
        filters second. Sizes are divided by `strides` and rounded up. With
        `taps`, a list of this tensor and the output of each of these parts.

    Raises:
        ValueError: If a number is outside its range, or the block has no
            such part.

    Example:
    >>> block = keras_efficient.layers.MBConvBlock(24, strides=2)
    >>> keras.ops.shape(block(keras.ops.ones((2, 9, 14, 16))))
    (2, 5, 7, 24)

    Reference:
        - [Sandler et al., 2018](https://arxiv.org/abs/1801.04381), with
          squeeze-and-excitation as in `tensorflow/tpu`,
          `efficientnet_model.py`.
    """

    # Set by `GraphModel.set_remat`.
    remat = False

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        strides: int = 1,
        expand_ratio: float = 6,
        se_ratio: float = 0.25,
        use_residual: bool = True,
        activation: Activation = "swish",
        drop_connect_rate: float = 0.0,
        padding: Padding = "same",
        batch_norm_momentum: float = 0.99,
        batch_norm_epsilon: float = 1e-3,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        _check_at_least_one(
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            expand_ratio=expand_ratio,
        )
        if not 0 <= se_ratio <= 1:
            raise ValueError(
                f"`se_ratio` must be in [0, 1]. Received: se_ratio={se_ratio}"
            )
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.expand_ratio = expand_ratio
        self.se_ratio = se_ratio
        self.use_residual = use_residual
        self.activation = keras.activations.get(activation)
        self.drop_connect_rate = drop_connect_rate
        self.padding = padding
        self.batch_norm_momentum = batch_norm_momentum
        self.batch_norm_epsilon = batch_norm_epsilon
        self.data_format = standardize_data_format(data_format)
        self.expand: ConvNorm | None = None
        self.depthwise = self._conv_norm(
            kernel_size=kernel_size,
            strides=strides,
            convolution="depthwise",
            activation=self.activation,
            padding=padding,
            name="depthwise",
        )
        self.squeeze_excite: SqueezeExcite | None = None
        self.project = self._conv_norm(filters, name="project")
        self.stochastic_depth = StochasticDepth(
            drop_connect_rate, dtype=self.dtype_policy, name="stochastic_depth"
        )

    def build(self, input_shape: Shape) -> None:
        """Create the layers whose filters depend on those of the input."""
        input_filters = channels_of(input_shape, self.data_format)
        self.has_residual = self._adds_input(input_filters)
        if self.expand_ratio != 1:
            self.expand = self._make_expand(input_filters)
        if self.se_ratio:
            self.squeeze_excite = self._make_squeeze_excite(input_filters)
        steps = (
            self.expand,
            self.depthwise,
            self.squeeze_excite,
            self.project,
            self.stochastic_depth,
        )
        shape = input_shape
        for layer in steps:
            if layer is not None:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)

    @rematerializable
    def call(
        self,
        inputs: Tensor,
        training: bool | None = None,
        taps: Sequence[str] = (),
    ) -> Any:
        """Expand, filter, weigh the channels, project and add the input."""
        tapped: dict[str, Tensor | None] = {}
        x = inputs
        if self.expand is not None:
            x = self._step(EXPAND, self.expand, x, training, taps, tapped)
        if "dwconv_pad" in taps:
            tapped["dwconv_pad"] = self._padding("dwconv_pad")(x)
        x = self._step(DEPTHWISE, self.depthwise, x, training, taps, tapped)
        if self.squeeze_excite is not None:
            x = self._squeeze(self.squeeze_excite, x, taps, tapped)
        x = self._step(PROJECT, self.project, x, training, taps, tapped)
        if self.has_residual:
            x = self.stochastic_depth(x, training=training)
            tapped["drop"] = x
            x = inputs + x
            tapped["add"] = x
        if not taps:
            return x
        self._check_taps(taps, tapped)
        return [x, *(tapped[name] for name in taps)]

    def compute_output_spec(
        self,
        inputs: Tensor,
        training: bool | None = None,
        taps: Sequence[str] = (),
    ) -> Any:
        """Return symbolic outputs, one more for each tap."""
        if not taps:
            return super().compute_output_spec(inputs, training=training)
        call = functools.partial(self.call, training=training, taps=taps)
        return traced_outputs(call, inputs)

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts of this block, in the order of computation."""
        names: list[str] = []
        if self.expand is not None:
            names += EXPAND
        if self.strides > 1:
            names.append("dwconv_pad")
        names += DEPTHWISE
        if self.squeeze_excite is not None:
            names += SQUEEZE_EXCITE
        names += PROJECT[:-1]
        if self.has_residual:
            names += ["drop", "add"] if self.drop_connect_rate else ["add"]
        return tuple(names)

    def unroll(self, inputs: Tensor) -> Tensor:
        """Apply the parts as separate layers of a functional model.

        Their names and their order are those of `keras.applications`, such as
        `"block2a_expand_conv"` for a block named `"block2a"`. The block itself
        gets no weights.

        Args:
            inputs: `keras.KerasTensor` of the shape that `call` accepts.

        Returns:
            A `keras.KerasTensor`.
        """
        prefix = f"{self.name}_"
        x = inputs
        filters = channels_of(inputs.shape, self.data_format)
        if self.expand_ratio != 1:
            unit = self._make_expand(filters)
            x = unit.unroll(x, *(prefix + name for name in EXPAND))
        conv, norm, activation = (prefix + name for name in DEPTHWISE)
        pad = f"{prefix}dwconv_pad" if self.strides > 1 else None
        x = self.depthwise.unroll(x, conv, norm, activation, pad)
        if self.se_ratio:
            x = self._make_squeeze_excite(filters).unroll(x, prefix)
        x = self.project.unroll(x, *(prefix + name for name in PROJECT[:-1]))
        if not self._adds_input(filters):
            return x
        dtype = self.dtype_policy
        if self.drop_connect_rate:
            x = StochasticDepth(
                self.drop_connect_rate, dtype=dtype, name=f"{prefix}drop"
            )(x)
        return keras.layers.Add(dtype=dtype, name=f"{prefix}add")([x, inputs])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the outputs."""
        shape = list(self.depthwise.compute_output_shape(input_shape))
        shape[channel_axis(self.data_format)] = self.filters
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "kernel_size": self.kernel_size,
                "strides": self.strides,
                "expand_ratio": self.expand_ratio,
                "se_ratio": self.se_ratio,
                "use_residual": self.use_residual,
                "activation": keras.activations.serialize(self.activation),
                "drop_connect_rate": self.drop_connect_rate,
                "padding": self.padding,
                "batch_norm_momentum": self.batch_norm_momentum,
                "batch_norm_epsilon": self.batch_norm_epsilon,
                "data_format": self.data_format,
            }
        )
        return config

    def _step(
        self,
        names: Sequence[str],
        unit: ConvNorm,
        inputs: Tensor,
        training: bool | None,
        taps: Sequence[str],
        tapped: dict[str, Tensor | None],
    ) -> Tensor:
        """Apply a unit, and record what is inside it if that is tapped."""
        if set(names).isdisjoint(taps):
            return unit(inputs, training=training)
        steps = unit.steps(inputs, training)
        tapped.update(zip(names, steps, strict=True))
        return steps[-1]

    def _squeeze(
        self,
        unit: SqueezeExcite,
        inputs: Tensor,
        taps: Sequence[str],
        tapped: dict[str, Tensor | None],
    ) -> Tensor:
        if set(SQUEEZE_EXCITE).isdisjoint(taps):
            return unit(inputs)
        means, *others = unit.steps(inputs)
        pooled = ops.squeeze(means, spatial_axes(self.data_format))
        steps = (pooled, means, *others)
        tapped.update(zip(SQUEEZE_EXCITE, steps, strict=True))
        return steps[-1]

    def _check_taps(
        self, taps: Sequence[str], tapped: dict[str, Tensor | None]
    ) -> None:
        for name in taps:
            if name not in tapped:
                raise ValueError(
                    f"The block {self.name!r} has no part {name!r}. Its parts "
                    f"are {self.part_names}."
                )
            if tapped[name] is None:
                raise ValueError(
                    f"The block {self.name!r} has no tensor {name!r} between "
                    "convolution and normalization, because it is fused. Use "
                    "the model before `fused()`, or the normalization's output."
                )

    def _adds_input(self, input_filters: int) -> bool:
        return (
            self.use_residual
            and self.strides == 1
            and self.padding != "valid"
            and input_filters == self.filters
        )

    def _make_expand(self, input_filters: int) -> ConvNorm:
        return self._conv_norm(
            int(input_filters * self.expand_ratio),
            activation=self.activation,
            name="expand",
        )

    def _make_squeeze_excite(self, input_filters: int) -> SqueezeExcite:
        return SqueezeExcite(
            max(1, int(input_filters * self.se_ratio)),
            activation=self.activation,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="squeeze_excite",
        )

    def _padding(self, name: str) -> ImagePadding:
        return ImagePadding(
            self.kernel_size,
            self.strides,
            self.padding,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )

    def _conv_norm(self, filters: int | None = None, **kwargs: Any) -> ConvNorm:
        return ConvNorm(
            filters,
            batch_norm_momentum=self.batch_norm_momentum,
            batch_norm_epsilon=self.batch_norm_epsilon,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            **kwargs,
        )


def _check_at_least_one(**numbers: float) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={number}"
            )
