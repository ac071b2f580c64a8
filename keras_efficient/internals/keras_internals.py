"""The private API of Keras that the package relies on.

Each function states the assumption it makes. Verified with Keras 3.15.
"""

import functools
import inspect
from collections.abc import Callable
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


def own_variables(
    layer: keras.layers.Layer, trainable_only: bool = False
) -> list[keras.Variable]:
    """Return the variables of a layer without those of its inner layers.

    Assumes `Layer._trainable_variables`, which contains the variables that
    were created as trainable, even if the layer is frozen, and
    `Layer._non_trainable_variables`.

    Args:
        layer: A Keras layer or model.
        trainable_only: Boolean, whether to return only variables that were
            created as trainable. Defaults to `False`.

    Returns:
        A list of variables.
    """
    variables = list(layer._trainable_variables)
    if not trainable_only:
        variables += layer._non_trainable_variables
    return variables


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


def extended_outputs(tensor: Any, **kwargs: Any) -> list[Any]:
    """Have a call in a functional graph return further tensors, in place.

    The layer is called again with other keyword arguments, for which it
    returns the same tensors and others after them; then this call takes the
    place of the previous one. The tensors of the graph remain valid, and so do
    the models that were built of them.

    Assumes what `node_of` assumes, that the lists `_inbound_nodes` and
    `_outbound_nodes` hold the nodes in the order of their creation, and that a
    model reads `node.arguments` and `node.outputs` when it is called or saved.

    Args:
        tensor: A `keras.KerasTensor`, an output of the call.
        **kwargs: Keyword arguments of the layer, which are no tensors.

    Returns:
        A list of all outputs of the call.
    """
    operation, index, _ = tensor._keras_history
    node = operation._inbound_nodes[index]
    arguments = {**node.arguments.kwargs, **kwargs}
    outputs = keras.tree.flatten(operation(*node.arguments.args, **arguments))
    new = operation._inbound_nodes.pop()
    for source in new.input_tensors:
        source._keras_history.operation._outbound_nodes.pop()
    for position in range(len(node.outputs), len(outputs)):
        outputs[position]._keras_history = type(tensor._keras_history)(
            operation, index, position
        )
    node.arguments = new.arguments
    node.outputs.extend(outputs[len(node.outputs) :])
    return list(node.outputs)


def call_arguments(tensor: Any) -> dict[str, Any]:
    """Return the keyword arguments of the call that computed a Keras tensor.

    Assumes what `node_of` assumes, and `Node.arguments.kwargs`.

    Args:
        tensor: A `keras.KerasTensor` of a functional graph.

    Returns:
        A dict of name to value.
    """
    return dict(node_of(tensor).arguments.kwargs)


def readers_of(tensor: Any) -> list[Any]:
    """Return the layers and operations that were called on a Keras tensor.

    Assumes `Operation._outbound_nodes`.

    Args:
        tensor: A `keras.KerasTensor` of a functional graph.

    Returns:
        A list of `keras.Operation`, in the order of the calls.
    """
    nodes = tensor._keras_history.operation._outbound_nodes
    return [node.operation for node in nodes if tensor in node.input_tensors]


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


class CloneableModel(keras.Model):
    """Functional model of which `keras.models.clone_model` returns its class.

    Assumes that Keras calls `_run_through_graph` of the original with Keras
    tensors, and then its class with the arguments `(inputs, outputs, name)` if
    the constructor has `*args` and `**kwargs` and no signature of its own.
    """

    __signature__: inspect.Signature
    # Attributes that a clone gets from the original.
    cloned_attributes: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            signature = inspect.signature(cls)
            cls.__init__ = _accepting_graphs(cls.__init__)  # type: ignore[method-assign]
            # For documentation and editors.
            cls.__signature__ = signature

    def _run_through_graph(self, *args: Any, **kwargs: Any) -> Any:
        outputs = super()._run_through_graph(*args, **kwargs)
        first = keras.tree.flatten(outputs)[0]
        if isinstance(first, keras.KerasTensor):
            names = self.cloned_attributes
            first._attributes_for_clone = (
                {x: getattr(self, x) for x in names if hasattr(self, x)},
                [layer.trainable for layer in all_layers(self)],
            )
        return outputs


def _accepting_graphs(init: Callable[..., None]) -> Callable[..., None]:
    """Let a constructor accept inputs and outputs, as `keras.Model` does."""

    @functools.wraps(init)
    def wrapped(self: CloneableModel, *args: Any, **kwargs: Any) -> None:
        is_graph = len(args) == 2 and all(
            isinstance(x, keras.KerasTensor)
            for x in keras.tree.flatten(list(args))
        )
        if not is_graph:
            init(self, *args, **kwargs)
            return
        super(CloneableModel, self).__init__(*args, **kwargs)
        first = keras.tree.flatten(args[1])[0]
        found = getattr(first, "_attributes_for_clone", None)
        if found is None:
            return
        attributes, trainable = found
        for name, value in attributes.items():
            setattr(self, name, value)
        layers = all_layers(self)
        if len(layers) == len(trainable):
            for layer, is_trainable in zip(layers, trainable, strict=True):
                if not is_trainable:
                    layer.trainable = False

    # Keras compares this with the signature of the function itself.
    del wrapped.__wrapped__
    return wrapped


class OptimizerHooks:
    """Mixin that gives public names to the private hooks of an optimizer.

    Assumes that `keras.optimizers.Optimizer` calls the private methods below
    in each step, with lists of gradients and of trainable variables, and that
    `_use_weight_decay` tells whether a variable decays. Put it before the
    class of Keras among the bases.
    """

    def decay_weights(self, variables: list) -> None:
        """Apply the weight decay to variables that are not excluded."""
        super()._apply_weight_decay(variables)  # type: ignore[misc]

    def clip_gradients(self, gradients: list) -> list:
        """Return the clipped gradients."""
        return super()._clip_gradients(gradients)  # type: ignore[misc]

    def update_averages(self, variables: list) -> None:
        """Update the moving averages of the trainable variables."""
        super()._update_model_variables_moving_average(  # type: ignore[misc]
            variables
        )

    def _apply_weight_decay(self, variables: list) -> None:
        if self.weight_decay is None:  # type: ignore[attr-defined]
            return
        decaying = [
            variable
            for variable in variables
            if self._use_weight_decay(variable)  # type: ignore[attr-defined]
        ]
        if decaying:
            self.decay_weights(decaying)

    def _clip_gradients(self, gradients: list) -> list:
        return self.clip_gradients(gradients)

    def _update_model_variables_moving_average(self, variables: list) -> None:
        self.update_averages(variables)

    def _overwrite_model_variables_with_average_value(
        self, variables: list
    ) -> None:
        for variable, average in moving_averages(self, variables):
            # A copy: JAX donates both arrays in the next step.
            variable.assign(keras.ops.copy(average))


def moving_averages(
    optimizer: Any, variables: list[keras.Variable] | None = None
) -> list[tuple[keras.Variable, keras.Variable]]:
    """Return the variables that an optimizer trains with their averages.

    The model's list of trainable variables differs from the optimizer's after
    a layer was frozen.

    Assumes `Optimizer._trainable_variables` and, in the same order,
    `Optimizer._model_variables_moving_average`, with `None` for variables
    without an average.

    Args:
        optimizer: A built Keras optimizer with `use_ema=True`.
        variables: Trainable variables. Defaults to those of the optimizer.

    Returns:
        A list of pairs `(variable, average)`.
    """
    if variables is None:
        variables = optimizer._trainable_variables
    pairs = zip(
        variables, optimizer._model_variables_moving_average, strict=True
    )
    return [pair for pair in pairs if pair[1] is not None]
