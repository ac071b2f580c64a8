"""Which layers are trained, and how batch normalization behaves."""

import math
from collections.abc import Sequence

import keras

from keras_efficient.internals import keras_internals


def freeze_batch_norm(model: keras.Model) -> int:
    """Freeze every batch normalization of a model, also inside blocks.

    Frozen layers normalize with the statistics of their pretraining and keep
    them, because the statistics of small batches are worse. Call `compile`
    afterwards.

    Args:
        model: A `keras.Model`.

    Returns:
        The number of frozen layers.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> keras_efficient.training.freeze_batch_norm(model)
    49
    """
    norms = _batch_norms(model)
    for norm in norms:
        norm.trainable = False
    return len(norms)


def adapt_batch_norm_momentum(model: keras.Model, steps: int) -> int:
    """Lower the momentum of batch normalization for a short training.

    With the papers' momentum of 0.99, the initial variance of 1 contributes to
    the moving statistics for hundreds of steps. If features vary by a
    hundredth of it, evaluation then sees a different network than training.
    The momentum becomes `1 - 30 / steps`, but not less than 0.9, and is never
    raised.

    Args:
        model: A `keras.Model`. Frozen batch normalization is not changed.
        steps: Integer, steps of the whole training.

    Returns:
        The number of changed layers.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> keras_efficient.training.adapt_batch_norm_momentum(model, steps=1000)
    49
    >>> model.get_layer("stem_bn").momentum
    0.97
    """
    momentum = max(0.9, 1 - 30 / max(steps, 1))
    changed = [
        norm
        for norm in _batch_norms(model)
        if norm.trainable and norm.momentum > momentum
    ]
    for norm in changed:
        norm.momentum = momentum
    return len(changed)


def is_pretrained(model: keras.Model) -> bool:
    """Return whether a model has been trained, by its batch normalization.

    Args:
        model: A `keras.Model` with batch normalization.

    Returns:
        `True` if the moving mean of the first batch normalization differs
        from its initial value, zero.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> keras_efficient.training.is_pretrained(model)
    False
    """
    norms = _batch_norms(model)
    if not norms:
        return False
    return bool(keras.ops.convert_to_numpy(norms[0].moving_mean).any())


def freeze_except(model: keras.Model, names: Sequence[str]) -> int:
    """Freeze all layers of a model except some.

    Call `compile` afterwards.

    Args:
        model: A `keras.Model`.
        names: Sequence of names of the layers to train.

    Returns:
        The number of trainable parameters.

    Raises:
        ValueError: If the model has no layer of a name, or nothing is left
            to train.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=5)
    >>> keras_efficient.training.freeze_except(model, ["predictions"])
    6405
    """
    existing = [layer.name for layer in model.layers]
    unknown = sorted(set(names) - set(existing))
    if unknown:
        raise ValueError(
            f"The model has no layers {unknown}. Its layers are: {existing}"
        )
    unfreeze(model)
    for layer in model.layers:
        if layer.name not in names:
            layer.trainable = False
    count = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    if not count:
        raise ValueError(
            f"Nothing to train: the layers {list(names)} have no weights."
        )
    return count


def unfreeze(model: keras.Model) -> None:
    """Make every layer trainable, also inside blocks.

    On TensorFlow `model.trainable = True` has no effect if only layers were
    frozen and not the model itself (Keras 3.15.1). Call `compile` afterwards.

    Args:
        model: A `keras.Model`.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=5)
    >>> model.get_layer("stem_conv").trainable = False
    >>> keras_efficient.training.unfreeze(model)
    >>> model.get_layer("stem_conv").trainable
    True
    """
    model.trainable = True
    for layer in keras_internals.all_layers(model):
        layer.trainable = True


def _batch_norms(
    model: keras.Model,
) -> list[keras.layers.BatchNormalization]:
    return [
        layer
        for layer in keras_internals.all_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
