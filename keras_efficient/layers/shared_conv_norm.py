"""A convolution that several levels share, each with its own normalization."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_efficient.layers.conv_norm import ConvNorm
from keras_efficient.layers.folding import fold_normalization
from keras_efficient.layers.folding import is_folding
from keras_efficient.types import Shape
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class SharedConvNorm(ConvNorm):
    """`ConvNorm` whose convolution is shared by the levels of a pyramid.

    Each level has a batch normalization of its own, as in the heads of
    EfficientDet. Folded, each level therefore has a convolution of its own.

    Args:
        levels: Sequence of strings, names of the levels.
        filters: See `ConvNorm`.
        kernel_size: See `ConvNorm`.
        strides: See `ConvNorm`.
        **kwargs: Further arguments of `ConvNorm`.

    Call arguments:
        inputs: Tensor, as for `ConvNorm`.
        level: String, the level of `inputs`.
        training: Boolean, whether the normalization uses the statistics of the
            batch.

    Returns:
        Tensor, as `ConvNorm` returns it.

    Example:
    >>> unit = keras_efficient.layers.SharedConvNorm(["P3", "P4"], 8, 3)
    >>> unit.build((None, None, None, 4))
    >>> x = keras.ops.ones((2, 5, 7, 4))
    >>> keras.ops.shape(unit(x, level="P4"))
    (2, 5, 7, 8)
    """

    def __init__(
        self,
        levels: Sequence[str],
        filters: int | None = None,
        kernel_size: int = 1,
        strides: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, strides, **kwargs)
        self.levels = tuple(levels)
        self.level_convs: dict[str, keras.layers.Layer] = {}
        self.norms: dict[str, keras.layers.Layer] = {}

    def build(self, input_shape: Shape) -> None:
        """Create the convolution and the normalization of each level."""
        self.folded = is_folding()
        if self.folded:
            self.level_convs = {
                level: self._make_conv(f"conv_{level.lower()}", True)
                for level in self.levels
            }
            for conv in self.level_convs.values():
                conv.build(input_shape)
            return
        self.conv = self._make_conv("conv", self.use_bias)
        self.conv.build(input_shape)
        self.norms = {
            level: self._make_norm(f"norm_{level.lower()}")
            for level in self.levels
        }
        for norm in self.norms.values():
            norm.build(self.conv.compute_output_shape(input_shape))

    def call(  # type: ignore[override]  # One more argument, the level.
        self, inputs: Tensor, level: str, training: bool | None = None
    ) -> Tensor:
        """Apply the convolution and the normalization of a level."""
        if self.folded:
            return self.activation(self.level_convs[level].call(inputs))
        x = self.conv.call(inputs)
        x = self.norms[level].call(x, training=training)
        return self.activation(x)

    def fold_from(self, unit: "SharedConvNorm") -> None:
        """Assign the weights of an unfolded unit to this folded one."""
        for level, conv in self.level_convs.items():
            fold_normalization(conv, unit.conv, unit.norms[level])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "levels": self.levels}
