"""Networks for inference: batch norm folded, nothing left to compute twice.

A fused network is an ordinary Keras model of the same classes. Batch norm is
part of the convolutions ahead of it, the weights of fusions are the numbers
that the inputs are multiplied by, and each level of a prediction head has the
convolutions that its own norms make of the shared ones.
"""

import keras

from keras_efficient.layers import WeightedFusion
from keras_efficient.layers.folding import copy_weights
from keras_efficient.layers.folding import fold
from keras_efficient.layers.weighted_fusion import fused_method

CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.Dense,
)


def fuse(model, dtype=None):
    """An inference model that gives what `model` gives, and is faster.

    Works for any functional or Sequential model, with models inside: each
    convolution or dense layer whose only reader is a batch norm takes it in,
    and layers of ours do so with what is inside of them. All others stay as
    they are. The weights are copies.

    Args:
        model: A `keras.Model`, functional or Sequential, built.
        dtype: String, the dtype of weights and of what is computed, such as
            `"bfloat16"`; the layers that give the outputs stay as they are.
            Defaults to `None`: each layer's own.

    Returns:
        A functional `keras.Model` with the same inputs and outputs, frozen.

    Raises:
        TypeError: If `model` has no graph of layers to see.

    Example:
    >>> images = keras.Input((8, 12, 3))
    >>> x = keras.layers.Conv2D(4, 3, use_bias=False)(images)
    >>> model = keras.Model(images, keras.layers.BatchNormalization()(x))
    >>> fused = keras_efficient.fusing.fuse(model)
    >>> model.count_params(), fused.count_params()
    (124, 112)
    """
    fused = _fused_graph(model, dtype, is_outermost=True)
    fill_fused(fused, model)
    fused.trainable = False
    return fused


def fill_fused(fused, model):
    """Gives a fused model the weights that `model` has now.

    Args:
        fused: A model that `fuse` has made, or `fused()` of a network.
        model: The model that it was made of.

    Returns:
        Nothing.

    Example:
    >>> images = keras.Input((8, 12, 3))
    >>> model = keras.Model(images, keras.layers.Dense(4)(images))
    >>> fused = keras_efficient.fusing.fuse(model)
    >>> model.set_weights([np.ones((3, 4)), np.zeros(4)])
    >>> keras_efficient.fusing.fill_fused(fused, model)
    >>> float(fused(np.ones((1, 8, 12, 3)))[0, 0, 0, 0])
    3.0
    """
    norm_of = {conv.name: norm for conv, norm in _foldable(model)}
    sources = {layer.name: layer for layer in model.layers}
    for target in fused.layers:
        if not target.weights:  # an input, maybe of another name
            continue
        source = sources[target.name]
        if isinstance(source, keras.Model):
            fill_fused(target, source)
        elif source.name in norm_of:
            fold(target, source, norm_of[source.name])
        elif hasattr(source, "fold_from") and not _is_fused(source):
            target.fold_from(source)
        else:
            copy_weights(target, source)


def _is_fused(layer):
    return getattr(layer, "fused", False)


def _fused_graph(model, dtype, is_outermost):
    """The graph of the fused model, its weights not filled yet."""
    plain = _as_functional(model)
    pairs = _foldable(model)
    convs = {conv.name for conv, _ in pairs}
    norms = {norm.name for _, norm in pairs}
    outputs = {x._keras_history.operation.name for x in plain.outputs}

    def clone(layer):
        if not isinstance(layer, keras.layers.Layer):  # `x + y`, say
            return layer
        is_output = is_outermost and layer.name in outputs
        own = None if is_output or _is_float32_output(layer) else dtype
        if isinstance(layer, keras.Model):
            return _fused_graph(layer, own, is_outermost=False)
        config = layer.get_config()
        if layer.name in convs:
            config["use_bias"] = True
        if "fused" in config:
            config["fused"] = True
        if isinstance(layer, WeightedFusion):
            config["weight_method"] = fused_method(layer.weight_method)
        if own is not None:
            config["dtype"] = own
        if isinstance(layer, keras.layers.Lambda):
            # Its code comes from this process, not from a file.
            return type(layer).from_config(config, safe_mode=False)
        return type(layer).from_config(config)

    def call(layer, *args, **kwargs):
        # A folded norm hands on what its convolution gives.
        return args[0] if layer.name in norms else layer(*args, **kwargs)

    fused = keras.models.clone_model(
        plain, clone_function=clone, call_function=call
    )
    fused.name = model.name
    return fused


def _is_float32_output(layer):
    """Whether a layer was given more digits than the policy's."""
    return layer.dtype_policy != keras.config.dtype_policy() and (
        layer.compute_dtype == "float32"
    )


def _as_functional(model):
    """A plain functional model of the same layers."""
    try:
        if isinstance(model, keras.Sequential):
            # Its `input` may be that of a model around it.
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


def _foldable(model):
    """Pairs of a convolution and the norm that can be folded into it."""
    plain = _as_functional(model)
    readers = {}
    seen, waiting = set(), list(plain.outputs)
    for tensor in plain.outputs:
        readers.setdefault(_key(tensor), []).append(None)
    calls = {}
    while waiting:
        node = _node_of(waiting.pop())
        if id(node) in seen:
            continue
        seen.add(id(node))
        calls.setdefault(node.operation, []).append(node)
        for tensor in node.input_tensors:
            readers.setdefault(_key(tensor), []).append(node.operation)
            waiting.append(tensor)
    pairs = []
    for layer, nodes in calls.items():
        if not isinstance(layer, CONVOLUTIONS) or len(nodes) > 1:
            continue
        (output,) = nodes[0].output_tensors
        found = readers[_key(output)]
        if len(found) == 1 and _folds(layer, found[0]):
            if len(calls[found[0]]) == 1:
                pairs.append((layer, found[0]))
    return pairs


def _node_of(tensor):
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def _key(tensor):
    history = tensor._keras_history
    return id(history.operation), history.node_index, history.tensor_index


def _folds(layer, norm):
    """Whether a norm follows a linear layer along its channels."""
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
