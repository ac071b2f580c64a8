"""The head that predicts classes or boxes at all levels of a pyramid."""

from typing import Any

import keras
from keras import ops

from keras_efficient.layers.conv2d import Conv2D
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.folding import Foldable
from keras_efficient.layers.initializers import head_kernel_initializer
from keras_efficient.layers.remat import rematerializable
from keras_efficient.layers.separable_conv2d import SeparableConv2D
from keras_efficient.layers.shared_conv_norm import SharedConvNorm
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import Initializer
from keras_efficient.types import Padding
from keras_efficient.types import Shape
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class PredictionHead(Foldable):
    """Predicts numbers for each anchor at each position of each level.

    A 3x3 convolution, batch normalization and activation, `repeats` times,
    are followed by the convolution that predicts. All levels share the
    convolutions; each level has its own batch normalization.

    Args:
        units: Integer, numbers predicted for each anchor: the number of
            classes, or 4 for boxes.
        num_anchors: Integer, anchors at each position. Defaults to 9.
        filters: Integer, filters of the convolutions. Defaults to 64.
        repeats: Integer, convolutions before the predicting one. Defaults to
            3.
        min_level: Integer, finest level. Defaults to 3.
        max_level: Integer, coarsest level. Defaults to 7.
        activation: Activation after each normalization. Defaults to `"swish"`.
        use_separable_conv: Boolean, whether the convolutions are separable
            (depthwise and 1x1). Defaults to `True`.
        bias_initializer: Initializer of the bias of the predicting
            convolution. Defaults to `"zeros"`.
        use_bias: Boolean, whether the other convolutions have a bias although
            a batch normalization follows. Defaults to `True`, as in the
            published weights.
        padding: String, `"same"` or `"symmetric"`. Defaults to `"same"`.
        batch_norm_momentum: Float, fraction of the moving statistics that each
            update keeps. Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        features: Dict of one tensor for each level, `{"P3": tensor, ...}`, of
            shape `(batch, height, width, channels)` or with channels second,
            all with the same number of channels.
        training: Boolean, whether batch normalization uses the statistics of
            the batch.

    Returns:
        Tensor of shape `(batch, all_anchors, units)`, in the order level,
        row, column, anchor.

    Raises:
        ValueError: If a number is below 1 (`repeats`: 0), or a level is
            missing.

    Example:
    >>> head = keras_efficient.layers.PredictionHead(4, max_level=4)
    >>> features = {
    ...     "P3": keras.ops.ones((2, 8, 12, 64)),
    ...     "P4": keras.ops.ones((2, 4, 6, 64)),
    ... }
    >>> tuple(head(features).shape)  # (8 * 12 + 4 * 6) * 9
    (2, 1080, 4)

    Reference:
        - google/automl, `efficientdet/tf2/efficientdet_keras.py`, `ClassNet`
          and `BoxNet`.
    """

    # Set by `GraphModel.set_remat`.
    remat = False

    def __init__(
        self,
        units: int,
        num_anchors: int = 9,
        filters: int = 64,
        repeats: int = 3,
        min_level: int = 3,
        max_level: int = 7,
        activation: Activation = "swish",
        use_separable_conv: bool = True,
        bias_initializer: Initializer = "zeros",
        use_bias: bool = True,
        padding: Padding = "same",
        batch_norm_momentum: float = 0.99,
        batch_norm_epsilon: float = 1e-3,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        for argument, number, least in (
            ("units", units, 1),
            ("num_anchors", num_anchors, 1),
            ("filters", filters, 1),
            ("repeats", repeats, 0),
        ):
            if not isinstance(number, int) or number < least:
                raise ValueError(
                    f"`{argument}` must be an integer of at least {least}. "
                    f"Received: {argument}={number!r}"
                )
        super().__init__(**kwargs)
        self.units = units
        self.num_anchors = num_anchors
        self.filters = filters
        self.repeats = repeats
        self.min_level = min_level
        self.max_level = max_level
        self.activation = keras.activations.get(activation)
        self.use_separable_conv = use_separable_conv
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.use_bias = use_bias
        self.padding = padding
        self.batch_norm_momentum = batch_norm_momentum
        self.batch_norm_epsilon = batch_norm_epsilon
        self.data_format = standardize_data_format(data_format)
        self.levels = [f"P{level}" for level in range(min_level, max_level + 1)]
        self.conv_norms = [self._conv_norm(f"conv{i}") for i in range(repeats)]
        conv = SeparableConv2D if use_separable_conv else Conv2D
        self.predictor = conv(
            num_anchors * units,
            3,
            padding=padding,
            kernel_initializer=head_kernel_initializer(use_separable_conv),
            bias_initializer=self.bias_initializer,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="predictor",
        )

    def build(self, features_shape: dict[str, Shape]) -> None:
        """Create the weights of the convolutions and normalizations."""
        self._check_levels(features_shape)
        axis = channel_axis(self.data_format)
        channels = {features_shape[level][axis] for level in self.levels}
        if len(channels) > 1:
            raise ValueError(
                "`PredictionHead` shares its convolutions between all levels, "
                "which must have the same number of channels. Received "
                f"shapes: {features_shape}"
            )
        shape = features_shape[self.levels[0]]
        for layer in self.conv_norms:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.predictor.build(shape)

    @rematerializable
    def call(
        self, features: dict[str, Tensor], training: bool | None = None
    ) -> Tensor:
        """Predict for the anchors of all levels."""
        self._check_levels(features)
        return ops.concatenate(
            [
                self._predict(features[level], level, training)
                for level in self.levels
            ],
            axis=1,
        )

    def compute_output_shape(self, features_shape: dict[str, Shape]) -> Shape:
        """Return the shape of the outputs."""
        axes = spatial_axes(self.data_format)
        sizes = [
            features_shape[level][axis]
            for level in self.levels
            for axis in axes
        ]
        batch = features_shape[self.levels[0]][0]
        known = [size for size in sizes if size is not None]
        if len(known) < len(sizes):
            return (batch, None, self.units)
        pairs = zip(known[::2], known[1::2], strict=True)
        positions = sum(height * width for height, width in pairs)
        return (batch, positions * self.num_anchors, self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        config.update(
            {
                "units": self.units,
                "num_anchors": self.num_anchors,
                "filters": self.filters,
                "repeats": self.repeats,
                "min_level": self.min_level,
                "max_level": self.max_level,
                "activation": keras.activations.serialize(self.activation),
                "use_separable_conv": self.use_separable_conv,
                "bias_initializer": keras.initializers.serialize(
                    self.bias_initializer
                ),
                "use_bias": self.use_bias,
                "padding": self.padding,
                "batch_norm_momentum": self.batch_norm_momentum,
                "batch_norm_epsilon": self.batch_norm_epsilon,
                "data_format": self.data_format,
            }
        )
        return config

    def _predict(self, x: Tensor, level: str, training: bool | None) -> Tensor:
        """Return the predictions of one level, (batch, anchors, units)."""
        for layer in self.conv_norms:
            x = layer(x, level=level, training=training)
        x = self.predictor(x)
        if self.data_format == "channels_first":
            x = ops.transpose(x, (0, 2, 3, 1))
        height, width = ops.shape(x)[1:3]
        shape = (-1, height * width * self.num_anchors, self.units)
        return ops.reshape(x, shape)

    def _check_levels(self, features: dict[str, Any]) -> None:
        if not isinstance(features, dict) or set(features) != set(self.levels):
            received = (
                sorted(features)
                if isinstance(features, dict)
                else type(features).__name__
            )
            raise ValueError(
                "`PredictionHead` takes a dict of one tensor for each of the "
                f"levels {self.levels}. Received: {received}"
            )

    def _conv_norm(self, name: str) -> SharedConvNorm:
        return SharedConvNorm(
            self.levels,
            self.filters,
            3,
            convolution="separable" if self.use_separable_conv else "regular",
            activation=self.activation,
            use_bias=self.use_bias,
            padding=self.padding,
            kernel_initializer=head_kernel_initializer(self.use_separable_conv),
            batch_norm_momentum=self.batch_norm_momentum,
            batch_norm_epsilon=self.batch_norm_epsilon,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )
