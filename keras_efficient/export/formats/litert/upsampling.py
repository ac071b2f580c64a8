"""Enlargement of feature maps in LiteRT files."""

from typing import Any

import numpy as np

from keras_efficient.export.formats.litert import files

# A map of 4 axes is reshaped to 6, repeated along 2 of them and reshaped back.
MAP_AXES = 4


def use_resize(model: Any, kinds: list[str]) -> None:
    """Replace repeated pixels by `RESIZE_NEAREST_NEIGHBOR`.

    `kernels.upsample` reshapes, tiles and reshapes. Neither quantizers nor
    runtimes for microcontrollers and the Edge TPU support `TILE`.

    Args:
        model: A `ModelT`, as returned by `files.unpack`, changed in place.
        kinds: Names of the file's operator codes.
    """
    (graph,) = model.subgraphs
    producers = {x.outputs[0]: x for x in graph.operators}
    readers: dict[int, list[Any]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            readers.setdefault(index, []).append(operator)
    replacements: dict[int, Any] = {}
    dropped: set[int] = set()
    for tile in graph.operators:
        before = producers.get(tile.inputs[0])
        after = readers.get(tile.outputs[0], [])
        if kinds[tile.opcodeIndex] != "TILE" or before is None:
            continue
        others = [before, *after]
        if len(after) != 1 or any(
            kinds[x.opcodeIndex] != "RESHAPE" for x in others
        ):
            continue
        source, target = before.inputs[0], after[0].outputs[0]
        if _is_enlarged(graph.tensors[source].shape, graph.tensors[target]):
            replacements[id(after[0])] = _resize(model, source, target)
            dropped |= {id(tile)}
            if len(readers[before.outputs[0]]) == 1:
                dropped.add(id(before))
    graph.operators = [
        replacements.get(id(operator), operator)
        for operator in graph.operators
        if id(operator) not in dropped
    ]
    files.drop_unused_tensors(model)


def _is_enlarged(shape: Any, target: Any) -> bool:
    """Return whether the sides of a map are multiples of those before."""
    if len(shape) != MAP_AXES or len(target.shape) != MAP_AXES:
        return False
    factors, rests = np.divmod(target.shape, shape)
    return not rests.any() and factors[0] == factors[3] == 1


def _resize(model: Any, source: int, target: int) -> Any:
    """Return an operator that enlarges one tensor to the size of another."""
    from ai_edge_litert import schema_py_generated as schema

    (graph,) = model.subgraphs
    size = schema.TensorT()
    size.name = graph.tensors[target].name + b"_size"
    size.shape = [2]
    size.type = schema.TensorType.INT32
    size.buffer = len(model.buffers)
    buffer = schema.BufferT()
    sides = np.array(graph.tensors[target].shape[1:3], "int32")
    buffer.data = sides.view("uint8")
    model.buffers.append(buffer)
    graph.tensors.append(size)
    operator = schema.OperatorT()
    number = schema.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR
    # The first version that supports int8.
    operator.opcodeIndex = files.operator_code(model, number, version=2)
    operator.inputs = [source, len(graph.tensors) - 1]
    operator.outputs = [target]
    options = schema.BuiltinOptions.ResizeNearestNeighborOptions
    operator.builtinOptionsType = options
    operator.builtinOptions = schema.ResizeNearestNeighborOptionsT()
    return operator
