"""Fully connected layer whose weights are initialized on the host."""

import keras

from keras_efficient.layers.host_initialization import HostInitialization


@keras.saving.register_keras_serializable(package="keras_efficient")
class Dense(HostInitialization, keras.layers.Dense):
    """A `keras.layers.Dense` whose initial weights are drawn by NumPy.

    Args:
        *args: As for `keras.layers.Dense`: `units`, `activation`, ...
        **kwargs: As for `keras.layers.Dense`.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., features)`.

    Returns:
        Tensor of shape `(batch, ..., units)`.

    Example:
    >>> dense = keras_efficient.layers.Dense(5)
    >>> keras.ops.shape(dense(keras.ops.ones((2, 3))))
    (2, 5)
    """
