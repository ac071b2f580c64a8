"""Symbolic outputs of a function, traced by the backend."""

from collections.abc import Callable
from typing import Any

import keras


def traced_outputs(function: Callable[..., Any], inputs: Any) -> Any:
    """Return the symbolic outputs of a function for symbolic inputs.

    Arguments that are no tensors, such as strings, which JAX cannot trace, are
    bound by `functools.partial`.

    Args:
        function: Function of `inputs`.
        inputs: `keras.KerasTensor`, or a structure of these.

    Returns:
        What the function returns, with `keras.KerasTensor` as tensors.
    """
    return _Traced(function).compute_output_spec(inputs)


class _Traced(keras.Operation):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, inputs: Any) -> Any:
        return self.function(inputs)
