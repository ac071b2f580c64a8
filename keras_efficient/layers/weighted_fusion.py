"""Fusion of features of the same shape with learned weights."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.folding import Foldable
from keras_efficient.layers.folding import is_folding
from keras_efficient.layers.host_initialization import HostInitialization
from keras_efficient.types import DataFormat
from keras_efficient.types import Shape
from keras_efficient.types import Tensor

CHANNEL_PREFIX = "channel_"
_METHODS = ("fast_normalized", "softmax", "unbounded")
WEIGHT_METHODS = (
    *_METHODS,
    "sum",
    *(f"{CHANNEL_PREFIX}{method}" for method in _METHODS),
)


@keras.saving.register_keras_serializable(package="keras_efficient")
class WeightedFusion(HostInitialization, Foldable):
    """Sums tensors of the same shape, each times a trainable weight.

    | `weight_method` | each input is multiplied by |
    |---|---|
    | `"fast_normalized"` | `relu(w) / (sum of all relu(w) + epsilon)` |
    | `"softmax"` | softmax over all `w` |
    | `"unbounded"` | `w` |
    | `"sum"` | 1; the layer has no weights |

    With the prefix `"channel_"` each channel has its own weights. The initial
    value of all weights is 1.

    Args:
        weight_method: String, a method of the table. Defaults to
            `"fast_normalized"`.
        epsilon: Float, added to the denominator of `"fast_normalized"`.
            Defaults to 1e-4.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: List of tensors of the same shape, `(batch, height, width,
            channels)` or with channels second.

    Returns:
        Tensor of the shape of each input.

    Raises:
        ValueError: If `weight_method` is unknown or the shapes differ.

    Example:
    >>> fusion = keras_efficient.layers.WeightedFusion()
    >>> ones = keras.ops.ones((1, 2, 3, 4))
    >>> fused = keras.ops.convert_to_numpy(fusion([2 * ones, 6 * ones]))
    >>> round(float(fused[0, 0, 0, 0]), 4)
    3.9998

    Reference:
        - [Tan et al., 2020, section 3.3](https://arxiv.org/abs/1911.09070).
    """

    def __init__(
        self,
        weight_method: str = "fast_normalized",
        epsilon: float = 1e-4,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        if weight_method not in WEIGHT_METHODS:
            raise ValueError(
                f"`weight_method` must be one of {WEIGHT_METHODS}. "
                f"Received: weight_method={weight_method!r}"
            )
        super().__init__(**kwargs)
        self.weight_method = weight_method
        self.epsilon = epsilon
        self.data_format = standardize_data_format(data_format)
        self.fusion_weights: keras.Variable | None = None

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Create the weights of the inputs."""
        self.folded = is_folding()
        shape = _common_shape(input_shape)
        if self.weight_method == "sum":
            return
        weight_shape: list[int | None] = [len(input_shape)]
        if self.weight_method.startswith(CHANNEL_PREFIX):
            weight_shape.append(shape[channel_axis(self.data_format)])
        self.fusion_weights = self.add_weight(
            shape=weight_shape, initializer="ones", name="fusion_weights"
        )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the weighted sum."""
        if self.weight_method == "sum":
            weighted = inputs
        else:
            # Normalized in float32, because half precision cannot represent
            # `epsilon`.
            weights = ops.cast(self.normalized_weights(), self.compute_dtype)
            if len(weights.shape) == 2:
                shape = [len(inputs), 1, 1, 1]
                shape[channel_axis(self.data_format)] = weights.shape[1]
                weights = ops.reshape(weights, shape)
            weighted = [x * weights[i] for i, x in enumerate(inputs)]
        total = weighted[0]
        for x in weighted[1:]:
            total = total + x
        return total

    def fold_from(self, fusion: "WeightedFusion") -> None:
        """Assign the normalized weights of an unfolded layer."""
        if self.fusion_weights is not None:
            values = ops.convert_to_numpy(fusion.normalized_weights())
            self.fusion_weights.assign(values)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the shape of the outputs."""
        return _common_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        config.update(
            {
                "weight_method": self.weight_method,
                "epsilon": self.epsilon,
                "data_format": self.data_format,
            }
        )
        return config

    def normalized_weights(self) -> Tensor:
        """Return the factors of the inputs, in the dtype of the weights."""
        weights = ops.convert_to_tensor(self.fusion_weights)
        if self.folded:
            return weights
        method = self.weight_method.removeprefix(CHANNEL_PREFIX)
        if method == "fast_normalized":
            weights = ops.relu(weights)
            weights = weights / (ops.sum(weights, axis=0) + self.epsilon)
        elif method == "softmax":
            weights = ops.softmax(weights, axis=0)
        return weights


def _common_shape(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of all inputs, with every size known of any of them."""
    is_list = len(shapes) > 0 and isinstance(shapes[0], tuple | list)
    if is_list and len({len(shape) for shape in shapes}) == 1:
        sizes = [
            {size for size in axis if size}
            for axis in zip(*shapes, strict=True)
        ]
        if all(len(known) <= 1 for known in sizes):
            return tuple(next(iter(known), None) for known in sizes)
    raise ValueError(
        "`WeightedFusion` requires a list of tensors of the same shape. "
        f"Received shapes: {shapes}"
    )
