"""One canonical name for each variable of a network.

In an EfficientNet it is the name that `keras.applications` uses, such as
`"block2a_expand_conv/kernel"`, `"block2a_dwconv/kernel"` or
`"block2a_bn/gamma"`. Every other variable is named by its path in Keras. The
names that other libraries use for the same variables are tables in
`classification_schemes` and `detection_schemes`.
"""

import dataclasses
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping

import keras

# Variables of each kind of layer, by their names in Keras.
_CONV = _DEPTHWISE = ("kernel",)
_CONV_WITH_BIAS = _DENSE = ("kernel", "bias")
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
CLASSIFIER = "predictions"
# The last convolutions of a detector's heads.
CLASS_PREDICTOR = "class_head/predictor"
BOX_PREDICTOR = "box_head/predictor"
# Layers before and after the blocks.
END_LAYERS = {
    "stem_conv": _CONV,
    "stem_bn": _NORM,
    "top_conv": _CONV,
    "top_bn": _NORM,
    CLASSIFIER: _DENSE,
}
# Layers of a block: their variables, and their path in an `MBConvBlock`.
BLOCK_LAYERS = {
    "expand_conv": (_CONV, "expand/conv"),
    "expand_bn": (_NORM, "expand/norm"),
    "dwconv": (_DEPTHWISE, "depthwise/conv"),
    "bn": (_NORM, "depthwise/norm"),
    "se_reduce": (_CONV_WITH_BIAS, "squeeze_excite/reduce_conv"),
    "se_expand": (_CONV_WITH_BIAS, "squeeze_excite/expand_conv"),
    "project_conv": (_CONV, "project/conv"),
    "project_bn": (_NORM, "project/norm"),
}
# The first variables of MobileNet, MobileNetV2 and ResNet50; no EfficientNet
# has such layers.
_FIRST_CONVOLUTIONS = {"conv1/kernel", "Conv1/kernel", "conv1_conv/kernel"}
_BLOCK = re.compile(r"block(\d+)([a-z]+)")


@dataclasses.dataclass(frozen=True, order=True)
class Block:
    """Position of a block within the network.

    Attributes:
        stage: Number of its stage, from 1.
        repeat: Its position in the stage, from 0.
        has_expand: Whether it has an expansion convolution, without which
            some libraries number the layers of the block differently.
        name: Its name, such as `"block2a"`.
        index: Its position among all blocks, from 0.
    """

    stage: int
    repeat: int
    has_expand: bool = dataclasses.field(compare=False)
    name: str = dataclasses.field(compare=False)
    index: int = dataclasses.field(default=0, compare=False)


@dataclasses.dataclass(frozen=True)
class Network:
    """A model and its variables by canonical name.

    Attributes:
        model: The model.
        variables: Result of `named_variables(model)`.
        blocks: Result of `blocks_in(variables)`.
        preprocessing: The layer that normalizes pixels, or `None`.
        is_keras_network: Whether it is a MobileNet or a ResNet.
    """

    model: keras.Model
    variables: Mapping[str, keras.Variable]
    blocks: tuple[Block, ...]
    preprocessing: keras.layers.Layer | None
    is_keras_network: bool

    @classmethod
    def of(cls, model: keras.Model) -> "Network":
        """Return the network of a model."""
        variables = named_variables(model)
        layer = find_layer(model, "preprocessing")
        if layer is not None and not is_preprocessing(layer):
            layer = None
        return cls(
            model=model,
            variables=variables,
            blocks=blocks_in(variables),
            preprocessing=layer,
            is_keras_network=not _FIRST_CONVOLUTIONS.isdisjoint(variables),
        )


def blocks_in(names: Iterable[str]) -> tuple[Block, ...]:
    """Find the blocks of a network in the canonical names of its variables.

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


def named_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the variables of a network by their canonical names.

    Args:
        model: An EfficientNet, or a model that contains one. Variables
            outside of an EfficientNet are named by their Keras path. The
            mean and standard deviation of a layer named `preprocessing` are
            not included.

    Returns:
        A dict of canonical name to `keras.Variable`, in the model's order.

    Raises:
        ValueError: If two variables have the same name, as in a model with
            two EfficientNets.

    Example:
    >>> from keras_efficient.converters.naming import variable_names
    >>> model = keras_efficient.EfficientNet(
    ...     stages=keras_efficient.variants.EFFICIENTNET_STAGES[:1],
    ...     width_coefficient=0.25,
    ...     include_top=False,
    ... )
    >>> list(variable_names.named_variables(model))[5:8]
    ['block1a_dwconv/kernel', 'block1a_bn/gamma', 'block1a_bn/beta']
    """
    named: dict[str, keras.Variable] = {}
    for layer in leaf_layers(model):
        if is_preprocessing(layer):
            continue
        for name, variable in _variables_of(layer):
            if name in named:
                raise ValueError(
                    f"The model {model.name!r} has two variables named "
                    f"{name!r}. Load the weights of each of its networks "
                    "separately."
                )
            named[name] = variable
    return named


def leaf_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a model and of the models within it."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaf_layers(layer)
        else:
            yield layer


def is_preprocessing(layer: keras.layers.Layer) -> bool:
    """Return whether a layer normalizes pixels by a `mean` and a `std`."""
    return layer.name == "preprocessing" and hasattr(layer, "std")


def find_layer(model: keras.Model, name: str) -> keras.layers.Layer | None:
    """Return the layer with a name in a model or the models within it.

    Args:
        model: The model to search.
        name: Name of the layer.

    Returns:
        The layer, or `None` if there is no layer of this name.
    """
    layers = (layer for layer in leaf_layers(model) if layer.name == name)
    return next(layers, None)


def _variables_of(
    layer: keras.layers.Layer,
) -> Iterator[tuple[str, keras.Variable]]:
    if _BLOCK.fullmatch(layer.name) and hasattr(layer, "depthwise"):
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


def _number(letters: str) -> int:
    """Count as spreadsheet columns do: a is 0, z is 25, aa is 26."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("a") + 1
    return number - 1
