"""The FlatBuffers content of LiteRT files, and metadata in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

FILE_IDENTIFIER = b"TFL3"
# The index of an optional input that an operator does not have.
NO_TENSOR = -1


def unpack(content: bytes) -> Any:
    """Parse a file.

    Args:
        content: Content of a `.tflite` file.

    Returns:
        A `ModelT` of `ai_edge_litert.schema_py_generated`.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content)
    for buffer in model.buffers:
        # Some tools write buffers after the FlatBuffers table.
        if buffer.data is None and buffer.size:
            end = buffer.offset + buffer.size
            buffer.data = np.frombuffer(content[buffer.offset : end], "uint8")
            buffer.offset = buffer.size = 0
    return model


def pack(model: Any) -> bytes:
    """Serialize a model, the inverse of `unpack`.

    Args:
        model: A `ModelT`.

    Returns:
        The content of a `.tflite` file.
    """
    import flatbuffers

    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


def sort_outputs(model: Any, names: Sequence[str]) -> None:
    """Sort the outputs of the graph, for runtimes without signatures.

    Args:
        model: A `ModelT`, which is changed in place.
        names: Names of the outputs in the signature, in the new order.
    """
    (signature,) = model.signatureDefs
    indices = {
        output.name.decode(): output.tensorIndex for output in signature.outputs
    }
    model.subgraphs[0].outputs = [indices[name] for name in names]


def drop_unused_tensors(model: Any) -> None:
    """Remove tensors that no operator reads or writes.

    Args:
        model: A `ModelT`, which is changed in place.
    """
    (graph,) = model.subgraphs
    maps = [
        entry
        for signature in model.signatureDefs
        for entry in (*signature.inputs, *signature.outputs)
    ]
    used = {entry.tensorIndex for entry in maps}
    used.update(graph.inputs, graph.outputs)
    for operator in graph.operators:
        used.update(operator.inputs, operator.outputs)
    used.discard(NO_TENSOR)
    kept = sorted(int(index) for index in used)
    places = {NO_TENSOR: NO_TENSOR} | {old: i for i, old in enumerate(kept)}
    graph.tensors = [graph.tensors[index] for index in kept]
    for owner in (graph, *graph.operators):
        owner.inputs = [places[index] for index in owner.inputs]
        owner.outputs = [places[index] for index in owner.outputs]
    for entry in maps:
        entry.tensorIndex = places[entry.tensorIndex]


def operator_kinds(model: Any) -> list[str]:
    """Return the names of a model's operator codes, such as `"CONV_2D"`.

    Args:
        model: A `ModelT`.

    Returns:
        A list of strings, in which an operator's `opcodeIndex` counts.
    """
    from ai_edge_litert import schema_py_generated as schema

    names = {
        code: name
        for name, code in vars(schema.BuiltinOperator).items()
        if not name.startswith("_")
    }
    # Old files have codes below 127 in a field of 8 bits.
    return [
        names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for code in model.operatorCodes
    ]


def operator_code(model: Any, number: int, version: int) -> int:
    """Return the index of an operator code, which is added if it is missing.

    Args:
        model: A `ModelT`, which is changed in place.
        number: Integer, a `BuiltinOperator` below 127.
        version: Integer, the version of an added code.

    Returns:
        An integer, for the `opcodeIndex` of an operator.
    """
    from ai_edge_litert import schema_py_generated as schema

    for index, code in enumerate(model.operatorCodes):
        if number == max(code.builtinCode, code.deprecatedBuiltinCode):
            code.version = max(code.version, version)
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = number
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def add_metadata(model: Any, key: bytes, content: bytes) -> None:
    """Store bytes in the metadata of a model.

    Args:
        model: A `ModelT`, which is changed in place.
        key: Name of the entry.
        content: Value of the entry.
    """
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, "uint8")
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = key, len(model.buffers) - 1
    model.metadata = [*(model.metadata or ()), entry]


def find_metadata(model: Any, key: bytes) -> bytes:
    """Return an entry that `add_metadata` stored.

    Args:
        model: A `ModelT`.
        key: Name of the entry.

    Returns:
        The value of the entry.

    Raises:
        KeyError: If the model has no entry of that name.
    """
    numbers = {entry.name: entry.buffer for entry in model.metadata or ()}
    return bytes(model.buffers[numbers[key]].data)
