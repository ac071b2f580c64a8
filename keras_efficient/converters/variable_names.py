"""One canonical name for each variable of a network.

In an EfficientNet it is the name that `keras.applications` gives it, such as
`"block2a_expand_conv/kernel"`, `"block2a_dwconv/kernel"` or
`"block2a_bn/gamma"`; of what else an EfficientDet has, its path in Keras. How
other libraries call the same variables stands in
`keras_efficient.converters.naming_schemes` and `detector_schemes`.
"""

import dataclasses
import re

import keras
import numpy as np

# Variables of each kind of layer, by their names in Keras.
_CONV = _DEPTHWISE = ("kernel",)
_CONV_WITH_BIAS = _DENSE = ("kernel", "bias")
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
CLASSIFIER = "predictions"
# The last convolutions of a detector's heads.
CLASS_PREDICTOR = "class_head/predictor"
BOX_PREDICTOR = "box_head/predictor"
# Layers ahead of and behind the blocks.
END_LAYERS = {
    "stem_conv": _CONV,
    "stem_bn": _NORM,
    "top_conv": _CONV,
    "top_bn": _NORM,
    CLASSIFIER: _DENSE,
}
# Layers of a block: their variables, and where an `MBConvBlock` has them.
BLOCK_LAYERS = {
    "expand_conv": (_CONV, "expand_conv"),
    "expand_bn": (_NORM, "expand_bn"),
    "dwconv": (_DEPTHWISE, "depthwise_conv"),
    "bn": (_NORM, "depthwise_bn"),
    "se_reduce": (_CONV_WITH_BIAS, "squeeze_excite/reduce_conv"),
    "se_expand": (_CONV_WITH_BIAS, "squeeze_excite/expand_conv"),
    "project_conv": (_CONV, "project_conv"),
    "project_bn": (_NORM, "project_bn"),
}
_BLOCK = re.compile(r"block(\d+)([a-z]+)")


@dataclasses.dataclass(frozen=True, order=True)
class Block:
    """Place of a block within the network.

    Attributes:
        stage: Number of its stage, from 1.
        repeat: Its place in the stage, from 0.
        has_expand: Whether it widens its input before the depthwise
            convolution, which shifts the numbers of some libraries.
        name: Its name, such as `"block2a"`.
        index: Its place among all blocks, from 0.
    """

    stage: int
    repeat: int
    has_expand: bool = dataclasses.field(compare=False)
    name: str = dataclasses.field(compare=False)
    index: int = dataclasses.field(default=0, compare=False)


def blocks_in(names):
    """Finds the blocks of a network in the canonical names of its variables.

    Args:
        names: Canonical names, an iterable of strings.

    Returns:
        A tuple of `Block`, in the order of the network.
    """
    names = set(names)
    found = {match[0]: match for match in map(_BLOCK.match, names) if match}
    blocks = sorted(
        Block(
            stage=int(match[1]),
            repeat=_number(match[2]),
            has_expand=f"{name}_expand_conv/kernel" in names,
            name=name,
        )
        for name, match in found.items()
    )
    return tuple(
        dataclasses.replace(block, index=i) for i, block in enumerate(blocks)
    )


def named_variables(model):
    """The variables of a network by their canonical names.

    Args:
        model: An EfficientNet, or a model that contains one. What is no part
            of an EfficientNet keeps its Keras path as its name; the mean and
            deviation of a layer called `preprocessing` are left out.

    Returns:
        A dict of canonical name to `keras.Variable`, in the model's order.

    Raises:
        ValueError: If two variables have one name, as in a model with two
            EfficientNets.

    Example:
    >>> from keras_efficient.converters.variable_names import named_variables
    >>> model = keras_efficient.EfficientNet(
    ...     stages=keras_efficient.variants.EFFICIENTNET_STAGES[:1],
    ...     width_coefficient=0.25,
    ...     include_top=False,
    ... )
    >>> list(named_variables(model))[5:8]
    ['block1a_dwconv/kernel', 'block1a_bn/gamma', 'block1a_bn/beta']
    """
    named = {}
    for layer in leaf_layers(model):
        if is_preprocessing(layer):
            continue
        for name, variable in _variables_of(layer):
            if name in named:
                raise ValueError(
                    f"The model {model.name!r} has two variables {name!r}. "
                    "Load each network by itself."
                )
            named[name] = variable
    return named


def leaf_layers(model):
    """Yields the layers of a model and of the models within it."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaf_layers(layer)
        else:
            yield layer


def is_preprocessing(layer):
    """Whether a layer normalises pixels by a `mean` and a `std`."""
    return layer.name == "preprocessing" and hasattr(layer, "std")


def find_layer(model, name):
    """The layer of a name in a model or the models within it, or `None`."""
    layers = (layer for layer in leaf_layers(model) if layer.name == name)
    return next(layers, None)


def as_float32(array):
    """The array as Keras stores it: plain numbers in float32."""
    return np.ascontiguousarray(array, dtype="float32")


def _variables_of(layer):
    if _BLOCK.fullmatch(layer.name) and hasattr(layer, "depthwise_conv"):
        for part, (_, path) in BLOCK_LAYERS.items():
            inner = layer
            for attribute in path.split("/"):
                inner = getattr(inner, attribute, None)
            for variable in inner.weights if inner is not None else ():
                yield f"{layer.name}_{part}/{variable.name}", variable
    elif layer.name in END_LAYERS or _BLOCK.match(layer.name):
        for variable in layer.weights:
            yield f"{layer.name}/{variable.name}", variable
    else:
        for variable in layer.weights:
            yield variable.path, variable


def _number(letters):
    """Counts as the columns of a sheet: a is 0, z is 25, aa is 26."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("a") + 1
    return number - 1
