"""The moving average of the weights, for a while in their place."""

import contextlib

import keras


@contextlib.contextmanager
def averaged_weights(model):
    """Puts the optimizer's average of the weights into a model, and back.

    Does nothing where the optimizer keeps none, or has made no step yet.

    Args:
        model: A compiled `keras.Model`.

    Returns:
        A context manager that gives the model.

    Example:
    ```python
    with keras_efficient.evaluation.averaged_weights(model):
        model.evaluate(batches)
    ```
    """
    pairs = _pairs(model)
    kept = [keras.ops.convert_to_numpy(v).copy() for v, _ in pairs]
    try:
        for variable, average in pairs:
            variable.assign(average)
        yield model
    finally:
        for (variable, _), values in zip(pairs, kept, strict=True):
            variable.assign(values)


def _pairs(model):
    """Variables with their averages."""
    optimizer = getattr(model, "optimizer", None)
    # With mixed precision one optimizer scales the losses for another.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if optimizer is None or not optimizer.use_ema or not optimizer.built:
        return []
    if not int(optimizer.iterations.value):
        return []
    averages = optimizer._model_variables_moving_average
    return [
        (variable, average)
        for variable, average in zip(
            model.trainable_variables, averages, strict=True
        )
        if average is not None
    ]
