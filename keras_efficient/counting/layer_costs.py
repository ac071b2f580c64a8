"""What one call of each kind of layer costs, in multiply-adds.

Of shapes with a batch of one.
"""

import math

import keras

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
_CELLS = (keras.layers.LSTMCell, keras.layers.GRUCell)
_CELLS = (*_CELLS, keras.layers.SimpleRNNCell)
_ATTENTIONS = (
    keras.layers.MultiHeadAttention,
    keras.layers.GroupQueryAttention,
    keras.layers.Attention,
)
# Their weights of two and more axes are looked up or used element by element.
_WITHOUT_PRODUCTS = (
    keras.layers.Embedding,
    keras.layers.PReLU,
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.SpectralNormalization,
)
# Names of the operations of `keras.ops` that stand in functional models.
_PRODUCTS = ("Matmul", "Dot", "Tensordot")
_CONV_OPS = ("Conv", "DepthwiseConv")
# Layers that run others in ways that differ by backend: counted as a whole.
WHOLES = (keras.layers.RNN, keras.layers.TimeDistributed)


def costs_something(operation):
    """Whether calls of a layer or an operation are to be counted.

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
    own = operation._trainable_variables + operation._non_trainable_variables
    return any(len(variable.shape) > 1 for variable in own)


def count_call(operation, arguments, outputs, count_inner):
    """Multiply-adds of one call.

    Args:
        operation: A Keras layer, or an operation of a functional model.
        arguments: The call's positional arguments; behind them the others, in
            their order.
        outputs: What the call gave.
        count_inner: Function of a layer and an input shape that counts one
            call of the layer.

    Returns:
        An integer.

    Raises:
        NotImplementedError: If the layer is of no known kind.
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


def _count_layer(layer, input_shape, output_shape):
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


def _count_attention(layer, shapes):
    """The products of queries with keys, and of these with values."""
    query, value = shapes[:2]
    pairs = math.prod(query[1:-1]) * math.prod(value[1:-1])
    if isinstance(layer, keras.layers.Attention):
        return pairs * (query[-1] + value[-1])
    if isinstance(layer, keras.layers.GroupQueryAttention):
        return pairs * layer.num_query_heads * 2 * layer.head_dim
    return pairs * layer.num_heads * (layer.key_dim + layer.value_dim)


def _cells(layer):
    cell = layer.cell
    return (
        cell.cells if isinstance(cell, keras.layers.StackedRNNCells) else [cell]
    )


def _count_cell(cell):
    if not isinstance(cell, _CELLS):
        raise NotImplementedError(
            f"The multiply-adds of the cell {type(cell).__name__} are not "
            "known. Known are those of LSTM, GRU and SimpleRNN."
        )
    kernels = cell.kernel, cell.recurrent_kernel
    return sum(math.prod(kernel.shape) for kernel in kernels)


def _count_operation(operation, shapes, output_shape):
    name = type(operation).__name__
    if name in _CONV_OPS:
        return _places(operation, output_shape) * math.prod(shapes[1])
    if name == "Matmul":
        return math.prod(output_shape) * shapes[0][-1]
    if name == "Einsum":
        *inputs, output = _letters(operation.subscripts)
        sizes = {}
        for letters, shape in zip(inputs, shapes, strict=True):
            # An ellipsis stands for axes of the output.
            named = reversed(letters.replace(".", ""))
            sizes |= dict(zip(named, reversed(shape), strict=False))
        inner = [size for x, size in sizes.items() if x not in output]
        return math.prod(output_shape) * math.prod(inner)
    # Of two tensors, every number of one meets those of the other with which
    # it shares the axes that are summed over.
    both = math.prod(shapes[0]) * math.prod(shapes[1])
    return math.isqrt(both * math.prod(output_shape))


def _letters(equation):
    """The letters of the inputs and of the output of an einsum."""
    inputs, _, output = equation.replace(" ", "").partition("->")
    return [*inputs.split(","), output]


def _places(layer, shape):
    """How many places of one image a kernel is used at."""
    if layer.data_format == "channels_last":
        return math.prod(shape[1:-1])
    return math.prod(shape[2:])
