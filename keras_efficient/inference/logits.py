"""Whether a classifier gives logits or probabilities."""

import keras

# Classes of what can end a classifier without an `activation` of its own.
PROBABILITY_OPERATIONS = ("Softmax", "Sigmoid")
PROBABILITY_ACTIVATIONS = ("softmax", "sigmoid", "hard_sigmoid")


def ends_in_logits(model):
    """Whether a classifier's outputs still need a softmax.

    Args:
        model: A functional or Sequential `keras.Model`.

    Returns:
        A boolean.

    Raises:
        ValueError: If its last layer does not tell.
    """
    operation = model.outputs[0]._keras_history.operation
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
        "The last layer does not tell whether its outputs are probabilities: "
        f"{operation.name!r} is a {type(operation).__name__}"
        f"{f' with the activation {name}' if name else ''}. Pass "
        "`from_logits=True` for a softmax to follow, else `False`."
    )
