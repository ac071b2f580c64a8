"""Which layers learn."""

import math

import keras


def freeze_batch_norm(model):
    """Freezes every batch normalisation, also inside blocks.

    Frozen ones normalise by the statistics they were trained with, and keep
    them: with small batches their own statistics would be worse. Call
    `compile` afterwards.

    Args:
        model: A `keras.Model`.

    Returns:
        The number of layers frozen.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> keras_efficient.training.freeze_batch_norm(model)
    49
    """
    norms = [
        layer
        for layer in _all_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for norm in norms:
        norm.trainable = False
    return len(norms)


def quicken_batch_norm(model, steps):
    """Lets the statistics of batch norm settle within a short training.

    With the papers' momentum of 0.99 what they start with, a variance of 1,
    still counts after hundreds of steps, and where features vary by a
    hundredth of it, evaluation sees another network than training. Lowers the
    momentum to `1 - 30 / steps`, but not below 0.9, and raises none.

    Args:
        model: A `keras.Model`. Frozen batch norm is left alone.
        steps: Integer, steps of the whole training.

    Returns:
        The number of layers changed.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> keras_efficient.training.quicken_batch_norm(model, steps=1000)
    49
    >>> model.get_layer("stem_bn").momentum
    0.97
    """
    momentum = max(0.9, 1 - 30 / max(steps, 1))
    changed = [
        layer
        for layer in _all_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
        and layer.trainable
        and layer.momentum > momentum
    ]
    for layer in changed:
        layer.momentum = momentum
    return len(changed)


def freeze_except(model, names):
    """Freezes all of a model but some of its layers.

    Call `compile` afterwards.

    Args:
        model: A `keras.Model`.
        names: Sequence of names of layers of the model that go on learning.

    Returns:
        The number of trainable parameters left.

    Raises:
        ValueError: If the model has no layer of a name, or nothing is left
            to train.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=5)
    >>> keras_efficient.training.freeze_except(model, ["predictions"])
    6405
    """
    there = [layer.name for layer in model.layers]
    unknown = sorted(set(names) - set(there))
    if unknown:
        raise ValueError(f"The model has no layers {unknown}. It has: {there}")
    unfreeze(model)
    for layer in model.layers:
        if layer.name not in names:
            layer.trainable = False
    count = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    if not count:
        raise ValueError(
            f"Nothing would learn: the layers {list(names)} have no weights."
        )
    return count


def unfreeze(model):
    """Lets every layer learn, also those inside blocks.

    On TensorFlow `model.trainable = True` does nothing where only the layers
    were frozen and not the model itself (Keras 3.15.1). Call `compile`
    afterwards.

    Args:
        model: A `keras.Model`.

    Returns:
        Nothing.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=5)
    >>> model.get_layer("stem_conv").trainable = False
    >>> keras_efficient.training.unfreeze(model)
    >>> model.get_layer("stem_conv").trainable
    True
    """
    model.trainable = True
    for layer in _all_layers(model):
        layer.trainable = True


def _all_layers(model):
    return model._flatten_layers(include_self=False, recursive=True)
