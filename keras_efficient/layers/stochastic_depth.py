"""Stochastic depth: residual branches that are left out at random."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_efficient")
class StochasticDepth(keras.layers.Layer):
    """Drops a residual branch, for each sample of the batch on its own.

    In training a sample's whole branch becomes zero with probability `rate`,
    and the kept ones are scaled by `1 / (1 - rate)`, so that the expected
    value stays. In inference nothing happens. EfficientNet's code calls it
    drop connect.

    Args:
        rate: Float in `[0, 1)`, the probability of dropping a sample.
        seed: Integer, for the same choices at each run. Defaults to `None`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, ...)`, the output of the branch.
        training: Boolean, whether to drop.

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

    def __init__(self, rate, seed=None, **kwargs):
        if not 0 <= rate < 1:
            raise ValueError(
                "`rate` must lie in [0, 1): it is the probability of "
                f"dropping, not of keeping. Received: rate={rate!r}"
            )
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        if rate > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        shape = (ops.shape(inputs)[0],) + (1,) * (len(inputs.shape) - 1)
        uniform = keras.random.uniform(
            shape, dtype="float32", seed=self.seed_generator
        )
        is_kept = ops.cast(uniform >= self.rate, inputs.dtype)
        return inputs * is_kept / (1.0 - self.rate)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update({"rate": self.rate, "seed": self.seed})
        return config
