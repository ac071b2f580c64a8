"""Logits and probabilities of classification models."""

import keras
import numpy as np

from keras_efficient.internals import keras_internals

# Names of activations, and in lower case of layers and operations, that return
# probabilities.
PROBABILITY_ACTIVATIONS = {
    "softmax": "softmax",
    "sigmoid": "sigmoid",
    "hard_sigmoid": "sigmoid",
}


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


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of classes that do not exclude each other.

    Args:
        logits: Float array of any shape.

    Returns:
        Array of the same shape and dtype, in `[0, 1]`.
    """
    # The exponential of a negative number does not overflow.
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, small).astype(logits.dtype) / (1 + small)


def last_activation(model: keras.Model, is_needed: bool = True) -> str | None:
    """Return the activation of the outputs of a model.

    Args:
        model: A functional or Sequential `keras.Model`.
        is_needed: Boolean, whether an unknown activation is an error. Defaults
            to `True`.

    Returns:
        `"softmax"` or `"sigmoid"` for probabilities; `None` for logits.

    Raises:
        ValueError: If this cannot be determined from the last layer.
    """
    operation = keras_internals.operation_of(model.outputs[0])
    if isinstance(operation, keras.Model):
        return last_activation(operation, is_needed)
    kind = type(operation).__name__.lower()
    if kind in PROBABILITY_ACTIVATIONS:
        return PROBABILITY_ACTIVATIONS[kind]
    activation = getattr(operation, "activation", None)
    name = getattr(activation, "__name__", None)
    if name in PROBABILITY_ACTIVATIONS:
        return PROBABILITY_ACTIVATIONS[name]
    is_affine = isinstance(operation, (keras.layers.Dense, keras.layers.Conv2D))
    if name == "linear" or (activation is None and is_affine):
        return None
    if not is_needed:
        return None
    raise ValueError(
        "Cannot determine from the last layer whether the outputs are "
        "probabilities or logits. Pass `from_logits=True` to apply a softmax "
        "or, with `exclusive=False`, a sigmoid, otherwise "
        f"`from_logits=False`. Received: {operation.name!r}, a "
        f"{type(operation).__name__}"
        f"{f' with the activation {name}' if name else ''}"
    )
