"""Layers whose activation can be changed after they were built."""

from typing import Any

import keras

from keras_efficient.types import Activation


class ActivationAttribute(keras.layers.Layer):
    """Mixin of layers with an attribute `activation` that accepts any value.

    Scripts set `layer.activation = None` to turn probabilities into logits.
    Layers of Keras can then be called, but no longer saved. Here the value is
    the function, as after the constructor: `None` becomes
    `keras.activations.linear`.
    """

    _activation: Any = None

    @property
    def activation(self) -> Any:
        """The activation, a function."""
        return self._activation

    @activation.setter
    def activation(self, activation: Activation) -> None:
        self._activation = keras.activations.get(activation)
