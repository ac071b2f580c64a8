"""Parameters of Keras models."""

import math
from typing import Any

import keras

from keras_efficient.internals import keras_internals


def count_parameters(model: keras.layers.Layer, by_layer: bool = False) -> Any:
    """Return the number of trainable parameters.

    Frozen weights are included. The moving statistics of batch normalization
    and other state are not.

    Args:
        model: `keras.Model` or layer, built.
        by_layer: Boolean, whether to count each layer separately. Defaults to
            `False`.

    Returns:
        An integer. With `by_layer` a dict of the paths of layers to integers,
        without the layers that have no parameters.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> keras_efficient.counting.count_parameters(model)
    5288548
    >>> keras_efficient.counting.count_parameters(model, by_layer=True)[
    ...     "predictions"
    ... ]
    1281000
    """
    counts: dict[str, int] = {}
    for layer in (model, *keras_internals.all_layers(model)):
        # Variables that were created as trainable, even if frozen since.
        count = sum(
            math.prod(variable.shape)
            for variable in keras_internals.own_variables(layer, True)
        )
        if count:
            counts[layer.path] = counts.get(layer.path, 0) + count
    return counts if by_layer else sum(counts.values())
