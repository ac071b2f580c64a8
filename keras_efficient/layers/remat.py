"""Gradient checkpointing: the interior of a layer is computed twice.

Training keeps the intermediate results of a network until it has computed the
gradients; they take most of its memory. A rematerialized layer keeps its inputs
only, and recomputes the rest for the gradients.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_efficient.types import Tensor


def rematerializable(call: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate the `call` of a layer so that it respects `self.remat`.

    The layer runs as a function of its variables: random numbers are the same
    in both passes, and the statistics of batch normalization are updated once.

    Args:
        call: Method with the signature `call(self, inputs, training=None)`,
            and possibly further keyword arguments that are no tensors.

    Returns:
        The decorated method.
    """

    @functools.wraps(call)
    def wrapped(
        self: keras.layers.Layer,
        inputs: Any,
        training: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        if not (self.remat and training) or _is_symbolic(inputs):
            return call(self, inputs, training=training, **kwargs)
        bound = functools.partial(call, **kwargs)
        return _call_rematerialized(self, bound, inputs)

    return wrapped


def _is_symbolic(inputs: Any) -> bool:
    return any(
        isinstance(x, keras.KerasTensor) for x in keras.tree.flatten(inputs)
    )


def _call_rematerialized(
    layer: keras.layers.Layer, call: Callable[..., Any], inputs: Any
) -> Any:
    variables = layer.trainable_variables + layer.non_trainable_variables
    updated = layer.non_trainable_variables
    flat_inputs = keras.tree.flatten(inputs)
    count = len(flat_inputs)
    structures: list[Any] = []

    # Tensors one by one: `keras.remat` on TensorFlow does not accept lists.
    def pure(*tensors: Tensor) -> tuple[Tensor, ...]:
        images = keras.tree.pack_sequence_as(inputs, list(tensors[:count]))
        mapping = list(zip(variables, tensors[count:], strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            outputs = call(layer, images, training=True)
            updates = [scope.get_current_value(v) for v in updated]
        if not structures:
            structures.append(keras.tree.map_structure(lambda _: 0, outputs))
        return (*keras.tree.flatten(outputs), *updates)

    values = [ops.convert_to_tensor(v.value) for v in variables]
    # Copies, because these are updated in place before the second pass.
    values[len(variables) - len(updated) :] = [
        ops.copy(v.value) for v in updated
    ]
    results = keras.remat(pure)(*flat_inputs, *values)
    split = len(results) - len(updated)
    for variable, value in zip(updated, results[split:], strict=True):
        variable.assign(value)
    return keras.tree.pack_sequence_as(structures[0], list(results[:split]))
