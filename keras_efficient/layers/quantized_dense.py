"""Dense layers that `model.quantize` of Keras has quantized, as floats again.

Their variables differ with the mode (`"int8"`, `"int4"`, `"float8"`, ...), and
fused networks and exports contain no operations for them.
"""

import keras
from keras import ops


def is_quantized_dense(layer: keras.layers.Layer) -> bool:
    """Return whether a layer is a dense layer with quantized weights."""
    if not isinstance(layer, keras.layers.Dense):
        return False
    return layer.quantization_mode is not None


def float_policy(layer: keras.layers.Layer) -> str:
    """Return the dtype policy that a layer had before it was quantized."""
    compute = layer.compute_dtype
    is_mixed = layer.variable_dtype != compute
    return f"mixed_{compute}" if is_mixed else compute


def copy_dequantized(
    target: keras.layers.Dense, source: keras.layers.Dense
) -> None:
    """Assign to a dense layer the values of a quantized one.

    Args:
        target: A built `keras.layers.Dense` that is not quantized.
        source: A quantized `keras.layers.Dense` of the same size.
    """
    config = source.get_config()
    linear = type(source).from_config({**config, "activation": "linear"})
    # The result for the unit vectors is the kernel, whatever the mode. Their
    # ones and zeros are exact if the layer also quantizes its inputs.
    size = target.kernel.shape[0]
    linear.build((None, size))
    # By name: their order differs between new and quantized layers.
    values = {x.name: ops.convert_to_numpy(x) for x in source.variables}
    for variable in linear.variables:
        variable.assign(values[variable.name])
    if source.use_bias:
        linear.bias.assign(ops.zeros(linear.bias.shape))
        target.bias.assign(ops.convert_to_numpy(source.bias))
    kernel = ops.cast(linear(ops.eye(size)), "float32")
    target.kernel.assign(ops.convert_to_numpy(kernel))
