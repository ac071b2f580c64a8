"""The private API of Keras that the package relies on.

Each function states the assumption it makes. Verified with Keras 3.15.
"""

from collections.abc import Iterator
from typing import Any

import keras


def all_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return every layer inside a layer or model, at any depth.

    Assumes `Layer._flatten_layers(include_self, recursive)`.

    Args:
        layer: A Keras layer or model.

    Returns:
        A list of layers in the order in which they were created, without
        `layer` itself.
    """
    return list(layer._flatten_layers(include_self=False, recursive=True))


def node_of(tensor: Any) -> Any:
    """Return the node of the functional graph that computed a Keras tensor.

    Assumes `KerasTensor._keras_history` with `operation` and `node_index`,
    and `Operation._inbound_nodes`.

    Args:
        tensor: A `keras.KerasTensor` of a functional graph.

    Returns:
        A node with the attributes `operation`, `input_tensors` and
        `output_tensors`.
    """
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def tensor_key(tensor: Any) -> tuple[int, int, int]:
    """Return a hashable key that identifies a tensor of a functional graph.

    Assumes `KerasTensor._keras_history` with `operation`, `node_index` and
    `tensor_index`.

    Args:
        tensor: A `keras.KerasTensor` of a functional graph.

    Returns:
        A tuple of three integers, equal for the same output of the same call.
    """
    history = tensor._keras_history
    return id(history.operation), history.node_index, history.tensor_index


def operation_of(tensor: Any) -> Any:
    """Return the layer or operation that computed a Keras tensor.

    Assumes `KerasTensor._keras_history` with `operation`.

    Args:
        tensor: A `keras.KerasTensor` of a functional graph.

    Returns:
        A `keras.Operation`, usually a layer.
    """
    return tensor._keras_history.operation


def walk_nodes(outputs: Any) -> Iterator[Any]:
    """Yield every node of a functional graph once, from outputs to inputs.

    Assumes what `node_of` assumes.

    Args:
        outputs: Sequence of `keras.KerasTensor`.

    Yields:
        Nodes, as of `node_of`.
    """
    seen, waiting = set(), list(outputs)
    while waiting:
        node = node_of(waiting.pop())
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        waiting.extend(node.input_tensors)
