"""The zeros around images that a convolution would add, as a layer."""

from typing import Any

import keras
from keras import ops

from keras_efficient import kernels
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.types import DataFormat
from keras_efficient.types import Padding
from keras_efficient.types import Shape
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class ImagePadding(keras.layers.Layer):
    """Adds the zeros of a convolution, which then has `padding="valid"`.

    Networks of `keras.applications` have such layers before convolutions with
    strides. Here they are correct for images of any size, also if the size is
    not known when the model is built.

    Args:
        kernel_size: Integer, side of the kernel.
        strides: Integer, stride of the convolution. Defaults to 1.
        padding: String, `"same"`, `"valid"` or `"symmetric"`; see `Conv2D`.
            Defaults to `"same"`.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or with
            channels second.

    Returns:
        Tensor of shape `(batch, new_height, new_width, channels)`, or with
        channels second.

    Example:
    >>> layer = keras_efficient.layers.ImagePadding(5, strides=2)
    >>> keras.ops.shape(layer(keras.ops.ones((2, 7, 12, 4))))
    (2, 11, 15, 4)
    """

    def __init__(
        self,
        kernel_size: int,
        strides: int = 1,
        padding: Padding = "same",
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.data_format = standardize_data_format(data_format)

    def call(self, inputs: Tensor) -> Tensor:
        """Add zeros around the images."""
        sizes = ops.shape(inputs)
        pairs: list[tuple[int, int]] = [(0, 0)] * 4
        cuts = [slice(None)] * 4
        for axis in spatial_axes(self.data_format):
            if isinstance(sizes[axis], int):
                pairs[axis] = self._amounts(sizes[axis])
                continue
            # In a TensorFlow graph for images of any size: the most that any
            # size needs, then without what this size does not need.
            before, after = self._amounts(self.strides * self.kernel_size + 1)
            size = sizes[axis]
            first, last = self._excess(size, before, after)
            pairs[axis] = before, after
            cuts[axis] = slice(first, size + before + after - last)
        return ops.pad(inputs, pairs)[tuple(cuts)]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the outputs."""
        shape = list(input_shape)
        for axis in spatial_axes(self.data_format):
            size = shape[axis]
            if size is not None:
                before, after = self._amounts(size)
                shape[axis] = size + before + after
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        config.update(
            {
                "kernel_size": self.kernel_size,
                "strides": self.strides,
                "padding": self.padding,
                "data_format": self.data_format,
            }
        )
        return config

    def _excess(self, size: Any, before: int, after: int) -> tuple[Any, Any]:
        """Return how much less than `before` and `after` a size needs."""
        if self.padding != "same":
            return 0, 0
        remainder = (size - 1) % self.strides + 1
        total = ops.maximum(self.kernel_size - remainder, 0)
        return before - total // 2, after - (total - total // 2)

    def _amounts(self, size: int) -> tuple[int, int]:
        return kernels.padding_amounts(
            size, self.kernel_size, self.strides, self.padding
        )
