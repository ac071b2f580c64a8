"""Features brought to the size and the filters of another level."""

import keras
from keras import ops

from keras_efficient import kernels
from keras_efficient.layers import folding
from keras_efficient.layers.batch_normalization import BatchNormalization
from keras_efficient.layers.conv2d import Conv2D
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.data_format import standardize_data_format


@keras.saving.register_keras_serializable(package="keras_efficient")
class ResampleFeatures(keras.layers.Layer):
    """Takes features to another level of a pyramid, and to other filters.

    1. Where the filters differ, a 1x1 convolution and batch norm;
    2. for a coarser level max pooling, for a finer one every pixel is
       repeated, and what goes beyond the target's size is cut off at the
       bottom and the right, so that odd sizes fit, too.

    Args:
        filters: Integer, output filters.
        level_change: Integer, output level less input level: the image gets
            `2**level_change` times smaller. Defaults to 0.
        pool_size: Integer, side of the pooling window. Defaults to `None`:
            one more than its stride.
        use_bias: Boolean, whether the convolution has a bias, although batch
            norm follows. Defaults to `True`, as in the published weights.
        padding: String, `"same"` or `"symmetric"`, of the pooling; see
            `Conv2D`. Defaults to `"same"`.
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
        inputs: Tensor of shape `(batch, height, width, channels)`, or with
            channels second.
        target: Tensor of the same kind whose height and width the result
            gets when going to a finer level. Defaults to `None`: twice as
            high and wide for each level.
        training: Boolean, whether batch norm uses the batch's statistics.

    Returns:
        Tensor of shape `(batch, new_height, new_width, filters)`, or with the
        filters second.

    Raises:
        ValueError: If a number lies outside its range.

    Example:
    >>> layer = keras_efficient.layers.ResampleFeatures(8, level_change=1)
    >>> keras.ops.shape(layer(keras.ops.ones((2, 9, 14, 8))))
    (2, 5, 7, 8)

    Reference:
        - google/automl, `efficientdet/tf2/efficientdet_keras.py`,
          `ResampleFeatureMap`.
    """

    def __init__(
        self,
        filters,
        level_change=0,
        pool_size=None,
        use_bias=True,
        padding="same",
        batch_norm_momentum=0.99,
        batch_norm_epsilon=1e-3,
        data_format=None,
        fused=False,
        **kwargs,
    ):
        if filters < 1:
            raise ValueError(
                f"`filters` must be at least 1. Received: filters={filters}"
            )
        if padding not in ("same", "symmetric"):
            raise ValueError(
                '`padding` must be "same" or "symmetric". '
                f"Received: padding={padding!r}"
            )
        if pool_size is not None and pool_size < 2 ** max(level_change, 0):
            raise ValueError(
                "`pool_size` must be at least the stride, "
                f"2 ** level_change. Received: pool_size={pool_size}, "
                f"level_change={level_change}"
            )
        window = 2 ** max(level_change, 0) + 1
        if padding == "symmetric" and pool_size not in (None, window):
            raise ValueError(
                '`padding="symmetric"` pools with a window of one more than '
                "its stride only; with others sizes would not be halved and "
                f"rounded up. Received: pool_size={pool_size}"
            )
        super().__init__(**kwargs)
        self.filters = filters
        self.level_change = level_change
        self.pool_size = pool_size
        self.use_bias = use_bias
        self.padding = padding
        self.batch_norm_momentum = batch_norm_momentum
        self.batch_norm_epsilon = batch_norm_epsilon
        self.data_format = standardize_data_format(data_format)
        self.fused = fused
        self.conv = self.bn = None

    def build(self, inputs_shape, target_shape=None):
        axis = channel_axis(self.data_format)
        if inputs_shape[axis] == self.filters:
            return
        self.conv = Conv2D(
            self.filters,
            1,
            use_bias=self.use_bias or self.fused,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="conv",
        )
        self.conv.build(inputs_shape)
        if self.fused:
            return
        self.bn = BatchNormalization(
            axis=axis,
            momentum=self.batch_norm_momentum,
            epsilon=self.batch_norm_epsilon,
            dtype=self.dtype_policy,
            name="bn",
        )
        self.bn.build(self.conv.compute_output_shape(inputs_shape))

    def call(self, inputs, target=None, training=None):
        x = inputs
        if self.conv is not None:
            x = folding.normalized(x, self.conv, self.bn, training)
        if self.level_change > 0:
            return kernels.max_pool(
                x, *self._window(), self.padding, self.data_format
            )
        if self.level_change < 0:
            x = kernels.upsample(x, self._factor(), self.data_format)
            return self._crop(x, target)
        return x

    def fold_from(self, layer):
        """Takes the weights of a layer that is not fused."""
        if self.conv is not None:
            folding.fold(self.conv, layer.conv, layer.bn)

    def compute_output_shape(self, inputs_shape, target_shape=None):
        shape = list(inputs_shape)
        shape[channel_axis(self.data_format)] = self.filters
        for axis in spatial_axes(self.data_format):
            if shape[axis] is None:
                continue
            if self.level_change > 0:
                shape[axis] = kernels.output_size(
                    shape[axis], *self._window(), self.padding
                )
            elif self.level_change < 0:
                size = shape[axis] * self._factor()
                wanted = target_shape[axis] if target_shape else size
                _check_size(wanted, size, self._factor())
                shape[axis] = wanted
        return tuple(shape)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "level_change": self.level_change,
                "pool_size": self.pool_size,
                "use_bias": self.use_bias,
                "padding": self.padding,
                "batch_norm_momentum": self.batch_norm_momentum,
                "batch_norm_epsilon": self.batch_norm_epsilon,
                "data_format": self.data_format,
                "fused": self.fused,
            }
        )
        return config

    def _factor(self):
        return 2 ** abs(self.level_change)

    def _window(self):
        """Side and stride of the pooling window."""
        stride = self._factor()
        return self.pool_size or stride + 1, stride

    def _crop(self, x, target):
        if target is None:
            return x
        height, width = (
            ops.shape(target)[axis] for axis in spatial_axes(self.data_format)
        )
        if self.data_format == "channels_last":
            return x[:, :height, :width]
        return x[:, :, :height, :width]


def _check_size(wanted, size, factor):
    """Refuses a target that is no finer level of the same pyramid."""
    if wanted is not None and not size - factor < wanted <= size:
        raise ValueError(
            "`target` must be of a finer level of the same pyramid: "
            f"{size - factor + 1} to {size} pixels. Received: {wanted} pixels"
        )
