"""Stochastic depth: residual branches are dropped at random."""

from typing import Any

import keras
from keras import ops

from keras_efficient.types import Shape
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class StochasticDepth(keras.layers.Layer):
    """Drops the residual branch of each sample independently.

    During training the branch of a sample is set to zero with probability
    `rate` and otherwise multiplied by `1 / (1 - rate)`, so that its expected
    value is unchanged. In inference mode the layer does nothing. The code of
    EfficientNet calls it drop connect.

    Args:
        rate: Float in `[0, 1)`, the probability of dropping a sample.
        seed: Integer, random seed. Defaults to `None`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, ...)`, the output of the branch.
        training: Boolean, whether to drop branches.

    Returns:
        Tensor of the shape of `inputs`.

    Raises:
        ValueError: If `rate` is not in `[0, 1)`.

    Example:
    >>> layer = keras_efficient.layers.StochasticDepth(0.2)
    >>> keras.ops.shape(layer(keras.ops.ones((2, 4, 6, 3)), training=True))
    (2, 4, 6, 3)

    Reference:
        - [Huang et al., 2016](https://arxiv.org/abs/1603.09382); per sample,
          as `drop_connect` in `tensorflow/tpu`, `efficientnet/utils.py`.
    """

    def __init__(
        self, rate: float, seed: int | None = None, **kwargs: Any
    ) -> None:
        if not 0 <= rate < 1:
            raise ValueError(
                "`rate` must be in [0, 1). It is the probability of dropping, "
                f"not of keeping. Received: rate={rate!r}"
            )
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        if rate > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        """Drop branches during training."""
        if not training or self.rate == 0:
            return inputs
        shape = (ops.shape(inputs)[0],) + (1,) * (len(inputs.shape) - 1)
        uniform = keras.random.uniform(
            shape, dtype="float32", seed=self.seed_generator
        )
        is_kept = ops.cast(uniform >= self.rate, inputs.dtype)
        return inputs * is_kept / (1.0 - self.rate)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the outputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        config.update({"rate": self.rate, "seed": self.seed})
        return config
