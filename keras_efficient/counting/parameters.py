"""Parameters of Keras models."""

import math


def count_parameters(model, by_layer=False):
    """Number of the numbers that training changes.

    Frozen weights count as well; the moving statistics of batch norm and
    other state do not.

    Args:
        model: `keras.Model` or layer, built.
        by_layer: Boolean, whether to count each layer for itself. Defaults to
            `False`.

    Returns:
        An integer; with `by_layer` a dict of the paths of layers to integers,
        without the layers that have none.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> keras_efficient.counting.count_parameters(model)
    5288548
    >>> keras_efficient.counting.count_parameters(model, by_layer=True)[
    ...     "predictions"
    ... ]
    1281000
    """
    counts = {}
    for layer in model._flatten_layers(include_self=True, recursive=True):
        # `trainable` of a frozen layer's weights is False; of a variable that
        # is never trained it was from the beginning.
        count = sum(math.prod(v.shape) for v in layer._trainable_variables)
        if count:
            counts[layer.path] = counts.get(layer.path, 0) + count
    return counts if by_layer else sum(counts.values())
