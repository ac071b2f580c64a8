"""Evaluation with the moving average of the weights."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from keras_efficient.internals import keras_internals


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[keras.Model]:
    """Replace the weights of a model by their moving average, temporarily.

    The average is that of an optimizer with `use_ema=True`. Without one, or
    before the first training step, the weights stay as they are. The weights
    are restored at the end, also after an exception.

    Args:
        model: A `keras.Model`, compiled or not.

    Yields:
        The model.

    Example:
    ```python
    with keras_efficient.evaluation.averaged_weights(model):
        model.evaluate(batches)
    ```
    """
    pairs = _variables_and_averages(getattr(model, "optimizer", None))
    kept = [keras.ops.convert_to_numpy(variable) for variable, _ in pairs]
    try:
        for variable, average in pairs:
            # A copy, because JAX donates the memory of a model's weights.
            variable.assign(keras.ops.copy(average))
        yield model
    finally:
        for (variable, _), values in zip(pairs, kept, strict=True):
            variable.assign(values)


def _variables_and_averages(optimizer: Any) -> list[tuple[Any, Any]]:
    # With mixed precision, an optimizer that scales the loss wraps another.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    # `MultiOptimizer` has an optimizer for each part of the model.
    if hasattr(optimizer, "optimizers"):
        return [
            pair
            for part in optimizer.optimizers
            for pair in _variables_and_averages(part)
        ]
    if not getattr(optimizer, "use_ema", False) or not optimizer.built:
        return []
    if not int(optimizer.iterations):
        return []
    return keras_internals.moving_averages(optimizer)
