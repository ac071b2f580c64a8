"""Fusion of features of one shape by learned weights."""

import keras
from keras import ops

from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.folding import Foldable
from keras_efficient.layers.folding import is_folding
from keras_efficient.layers.host_initialization import HostInitialization

CHANNEL_PREFIX = "channel_"
_METHODS = ("fast_normalized", "softmax", "unbounded")
WEIGHT_METHODS = (
    *_METHODS,
    "sum",
    *(f"{CHANNEL_PREFIX}{method}" for method in _METHODS),
)


@keras.saving.register_keras_serializable(package="keras_efficient")
class WeightedFusion(HostInitialization, Foldable):
    """Sums tensors of one shape, each times a weight that learns.

    | `weight_method` | each input is multiplied by |
    |---|---|
    | `"fast_normalized"` | its `relu(w)` over the sum of all plus `epsilon` |
    | `"softmax"` | its share of the softmax over all `w` |
    | `"unbounded"` | its `w` |
    | `"sum"` | 1; nothing learns |

    With `"channel_"` before the method each channel has weights of its own.
    All weights begin at 1.

    Args:
        weight_method: String, one of the table. Defaults to
            `"fast_normalized"`.
        epsilon: Float, keeps the fast normalized sum from 0. Defaults to
            1e-4.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: List of tensors of one shape, `(batch, height, width,
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
        weight_method="fast_normalized",
        epsilon=1e-4,
        data_format=None,
        **kwargs,
    ):
        if weight_method not in WEIGHT_METHODS:
            raise ValueError(
                f"`weight_method` must be one of {WEIGHT_METHODS}. "
                f"Received: weight_method={weight_method!r}"
            )
        super().__init__(**kwargs)
        self.weight_method = weight_method
        self.epsilon = epsilon
        self.data_format = standardize_data_format(data_format)
        self.fusion_weights = None

    def build(self, input_shape):
        self.folded = is_folding()
        shape = _common_shape(input_shape)
        if self.weight_method == "sum":
            return
        weight_shape = [len(input_shape)]
        if self.weight_method.startswith(CHANNEL_PREFIX):
            weight_shape.append(shape[channel_axis(self.data_format)])
        self.fusion_weights = self.add_weight(
            shape=weight_shape, initializer="ones", name="fusion_weights"
        )

    def call(self, inputs):
        if self.weight_method == "sum":
            weighted = inputs
        else:
            # In float32 so far: half precision has no room for `epsilon`.
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

    def compute_output_shape(self, input_shape):
        return _common_shape(input_shape)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "weight_method": self.weight_method,
                "epsilon": self.epsilon,
                "data_format": self.data_format,
            }
        )
        return config

    def normalized_weights(self):
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


def _common_shape(shapes):
    """The one shape of all inputs, with what any of them knows of it."""
    is_list = len(shapes) > 0 and isinstance(shapes[0], tuple | list)
    if is_list and len({len(shape) for shape in shapes}) == 1:
        sizes = [
            {size for size in axis if size}
            for axis in zip(*shapes, strict=True)
        ]
        if all(len(known) <= 1 for known in sizes):
            return tuple(next(iter(known), None) for known in sizes)
    raise ValueError(
        "`WeightedFusion` takes a list of tensors of one shape. "
        f"Received shapes: {shapes}"
    )
