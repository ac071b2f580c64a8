"""The moving average of the weights, for a while in their place."""

import contextlib

import keras


@contextlib.contextmanager
def averaged_weights(model):
    """Puts the optimizer's average of the weights into a model, and back.

    Does nothing where the optimizer keeps none, or has made no step yet. The
    weights come back also after an error.

    Args:
        model: A `keras.Model`, compiled or not.

    Returns:
        A context manager that gives the model.

    Example:
    ```python
    with keras_efficient.evaluation.averaged_weights(model):
        model.evaluate(batches)
    ```
    """
    pairs = _pairs(getattr(model, "optimizer", None))
    kept = [keras.ops.convert_to_numpy(v) for v, _ in pairs]
    try:
        for variable, average in pairs:
            # Its own memory: JAX gives away that of a model which predicts.
            variable.assign(keras.ops.copy(average))
        yield model
    finally:
        for (variable, _), values in zip(pairs, kept, strict=True):
            variable.assign(values)


def _pairs(optimizer):
    """Variables with their averages."""
    # With mixed precision one optimizer scales the losses for another.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    # `MultiOptimizer` has one for each part of the model.
    if hasattr(optimizer, "optimizers"):
        return [pair for each in optimizer.optimizers for pair in _pairs(each)]
    if not getattr(optimizer, "use_ema", False) or not optimizer.built:
        return []
    if not int(optimizer.iterations):
        return []
    # The optimizer's own list: the model's differs after freezing a layer.
    pairs = zip(
        optimizer._trainable_variables,
        optimizer._model_variables_moving_average,
        strict=True,
    )
    return [pair for pair in pairs if pair[1] is not None]
