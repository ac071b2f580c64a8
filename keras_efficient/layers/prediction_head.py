"""The convolutions that predict, the same ones at every level."""

import keras
from keras import ops

from keras_efficient.layers import folding
from keras_efficient.layers.batch_normalization import BatchNormalization
from keras_efficient.layers.conv2d import Conv2D
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.initializers import head_kernel_initializer
from keras_efficient.layers.remat import rematerializable
from keras_efficient.layers.separable_conv2d import SeparableConv2D


@keras.saving.register_keras_serializable(package="keras_efficient")
class PredictionHead(keras.layers.Layer):
    """Predicts some numbers for each anchor at each place of each level.

    `repeats` times a 3x3 convolution, batch norm and activation, then one
    more convolution. All levels share the convolutions; each has batch norms
    of its own.

    Args:
        units: Integer, numbers predicted for each anchor: the classes, or 4
            for boxes.
        num_anchors: Integer, anchors at each place. Defaults to 9.
        filters: Integer, filters of the convolutions. Defaults to 64.
        repeats: Integer, convolutions before the predicting one. Defaults to
            3.
        min_level: Integer, finest level. Defaults to 3.
        max_level: Integer, coarsest level. Defaults to 7.
        activation: Activation after each norm. Defaults to `"swish"`.
        use_separable_conv: Boolean, whether the convolutions are depthwise
            ones and 1x1 ones. Defaults to `True`.
        bias_initializer: Initializer of the predictor's bias. Defaults to
            `"zeros"`.
        use_bias: Boolean, whether the other convolutions have a bias,
            although batch norm follows. Defaults to `True`, as in the
            published weights.
        padding: String, `"same"` or `"symmetric"`. Defaults to `"same"`.
        batch_norm_momentum: Float, share of the old statistics that is kept.
            Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        fused: Boolean, whether the layer is one for inference, whose
            convolutions have taken batch norm in; see `GraphModel.fused`.
            Defaults to `False`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        features: Dict of a tensor for each level, `{"P3": tensor, ...}`, of
            shape `(batch, height, width, channels)` or with channels second,
            all with the same channels.
        training: Boolean, whether batch norm uses the batch's statistics.

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
        units,
        num_anchors=9,
        filters=64,
        repeats=3,
        min_level=3,
        max_level=7,
        activation="swish",
        use_separable_conv=True,
        bias_initializer="zeros",
        use_bias=True,
        padding="same",
        batch_norm_momentum=0.99,
        batch_norm_epsilon=1e-3,
        data_format=None,
        fused=False,
        **kwargs,
    ):
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
        self.fused = fused
        self.levels = [f"P{level}" for level in range(min_level, max_level + 1)]
        self._make_layers()

    def _make_layers(self):
        # The convolutions of a level, then its norms; fused, each level has
        # convolutions of its own, as each has norms of its own.
        self.convs = [
            self._conv(f"conv{i}", self.filters, self.use_bias, "zeros")
            for i in range(self.repeats if not self.fused else 0)
        ]
        self.level_convs = {
            level: [
                self._conv(
                    f"conv{i}_{level.lower()}", self.filters, True, "zeros"
                )
                for i in range(self.repeats)
            ]
            for level in (self.levels if self.fused else ())
        }
        self.bns = {
            level: [
                self._batch_norm(f"bn{i}_{level.lower()}")
                for i in range(self.repeats)
            ]
            for level in (() if self.fused else self.levels)
        }
        self.predictor = self._conv(
            "predictor",
            self.num_anchors * self.units,
            use_bias=True,
            bias_initializer=self.bias_initializer,
        )

    def build(self, features_shape):
        self._check_levels(features_shape)
        axis = channel_axis(self.data_format)
        channels = {features_shape[level][axis] for level in self.levels}
        if len(channels) > 1:
            raise ValueError(
                "`PredictionHead` shares its convolutions over all levels, "
                "which must have as many channels each. Received shapes: "
                f"{features_shape}"
            )
        for level in self.levels:
            shape = list(features_shape[level])
            for conv, bn in self._convs_of(level):
                if not conv.built:
                    conv.build(tuple(shape))
                shape[axis] = self.filters
                if bn is not None:
                    bn.build(tuple(shape))
        self.predictor.build(tuple(shape))

    @rematerializable
    def call(self, features, training=None):
        self._check_levels(features)
        return ops.concatenate(
            [
                self._predict(features[level], level, training)
                for level in self.levels
            ],
            axis=1,
        )

    def compute_output_shape(self, features_shape):
        places = 0
        axes = spatial_axes(self.data_format)
        for level in self.levels:
            sizes = [features_shape[level][axis] for axis in axes]
            if None in sizes or places is None:
                places = None
            else:
                places += sizes[0] * sizes[1]
        batch = features_shape[self.levels[0]][0]
        anchors = None if places is None else places * self.num_anchors
        return (batch, anchors, self.units)

    def get_config(self):
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
                "fused": self.fused,
            }
        )
        return config

    def fold_from(self, head):
        """Takes the weights of a head that is not fused."""
        for level in self.levels:
            for conv, (source, bn) in zip(
                self.level_convs[level], head._convs_of(level), strict=True
            ):
                folding.fold(conv, source, bn)
        folding.copy_weights(self.predictor, head.predictor)

    def _convs_of(self, level):
        """Pairs of a convolution and its norm, which may be `None`."""
        if self.fused:
            return [(conv, None) for conv in self.level_convs[level]]
        return list(zip(self.convs, self.bns[level], strict=True))

    def _predict(self, x, level, training):
        """The numbers of one level, (batch, anchors, units)."""
        for conv, bn in self._convs_of(level):
            x = self.activation(folding.normalized(x, conv, bn, training))
        x = self.predictor(x)
        if self.data_format == "channels_first":
            x = ops.transpose(x, (0, 2, 3, 1))
        height, width = ops.shape(x)[1:3]
        shape = (-1, height * width * self.num_anchors, self.units)
        return ops.reshape(x, shape)

    def _check_levels(self, features):
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

    def _conv(self, name, filters, use_bias, bias_initializer):
        conv = SeparableConv2D if self.use_separable_conv else Conv2D
        return conv(
            filters,
            3,
            use_bias=use_bias,
            padding=self.padding,
            kernel_initializer=head_kernel_initializer(self.use_separable_conv),
            bias_initializer=bias_initializer,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )

    def _batch_norm(self, name):
        return BatchNormalization(
            axis=channel_axis(self.data_format),
            momentum=self.batch_norm_momentum,
            epsilon=self.batch_norm_epsilon,
            dtype=self.dtype_policy,
            name=name,
        )
