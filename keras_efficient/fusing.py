"""Models for inference, in which everything constant is computed once.

A fused model is an ordinary Keras model of the same classes. Batch
normalization is part of the preceding convolutions, fusion weights are
normalized, and each level of a prediction head has its own convolutions,
because each has its own normalization.
"""

from typing import Any

import keras

from keras_efficient.internals import keras_internals
from keras_efficient.layers.folding import Foldable
from keras_efficient.layers.folding import copy_weights
from keras_efficient.layers.folding import fold_normalization
from keras_efficient.layers.folding import fold_weights
from keras_efficient.layers.folding import folding_scope
from keras_efficient.layers.folding import unfolded_scope
from keras_efficient.layers.mbconv import DEPTHWISE
from keras_efficient.layers.mbconv import EXPAND
from keras_efficient.layers.mbconv import PROJECT
from keras_efficient.layers.quantized_dense import copy_dequantized
from keras_efficient.layers.quantized_dense import float_policy
from keras_efficient.layers.quantized_dense import is_quantized_dense

CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.Dense,
)

# Parts of a block whose outputs are needed before the normalization.
UNFOLDED_TAPS = {EXPAND[0], DEPTHWISE[0], PROJECT[0]}


def fuse(model: keras.Model, dtype: str | None = None) -> keras.Model:
    """Return a faster model for inference with the outputs of `model`.

    Works for any functional or Sequential model, including nested models: a
    convolution or dense layer whose output only a batch normalization uses
    absorbs it, and the layers of this package fold what is inside them. A
    dense layer that was quantized (`model.quantize`) becomes one of floats
    with the values of the quantized weights. All other layers stay as they
    are. The weights are copies.

    Args:
        model: A `keras.Model`, functional or Sequential, built.
        dtype: String, the dtype of weights and computation, such as
            `"bfloat16"`; the layers that return the outputs stay as they are.
            Defaults to `None`, the dtype of each layer.

    Returns:
        A functional `keras.Model` with the same inputs and outputs, frozen.

    Raises:
        TypeError: If `model` is neither functional nor Sequential.

    Example:
    >>> images = keras.Input((8, 12, 3))
    >>> x = keras.layers.Conv2D(4, 3, use_bias=False)(images)
    >>> model = keras.Model(images, keras.layers.BatchNormalization()(x))
    >>> fused = keras_efficient.fusing.fuse(model)
    >>> model.count_params(), fused.count_params()
    (124, 112)
    """
    with folding_scope():
        fused = _fused_graph(model, dtype, is_outermost=True)
    fill_fused(fused, model)
    fused.trainable = False
    return fused


def fill_fused(fused: keras.Model, model: keras.Model) -> None:
    """Update the weights of a fused model from the model it was made from.

    Args:
        fused: A model returned by `fuse` or by `fused()` of a network.
        model: The model that it was made from.

    Example:
    >>> images = keras.Input((8, 12, 3))
    >>> model = keras.Model(images, keras.layers.Dense(4)(images))
    >>> fused = keras_efficient.fusing.fuse(model)
    >>> model.set_weights([np.ones((3, 4)), np.zeros(4)])
    >>> keras_efficient.fusing.fill_fused(fused, model)
    >>> float(fused(np.ones((1, 8, 12, 3)))[0, 0, 0, 0])
    3.0
    """
    norm_of = {conv.name: norm for conv, norm in _foldable_pairs(model)}
    sources = {layer.name: layer for layer in model.layers}
    for target in fused.layers:
        if not target.weights:  # An input may have another name.
            continue
        source = sources[target.name]
        if isinstance(source, keras.Model):
            fill_fused(target, source)
        elif source.name in norm_of:
            fold_normalization(target, source, norm_of[source.name])
        elif isinstance(source, Foldable):
            fold_weights(target, source)
        elif is_quantized_dense(source):
            copy_dequantized(target, source)
        else:
            copy_weights(target, source)


def _fused_graph(
    model: keras.Model, dtype: Any, is_outermost: bool
) -> keras.Model:
    """Return the graph of the fused model with initial weights."""
    plain = _as_functional(model)
    pairs = _foldable_pairs(model)
    convs = {conv.name for conv, _ in pairs}
    norms = {norm.name for _, norm in pairs}
    outputs = {keras_internals.operation_of(x).name for x in plain.outputs}

    def clone(layer):
        if not isinstance(layer, keras.layers.Layer):  # Such as `x + y`.
            return layer
        is_output = is_outermost and layer.name in outputs
        own = None if is_output or _is_float32_output(layer) else dtype
        if isinstance(layer, keras.Model):
            return _fused_graph(layer, own, is_outermost=False)
        config = layer.get_config()
        if layer.name in convs:
            config["use_bias"] = True
        if is_quantized_dense(layer):
            config["dtype"] = float_policy(layer)
            config.pop("quantization_config", None)
        if own is not None:
            config["dtype"] = own
        if isinstance(layer, keras.layers.Lambda):
            # Its code comes from this process, not from a file.
            return type(layer).from_config(config, safe_mode=False)
        return type(layer).from_config(config)

    def call(layer, *args, **kwargs):
        if layer.name in norms:
            # It passes on the output of its convolution.
            return args[0]
        if not UNFOLDED_TAPS.isdisjoint(kwargs.get("taps", ())):
            with unfolded_scope():
                return layer(*args, **kwargs)
        return layer(*args, **kwargs)

    fused = keras.models.clone_model(
        plain, clone_function=clone, call_function=call
    )
    fused.name = model.name
    return fused


def _is_float32_output(layer: keras.layers.Layer) -> bool:
    """Return whether a layer computes in float32 against the policy."""
    return layer.dtype_policy != keras.config.dtype_policy() and (
        layer.compute_dtype == "float32"
    )


def _as_functional(model: keras.Model) -> keras.Model:
    """Return a plain functional model of the same layers."""
    try:
        if isinstance(model, keras.Sequential):
            # Its `input` may be that of an enclosing model.
            (inputs,), (outputs,) = model.inputs, model.outputs
        else:
            inputs, outputs = model.input, model.output
    except (AttributeError, ValueError) as error:
        raise TypeError(
            "Only functional and Sequential models that are built have a "
            "graph that can be fused. Received: "
            f"model={model.name!r}, a {type(model).__name__}"
        ) from error
    return keras.Model(inputs, outputs, name=model.name)


def _foldable_pairs(
    model: keras.Model,
) -> list[tuple[keras.layers.Layer, keras.layers.Layer]]:
    """Return pairs of a convolution and a normalization it can absorb."""
    plain = _as_functional(model)
    readers: dict[tuple, list] = {}
    for tensor in plain.outputs:
        readers.setdefault(keras_internals.tensor_key(tensor), []).append(None)
    calls: dict[Any, list] = {}
    for node in keras_internals.walk_nodes(plain.outputs):
        calls.setdefault(node.operation, []).append(node)
        for tensor in node.input_tensors:
            key = keras_internals.tensor_key(tensor)
            readers.setdefault(key, []).append(node.operation)
    pairs = []
    for layer, nodes in calls.items():
        if not isinstance(layer, CONVOLUTIONS) or len(nodes) > 1:
            continue
        if is_quantized_dense(layer):
            continue
        (output,) = nodes[0].output_tensors
        found = readers[keras_internals.tensor_key(output)]
        if len(found) == 1 and _absorbs(layer, found[0]):
            if len(calls[found[0]]) == 1:
                pairs.append((layer, found[0]))
    return pairs


def _absorbs(layer: keras.layers.Layer, norm: Any) -> bool:
    """Return whether a linear layer can absorb the layer that follows it."""
    if not isinstance(norm, keras.layers.BatchNormalization):
        return False
    is_first = getattr(layer, "data_format", None) == "channels_first"
    rank = len(layer.output.shape)
    axis = 1 if is_first else rank - 1
    is_linear = keras.activations.get(layer.activation) in (
        None,
        keras.activations.linear,
    )
    return is_linear and norm.axis % rank == axis
