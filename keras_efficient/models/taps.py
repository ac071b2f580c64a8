"""Layers of `keras.applications` that are parts of layers here.

An `MBConvBlock` is one layer with the parts that are layers of their own in
`keras.applications`. Their tensors are found by the names they have there.
"""

import re
from typing import Any

import keras

from keras_efficient.converters.naming.variable_names import BLOCK_LAYERS
from keras_efficient.internals import keras_internals
from keras_efficient.layers import ImagePadding
from keras_efficient.layers import MBConvBlock
from keras_efficient.types import Tensor

# Layers that keras.applications names automatically, with a number if there
# are several.
_INPUT = re.compile(r"input(_layer)?(_\d+)?")
_RESCALING = re.compile(r"rescaling(_\d+)?")
_NORMALIZATION = re.compile(r"normalization(_\d+)?")


def layer_output(model: keras.Model, name: str) -> Tensor:
    """Return the output of a layer by its name in `keras.applications`.

    The tensor is part of the graph of the model: models that are built of it
    share the weights, and gradients of the outputs with respect to it are
    those of `keras.applications`.

    Args:
        model: A functional `keras.Model` that contains the layer or its block.
        name: String, name of a layer of the model, such as
            `"top_activation"`, or of a part of a block, such as
            `"block6a_expand_activation"`. Names that `keras.applications`
            assigns automatically are known without their number: `"input"`,
            `"rescaling"` (pixels divided by 255) and `"normalization"` (the
            normalized pixels).

    Returns:
        A `keras.KerasTensor`.

    Raises:
        ValueError: If the model has no layer or part of this name.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> names = ["block4a_expand_activation", "block6a_expand_activation"]
    >>> taps = [keras_efficient.models.layer_output(model, x) for x in names]
    >>> features = keras.Model(model.input, [*taps, model.output])
    >>> features.output_shape
    [(None, 28, 28, 240), (None, 14, 14, 672), (None, 1000)]
    """
    layer = find_layer(model, name)
    if isinstance(layer, MBConvBlock):
        return block_output(layer)
    return layer.output


def block_output(block: MBConvBlock) -> Tensor:
    """Return the output of a block in a functional model, without its taps."""
    return keras.tree.flatten(block.output)[0]


def find_layer(model: keras.Model, name: str) -> Any:
    """Return a layer, or the view of a part of a layer, by its name.

    Args:
        model: A functional `keras.Model`.
        name: See `layer_output`.

    Returns:
        A `keras.layers.Layer` or a `BlockPart`.

    Raises:
        ValueError: If the model has no layer or part of this name.
    """
    layers = {layer.name: layer for layer in model.layers}
    if name in layers:
        return layers[name]
    block, _, part = str(name).partition("_")
    if isinstance(layers.get(block), MBConvBlock):
        if part in layers[block].part_names:
            return BlockPart(layers[block], part)
        raise ValueError(
            f"The block {block!r} has no part {part!r}. Its parts are "
            f"{', '.join(f'{block}_{x}' for x in layers[block].part_names)}."
        )
    found = _first_layer(layers, str(name))
    if found is not None:
        return found
    raise ValueError(
        f"No such layer: {name!r}. Existing layers are: {list(layers)}. Names "
        "of keras.applications for layers inside a block, such as "
        "'block6a_expand_activation', work with `model.get_layer(name)` and "
        "with `keras_efficient.models.layer_output(model, name)` if the model "
        "contains the block. Models of `keras_efficient.applications` consist "
        "of the same layers as those of keras.applications."
    )


class BlockPart:
    """A part of a block as if it were a layer of a functional model.

    `output` and `input` are tensors of the graph, so that models can be built
    of them. All other attributes, such as `weights`, `kernel` and
    `get_weights`, are those of the layer inside the block. Activations, sums
    and other parts without weights have none of these.

    Args:
        block: A `layers.MBConvBlock` of a functional model.
        part: String, one of its `part_names`.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> part = model.get_layer("block6a_expand_conv")
    >>> part.output.shape, tuple(part.kernel.shape)
    ((None, 14, 14, 672), (1, 1, 112, 672))
    """

    def __init__(self, block: MBConvBlock, part: str) -> None:
        self._block = block
        self._part = part
        self.name = f"{block.name}_{part}"
        self.layer = _layer_of(block, part)

    @property
    def output(self) -> Tensor:
        """The output of the part, a `keras.KerasTensor`."""
        return _tapped(self._block, self._part)

    @property
    def input(self) -> Any:
        """The input of the part: one `keras.KerasTensor`, or a list of two."""
        block, names = self._block, list(self._block.part_names)
        if self._part == "dwconv" and "dwconv_pad" in names:
            # Inside the block, this convolution adds the zeros itself.
            names.remove("dwconv_pad")
        index = names.index(self._part)
        source = _tapped(block, names[index - 1]) if index else block.input
        if self._part == "se_excite":
            return [_tapped(block, "activation"), source]
        return [source, block.input] if self._part == "add" else source

    @property
    def weights(self) -> list[keras.Variable]:
        """The variables of the part."""
        return [] if self.layer is None else self.layer.weights

    @property
    def trainable(self) -> bool:
        """Whether the part is trained."""
        layer = self._block if self.layer is None else self.layer
        return layer.trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        if self.layer is not None:
            self.layer.trainable = trainable

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer inside the block."""
        return self.__getattr__("__call__")(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        layer = vars(self).get("layer")
        if layer is None:
            raise AttributeError(
                f"{vars(self).get('name')!r} is a part of the layer "
                f"{self._block.name!r} and has no attribute {name!r}. Models "
                "of `keras_efficient.applications` have a layer of this name."
            )
        return getattr(layer, name)

    def __repr__(self) -> str:
        return f"<BlockPart name={self.name}>"


def _layer_of(block: MBConvBlock, part: str) -> keras.layers.Layer | None:
    """Return the layer inside a block with the state of a part."""
    if part == "drop":
        return block.stochastic_depth
    if part not in BLOCK_LAYERS:
        return None
    layer = block
    for attribute in BLOCK_LAYERS[part][1].split("/"):
        layer = getattr(layer, attribute)
    return layer


def _tapped(block: MBConvBlock, part: str) -> Tensor:
    """Return the output of a part of a block."""
    output = block_output(block)
    if part == block.part_names[-1]:
        return output
    taps = list(keras_internals.call_arguments(output).get("taps", ()))
    if part in taps:
        outputs = keras_internals.node_of(output).output_tensors
    else:
        taps.append(part)
        outputs = keras_internals.extended_outputs(output, taps=taps)
    return outputs[1 + taps.index(part)]


def _first_layer(
    layers: dict[str, keras.layers.Layer], name: str
) -> keras.layers.Layer | None:
    """Return one of the layers before the first convolution."""
    if _INPUT.fullmatch(name):
        inputs = (
            x for x in layers.values() if isinstance(x, keras.layers.InputLayer)
        )
        return next(inputs, None)
    preprocessing = layers.get("preprocessing")
    if _NORMALIZATION.fullmatch(name):
        return preprocessing
    if _RESCALING.fullmatch(name) and preprocessing is not None:
        rescaling = keras.layers.Rescaling(1 / 255.0, name="rescaling")
        return _side_layer(preprocessing.input, rescaling)
    stem = layers.get("stem_conv")
    if name == "stem_conv_pad" and stem is not None:
        padding = ImagePadding(
            stem.kernel_size[0],
            stem.strides[0],
            stem.padding,
            data_format=stem.data_format,
            name=name,
        )
        return _side_layer(stem.input, padding)
    return None


def _side_layer(
    source: Tensor, layer: keras.layers.Layer
) -> keras.layers.Layer:
    """Call a layer on a tensor, or return the one that was called before."""
    for reader in keras_internals.readers_of(source):
        if reader.name == layer.name:
            return reader
    layer(source)
    return layer
