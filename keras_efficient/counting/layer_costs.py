"""Multiply-adds of one call of each kind of layer, for a batch of one."""

import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras

from keras_efficient.internals import keras_internals
from keras_efficient.types import Shape

_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
)
_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_CELLS = (
    keras.layers.LSTMCell,
    keras.layers.GRUCell,
    keras.layers.SimpleRNNCell,
)
_ATTENTIONS = (
    keras.layers.MultiHeadAttention,
    keras.layers.GroupQueryAttention,
    keras.layers.Attention,
)
# Their weights with two or more axes take part in no matrix product.
_WITHOUT_PRODUCTS = (
    keras.layers.Embedding,
    keras.layers.PReLU,
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.SpectralNormalization,
)
# Names of operations of `keras.ops` in functional models.
_PRODUCTS = ("Matmul", "Dot", "Tensordot")
_CONV_OPS = ("Conv", "DepthwiseConv")
# Layers that run inner layers in ways that depend on the backend. They are
# counted as a whole.
WHOLES = (keras.layers.RNN, keras.layers.TimeDistributed)


def has_cost(operation: keras.Operation) -> bool:
    """Return whether calls of a layer or an operation are counted.

    Args:
        operation: A Keras layer, or an operation of a functional model.

    Returns:
        A boolean.
    """
    if not isinstance(operation, keras.layers.Layer):
        name = type(operation).__name__
        return name in (*_PRODUCTS, *_CONV_OPS, "Einsum")
    if isinstance(operation, (*WHOLES, *_ATTENTIONS)):
        return True
    if isinstance(operation, _WITHOUT_PRODUCTS):
        return False
    return any(
        len(variable.shape) > 1
        for variable in keras_internals.own_variables(operation)
    )


def count_call(
    operation: keras.Operation,
    arguments: Sequence[Any],
    outputs: Any,
    count_inner: Callable[[keras.layers.Layer, Shape], int],
) -> int:
    """Return the multiply-adds of one call.

    Args:
        operation: A Keras layer, or an operation of a functional model.
        arguments: The positional arguments of the call, followed by the
            values of its keyword arguments.
        outputs: The outputs of the call.
        count_inner: Function of a layer and an input shape that counts one
            call of the layer.

    Returns:
        An integer.

    Raises:
        NotImplementedError: If the kind of layer is unknown.
    """
    shapes = [
        tuple(x.shape)
        for x in keras.tree.flatten(arguments[:2])
        if hasattr(x, "shape")
    ]
    output_shape = tuple(keras.tree.flatten(outputs)[0].shape)
    if not isinstance(operation, keras.layers.Layer):
        return _count_operation(operation, shapes, output_shape)
    if isinstance(operation, keras.layers.TimeDistributed):
        _, steps, *shape = shapes[0]
        return steps * count_inner(operation.layer, (1, *shape))
    if isinstance(operation, keras.layers.RNN):
        return shapes[0][1] * sum(map(_count_cell, _cells(operation)))
    if isinstance(operation, _ATTENTIONS):
        return _count_attention(operation, shapes)
    return _count_layer(operation, shapes[0], output_shape)


def _count_layer(
    layer: keras.layers.Layer, input_shape: Any, output_shape: Any
) -> int:
    if isinstance(layer, keras.layers.Dense):
        return math.prod(input_shape[:-1]) * math.prod(layer.kernel.shape)
    if isinstance(layer, keras.layers.EinsumDense):
        _, kernel, output = _letters(layer.equation)
        inner = [
            size
            for letter, size in zip(kernel, layer.kernel.shape, strict=True)
            if letter not in output
        ]
        return math.prod(output_shape) * math.prod(inner)
    if isinstance(layer, _TRANSPOSED):
        return _places(layer, input_shape) * math.prod(layer.kernel.shape)
    if isinstance(layer, _SEPARABLE):
        size = math.prod(layer.depthwise_kernel.shape)
        size += math.prod(layer.pointwise_kernel.shape)
        return _places(layer, output_shape) * size
    if isinstance(layer, _CONVOLUTIONS):
        return _places(layer, output_shape) * math.prod(layer.kernel.shape)
    raise NotImplementedError(
        f"The multiply-adds of {type(layer).__name__} {layer.path!r} are not "
        "known. Pass `counters={"
        f"{type(layer).__name__}: function}}`, a function of the layer, its "
        "input shape and its output shape."
    )


def _count_attention(layer: keras.layers.Layer, shapes: Any) -> int:
    """Count the products of queries with keys, and of these with values."""
    query, value = shapes[:2]
    pairs = math.prod(query[1:-1]) * math.prod(value[1:-1])
    if isinstance(layer, keras.layers.Attention):
        return pairs * (query[-1] + value[-1])
    if isinstance(layer, keras.layers.GroupQueryAttention):
        return pairs * layer.num_query_heads * 2 * layer.head_dim
    return pairs * layer.num_heads * (layer.key_dim + layer.value_dim)


def _cells(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    cell = layer.cell
    return (
        cell.cells if isinstance(cell, keras.layers.StackedRNNCells) else [cell]
    )


def _count_cell(cell: keras.layers.Layer) -> int:
    if not isinstance(cell, _CELLS):
        raise NotImplementedError(
            f"The multiply-adds of the cell {type(cell).__name__} are "
            "unknown. Supported cells are those of LSTM, GRU and SimpleRNN."
        )
    kernels = cell.kernel, cell.recurrent_kernel
    return sum(math.prod(kernel.shape) for kernel in kernels)


def _count_operation(
    operation: keras.Operation, shapes: Any, output_shape: Any
) -> int:
    name = type(operation).__name__
    if name in _CONV_OPS:
        return _places(operation, output_shape) * math.prod(shapes[1])
    if name == "Matmul":
        return math.prod(output_shape) * shapes[0][-1]
    if name == "Einsum":
        *inputs, output = _letters(operation.subscripts)
        sizes: dict[str, int] = {}
        for letters, shape in zip(inputs, shapes, strict=True):
            # An ellipsis stands for axes of the output.
            named = reversed(letters.replace(".", ""))
            sizes |= dict(zip(named, reversed(shape), strict=False))
        inner = [size for x, size in sizes.items() if x not in output]
        return math.prod(output_shape) * math.prod(inner)
    # `Dot` and `Tensordot`: the product of all sizes has each summed axis
    # twice and each other axis once, the output has each other axis once.
    both = math.prod(shapes[0]) * math.prod(shapes[1])
    return math.isqrt(both * math.prod(output_shape))


def _letters(equation: str) -> list[str]:
    """Return the letters of the inputs and of the output of an einsum."""
    inputs, _, output = equation.replace(" ", "").partition("->")
    return [*inputs.split(","), output]


def _places(layer: Any, shape: Any) -> int:
    """Return the number of positions of one image that a kernel is used at."""
    if layer.data_format == "channels_last":
        return math.prod(shape[1:-1])
    return math.prod(shape[2:])
