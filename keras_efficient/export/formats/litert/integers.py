"""Files without floating point: their inputs and outputs, and the proof."""

from typing import Any

import numpy as np

from keras_efficient.export.formats.litert import files

# The values of int8 and uint8 for the same number differ by this.
UINT8_SHIFT = 128


def require_integers(model: Any, kinds: list[str]) -> None:
    """Raise an error if an operator of a file computes in floating point.

    Args:
        model: A `ModelT`, as returned by `files.unpack`.
        kinds: Names of the file's operator codes, such as `"CONV_2D"`.

    Raises:
        ValueError: If a tensor is a float; the message names the operators.
    """
    from ai_edge_litert import schema_py_generated as schema

    types = schema.TensorType
    floats = {types.FLOAT16, types.FLOAT32, types.FLOAT64, types.BFLOAT16}
    (graph,) = model.subgraphs
    found = {
        kinds[operator.opcodeIndex]
        for operator in graph.operators
        for index in (*operator.inputs, *operator.outputs)
        if index >= 0 and graph.tensors[index].type in floats
    }
    if found:
        raise ValueError(
            "This network cannot be exported without floating point, because "
            "the quantizer has no integer version of these operators, or of "
            f"those around them: {', '.join(sorted(found))}. Omit `io_dtype`, "
            'or pass io_dtype="float32". Nothing was written.'
        )


def use_uint8(model: Any) -> None:
    """Change int8 inputs and outputs of a file to uint8.

    Operators before the first and behind the last one convert between the two,
    as `tf.lite.TFLiteConverter` writes them.

    Args:
        model: A `ModelT` with int8 inputs and outputs, changed in place.
    """
    from ai_edge_litert import schema_py_generated as schema

    (graph,) = model.subgraphs
    (signature,) = model.signatureDefs
    number = schema.BuiltinOperator.QUANTIZE
    # The first version that converts integers to integers.
    code = files.operator_code(model, number, version=2)
    first, last = [], []
    twins = {}
    for inside in (*graph.inputs, *graph.outputs):
        twins[inside] = _add_uint8_twin(graph, inside)
    for inside in graph.inputs:
        first.append(_quantize(code, twins[inside], inside))
    for inside in graph.outputs:
        last.append(_quantize(code, inside, twins[inside]))
    graph.operators = [*first, *graph.operators, *last]
    graph.inputs = [twins[inside] for inside in graph.inputs]
    graph.outputs = [twins[inside] for inside in graph.outputs]
    for entry in (*signature.inputs, *signature.outputs):
        entry.tensorIndex = twins[entry.tensorIndex]


def to_integers(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    """Convert numbers to the dtype of an interpreter's tensor.

    Args:
        values: Array of numbers.
        details: Details of the tensor, of `ai_edge_litert`.

    Returns:
        An array; the rounded integers if the tensor is quantized.
    """
    scale, zero = details["quantization"]
    dtype = np.dtype(details["dtype"])
    if not scale:
        return np.asarray(values, dtype)
    limits = np.iinfo(dtype)
    integers = np.rint(np.asarray(values, "float64") / scale) + zero
    return integers.clip(limits.min, limits.max).astype(dtype)


def to_floats(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    """Convert a copy of an interpreter's tensor to the numbers it stands for.

    Args:
        values: Array of the tensor's dtype.
        details: Details of the tensor, of `ai_edge_litert`.

    Returns:
        A float32 array if the tensor is quantized, otherwise one of its dtype.
    """
    scale, zero = details["quantization"]
    if not scale:
        return values.copy()
    return (values.astype("float32") - zero) * np.float32(scale)


def _quantize(code: int, source: int, target: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    operator = schema.OperatorT()
    operator.opcodeIndex = code
    operator.inputs, operator.outputs = [source], [target]
    operator.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
    operator.builtinOptions = schema.QuantizeOptionsT()
    return operator


def _add_uint8_twin(graph: Any, index: int) -> int:
    """Add a uint8 tensor that stands for the same numbers as an int8 one."""
    from ai_edge_litert import schema_py_generated as schema

    original = graph.tensors[index]
    twin = schema.TensorT()
    twin.name = original.name + b"_uint8"
    twin.shape = original.shape
    twin.shapeSignature = original.shapeSignature
    twin.type = schema.TensorType.UINT8
    # Buffer 0 is empty, that of tensors without constant values.
    twin.buffer = 0
    quantization = schema.QuantizationParametersT()
    quantization.scale = original.quantization.scale
    quantization.zeroPoint = [
        int(zero) + UINT8_SHIFT for zero in original.quantization.zeroPoint
    ]
    twin.quantization = quantization
    graph.tensors.append(twin)
    return len(graph.tensors) - 1
