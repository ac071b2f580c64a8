"""Logits and probabilities of classification models."""

import keras
import numpy as np

from keras_efficient.internals import keras_internals

# Classes of last layers that return probabilities and have no `activation`.
PROBABILITY_OPERATIONS = ("Softmax", "Sigmoid")
PROBABILITY_ACTIVATIONS = ("softmax", "sigmoid", "hard_sigmoid")


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of the classes.

    Args:
        logits: Float array `(..., num_classes)`.

    Returns:
        Array of the same shape and dtype; each row sums to 1.
    """
    # Subtracting the maximum prevents an overflow.
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def ends_in_logits(model: keras.Model) -> bool:
    """Return whether a softmax must be applied to the outputs of a model.

    Args:
        model: A functional or Sequential `keras.Model`.

    Returns:
        A boolean: `False` if the outputs are probabilities.

    Raises:
        ValueError: If this cannot be determined from the last layer.
    """
    operation = keras_internals.operation_of(model.outputs[0])
    if isinstance(operation, keras.Model):
        return ends_in_logits(operation)
    if type(operation).__name__ in PROBABILITY_OPERATIONS:
        return False
    activation = getattr(operation, "activation", None)
    name = getattr(activation, "__name__", None)
    if name in PROBABILITY_ACTIVATIONS:
        return False
    is_affine = isinstance(operation, (keras.layers.Dense, keras.layers.Conv2D))
    if name == "linear" or (activation is None and is_affine):
        return True
    raise ValueError(
        "Cannot determine from the last layer whether the outputs are "
        "probabilities or logits. Pass `from_logits=True` to apply a softmax, "
        f"otherwise `from_logits=False`. Received: {operation.name!r}, a "
        f"{type(operation).__name__}"
        f"{f' with the activation {name}' if name else ''}"
    )
