"""Fully connected layer whose weights are initialized on the host."""

from typing import Any

import keras

from keras_efficient.layers.activation_attribute import ActivationAttribute
from keras_efficient.layers.host_initialization import HostInitialization


@keras.saving.register_keras_serializable(package="keras_efficient")
class Dense(ActivationAttribute, HostInitialization, keras.layers.Dense):
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

    def quantize(
        self,
        mode: str | None = None,
        type_check: bool = True,
        config: Any = None,
    ) -> None:
        """Quantize the weights, as `keras.layers.Dense` does."""
        # Keras quantizes no subclasses, which might compute something else.
        super().quantize(mode, type_check=False, config=config)
