"""Resampling of features between the levels of a pyramid."""

from typing import Any

import keras
from keras import ops

from keras_efficient import kernels
from keras_efficient.layers.conv_norm import ConvNorm
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.folding import Foldable
from keras_efficient.types import DataFormat
from keras_efficient.types import Padding
from keras_efficient.types import Shape
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class ResampleFeatures(Foldable):
    """Resamples features to another pyramid level and number of filters.

    1. If the filters differ: a 1x1 convolution and batch normalization.
    2. To a coarser level: max pooling. To a finer level: nearest-neighbor
       upsampling, cropped at the bottom and the right to the size of the
       target, so that odd sizes match.

    Args:
        filters: Integer, output filters.
        level_change: Integer, output level minus input level: height and
            width are divided by `2**level_change`. Defaults to 0.
        pool_size: Integer, side of the pooling window. Defaults to `None`,
            the stride plus one.
        use_bias: Boolean, whether the convolution has a bias although a batch
            normalization follows. Defaults to `True`, as in the published
            weights.
        padding: String, `"same"` or `"symmetric"`, of the pooling; see
            `Conv2D`. Defaults to `"same"`.
        batch_norm_momentum: Float, fraction of the moving statistics that each
            update keeps. Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or with
            channels second.
        target: Tensor with the height and width of the result when upsampling
            to a finer level. Defaults to `None`: twice the height and width
            for each level.
        training: Boolean, whether batch normalization uses the statistics of
            the batch.

    Returns:
        Tensor of shape `(batch, new_height, new_width, filters)`, or with the
        filters second.

    Raises:
        ValueError: If a number is outside its range.

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
        filters: int,
        level_change: int = 0,
        pool_size: int | None = None,
        use_bias: bool = True,
        padding: Padding = "same",
        batch_norm_momentum: float = 0.99,
        batch_norm_epsilon: float = 1e-3,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
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
                "the stride only; others would not halve sizes and round "
                f"them up. Received: pool_size={pool_size}"
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
        self.project: ConvNorm | None = None

    def build(
        self, inputs_shape: Shape, target_shape: Shape | None = None
    ) -> None:
        """Create the convolution if the number of filters changes."""
        if inputs_shape[channel_axis(self.data_format)] == self.filters:
            return
        self.project = ConvNorm(
            self.filters,
            use_bias=self.use_bias,
            kernel_initializer="glorot_uniform",
            batch_norm_momentum=self.batch_norm_momentum,
            batch_norm_epsilon=self.batch_norm_epsilon,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="project",
        )
        self.project.build(inputs_shape)

    def call(
        self,
        inputs: Tensor,
        target: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor:
        """Change the filters, then the level."""
        x = inputs
        if self.project is not None:
            x = self.project(x, training=training)
        if self.level_change > 0:
            return kernels.max_pool(
                x, *self._window(), self.padding, self.data_format
            )
        if self.level_change < 0:
            x = kernels.upsample(x, self._factor(), self.data_format)
            return self._crop(x, target)
        return x

    def compute_output_shape(
        self, inputs_shape: Shape, target_shape: Shape | None = None
    ) -> Shape:
        """Return the shape of the outputs."""
        shape = list(inputs_shape)
        shape[channel_axis(self.data_format)] = self.filters
        for axis in spatial_axes(self.data_format):
            size = shape[axis]
            if size is None:
                continue
            if self.level_change > 0:
                shape[axis] = kernels.output_size(
                    size, *self._window(), self.padding
                )
            elif self.level_change < 0:
                size = size * self._factor()
                wanted = target_shape[axis] if target_shape else size
                _check_size(wanted, size, self._factor())
                shape[axis] = wanted
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
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
            }
        )
        return config

    def _factor(self) -> int:
        return 2 ** abs(self.level_change)

    def _window(self) -> tuple[int, int]:
        """Return side and stride of the pooling window."""
        stride = self._factor()
        return self.pool_size or stride + 1, stride

    def _crop(self, x: Tensor, target: Tensor | None) -> Tensor:
        if target is None:
            return x
        height, width = (
            ops.shape(target)[axis] for axis in spatial_axes(self.data_format)
        )
        if self.data_format == "channels_last":
            return x[:, :height, :width]
        return x[:, :, :height, :width]


def _check_size(wanted: int | None, size: int, factor: int) -> None:
    """Raise an error if a target is not a finer level of the same pyramid."""
    if wanted is not None and not size - factor < wanted <= size:
        raise ValueError(
            "`target` must be a finer level of the same pyramid, with "
            f"{size - factor + 1} to {size} pixels. Received: {wanted} pixels"
        )
