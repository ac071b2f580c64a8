"""Gradient checkpointing: what is inside a layer is computed twice.

Training keeps what every step of a network has computed until the gradients
are made, most of its memory. A rematerialized layer keeps its inputs only,
and computes the rest anew when its gradients are wanted.
"""

import functools

import keras
from keras import ops


def rematerializable(call):
    """Lets `call(self, inputs, training=None)` heed `self.remat`.

    Random numbers are the same both times, and statistics of batch norm are
    updated once: the layer runs as a function of its variables.
    """

    @functools.wraps(call)
    def wrapped(self, inputs, training=None):
        if not (self.remat and training) or _is_symbolic(inputs):
            return call(self, inputs, training=training)
        return _call_rematerialized(self, call, inputs)

    return wrapped


def _is_symbolic(inputs):
    return any(
        isinstance(x, keras.KerasTensor) for x in keras.tree.flatten(inputs)
    )


def _call_rematerialized(layer, call, inputs):
    variables = layer.trainable_variables + layer.non_trainable_variables
    updated = layer.non_trainable_variables
    flat_inputs = keras.tree.flatten(inputs)
    count = len(flat_inputs)
    structures = []

    # Tensors one by one: TensorFlow's way takes no lists.
    def pure(*tensors):
        images = keras.tree.pack_sequence_as(inputs, list(tensors[:count]))
        mapping = list(zip(variables, tensors[count:], strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            outputs = call(layer, images, training=True)
            updates = [scope.get_current_value(v) for v in updated]
        if not structures:
            structures.append(keras.tree.map_structure(lambda _: 0, outputs))
        return (*keras.tree.flatten(outputs), *updates)

    values = [ops.convert_to_tensor(v.value) for v in variables]
    # Copies of what is updated in place before the second time.
    values[len(variables) - len(updated) :] = [
        ops.copy(v.value) for v in updated
    ]
    results = keras.remat(pure)(*flat_inputs, *values)
    split = len(results) - len(updated)
    for variable, value in zip(updated, results[split:], strict=True):
        variable.assign(value)
    return keras.tree.pack_sequence_as(structures[0], list(results[:split]))
