"""The private API of Keras that the package relies on.

Each function states the assumption it makes. Verified with Keras 3.15.
"""

from collections.abc import Iterator
from typing import Any

import keras
from keras.src.saving import saving_lib


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


def child_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return the layers directly inside a layer or model.

    Assumes `Layer._flatten_layers(include_self, recursive)`.

    Args:
        layer: A Keras layer or model.

    Returns:
        A list of layers in the order in which they were created.
    """
    return list(layer._flatten_layers(include_self=False, recursive=False))


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


def saved_paths(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the variables of a model by their paths in Keras' weight files.

    `.weights.h5` files and the one in a `.keras` archive number the layers of
    each class, in an order that only Keras knows.

    Assumes that `saving_lib._save_state` walks a model in that order, that
    `saving_lib.NpzIOStore` collects variables in `contents` without
    converting them, and that a HDF5 file has them in groups named `vars`.

    Args:
        model: A built Keras model.

    Returns:
        A dict of path, such as `"layers/dense/vars/0"`, to variable.
    """
    # Nothing is written: the store writes its file when it is closed.
    store = saving_lib.NpzIOStore("unused", mode="w")
    saving_lib._save_state(
        model,
        weights_store=store,
        assets_store=None,
        inner_path="",
        visited_saveables=set(),
    )
    root = store.contents.pop("__root__", {})
    groups = {"vars": root}
    groups |= {f"{path}/vars": x for path, x in store.contents.items()}
    return {
        f"{group}/{key}": variable
        for group, variables in groups.items()
        for key, variable in variables.items()
    }


def deserialization_reason(error: Exception) -> str:
    """Return the reason inside an error of `keras.saving.load_model`.

    Assumes that Keras writes the reason between `"Exception encountered: "`
    and `" Full object config"`, and complete configurations around it. If it
    does not, the complete message is returned.

    Args:
        error: Exception raised by `keras.saving.load_model`.

    Returns:
        A string of one or a few sentences.
    """
    reason = str(error).rpartition("Exception encountered: ")[2]
    return reason.partition(" Full object config")[0].strip("'\"")


def moving_averages(
    optimizer: keras.optimizers.Optimizer,
) -> list[tuple[keras.Variable, keras.Variable]]:
    """Return the variables that an optimizer trains with their averages.

    The model's list of trainable variables differs from the optimizer's after
    a layer was frozen.

    Assumes `Optimizer._trainable_variables` and, in the same order,
    `Optimizer._model_variables_moving_average`.

    Args:
        optimizer: A built Keras optimizer with `use_ema=True`.

    Returns:
        A list of pairs `(variable, average)`.
    """
    pairs = zip(
        optimizer._trainable_variables,
        optimizer._model_variables_moving_average,
        strict=True,
    )
    return [pair for pair in pairs if pair[1] is not None]
