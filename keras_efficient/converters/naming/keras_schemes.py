"""Files whose names depend on the model: Keras' own, and older networks.

Keras' `.keras` and `.weights.h5` files number the layers of each class, such
as `layers/conv2d_1/vars/0`, so that only the model tells which variable an
array belongs to. Files of `keras.applications` for MobileNet, MobileNetV2 and
ResNet50 have the layer names of our networks, or older names in the same
order.
"""

import dataclasses
import re
from collections.abc import Iterable
from collections.abc import Iterator

import numpy as np

from keras_efficient.converters.naming.scheme import Arrays
from keras_efficient.converters.naming.scheme import LocatedArray
from keras_efficient.converters.naming.variable_names import CLASSIFIER
from keras_efficient.converters.naming.variable_names import Network
from keras_efficient.converters.normalization import is_normalization
from keras_efficient.internals import keras_internals

# What a file holds besides weights: optimizer, metrics, random seeds.
_NO_WEIGHTS = re.compile(r"^(optimizer|compile_metrics|_\w+)/|seed_generator")
# Layers that only a file may have, since a backbone ends before them.
_TOP_LAYERS = {
    "dense": CLASSIFIER,
    "conv2d": "top_conv",
    "conv_norm": "top_conv",
    "batch_normalization": "top_bn",
}
# Variables of `keras.layers.Normalization`, which keras.applications has.
_NORMALIZATION_VARIABLES = ("mean", "variance", "count")
# Paths in files of version 0.1, in which blocks, cells and heads contained
# convolutions and normalizations instead of `ConvNorm`. Heads contained a list
# of normalizations for each level; now each unit contains one for each level.
_BLOCK = r"(/mb_conv_block(?:_\d+)?/(?:expand|depthwise|project))"
_RESAMPLE = r"(/resample_features(?:_\d+)?)"
_CELL = r"(/\w+_layer(?:_\d+)?)"
_HEAD = r"(/prediction_head(?:_\d+)?)"
_PATHS_OF_0_1 = (
    (rf"{_BLOCK}_conv/", r"\1/conv/"),
    (rf"{_BLOCK}_bn/", r"\1/norm/"),
    (rf"{_RESAMPLE}/conv/", r"\1/project/conv/"),
    (rf"{_RESAMPLE}/bn/", r"\1/project/norm/"),
    (
        rf"{_CELL}/convs/(?:separable_)?conv2d(_\d+)?/",
        r"\1/conv_norms/conv_norm\2/conv/",
    ),
    (
        rf"{_CELL}/bns/batch_normalization(_\d+)?/",
        r"\1/conv_norms/conv_norm\2/norm/",
    ),
    (
        rf"{_HEAD}/convs/separable_conv2d(_\d+)?/",
        r"\1/conv_norms/shared_conv_norm\2/conv/",
    ),
    (
        rf"{_HEAD}/bns/container(_\d+)?/batch_normalization(_\d+)?/",
        r"\1/conv_norms/shared_conv_norm\3/norms/batch_normalization\2/",
    ),
)
_REWRITES = (
    (r"/depthwise_kernel$", "/kernel"),
    (r"^(conv_preds|probs|fc1000|Logits)/", f"{CLASSIFIER}/"),
)


@dataclasses.dataclass(frozen=True)
class KerasPaths:
    """Paths of variables in `.keras` and `.weights.h5` files.

    Attributes:
        name: Name of the scheme in reports.
        sets_normalization: `False`: the file holds the normalization, or was
            saved from a model without it.
    """

    name: str = "keras"
    sets_normalization: bool = False

    def locate(
        self, arrays: Arrays, network: Network
    ) -> Iterator[LocatedArray]:
        """Yield the weights in a file with their canonical names.

        Args:
            arrays: Dict of path in the file to array.
            network: The `Network` to load into.
        """
        names = {id(v): name for name, v in network.variables.items()}
        layer = network.preprocessing
        for variable in layer.weights if layer is not None else ():
            names[id(variable)] = f"preprocessing/{variable.name}"
        saved = keras_internals.saved_paths(network.model)
        for path, array in arrays.items():
            place = path if path in saved else _rename(path, _PATHS_OF_0_1)
            if place in saved:
                name = names.get(id(saved[place]))
                if name is not None:
                    yield LocatedArray(path, name, array)
            elif not _NO_WEIGHTS.search(path):
                yield LocatedArray(path, _unknown_name(path), array)


@dataclasses.dataclass(frozen=True)
class KerasNetworks:
    """Names of MobileNet, MobileNetV2 and ResNet50 in `keras.applications`.

    Attributes:
        name: Name of the scheme in reports.
        sets_normalization: `False`: each network has one normalization,
            which its builder sets.
    """

    name: str = "keras_applications"
    sets_normalization: bool = False

    def locate(
        self, arrays: Arrays, network: Network
    ) -> Iterator[LocatedArray]:
        """Yield the arrays of a file with the names of a model's variables.

        Args:
            arrays: Dict of name in the file to array, in the file's order.
            network: The `Network` to load into.
        """
        named = network.variables
        renamed = [_rename(name, _REWRITES) for name in arrays]
        weights = [name for name in renamed if not is_normalization(name)]
        values = list(arrays.values())
        shapes = [tuple(variable.shape) for variable in named.values()]
        if f"{CLASSIFIER}/kernel" in renamed:
            index = renamed.index(f"{CLASSIFIER}/kernel")
            values[index] = _to_matrix(values[index])
        if 2 * len(named.keys() & set(weights)) < len(named):
            # Older files name the layers differently. As Keras does, use the
            # order of the arrays if all shapes agree.
            in_order = list(values)
            if f"{CLASSIFIER}/kernel" in named and len(in_order) > 1:
                in_order[-2] = _to_matrix(in_order[-2])
            if [array.shape for array in in_order] == shapes:
                renamed, values = list(named), in_order
        yield from map(LocatedArray, arrays, renamed, values)


KERAS_PATHS = KerasPaths()
KERAS_NETWORKS = KerasNetworks()


def _unknown_name(path: str) -> str:
    """Name a path of a file that the model does not have."""
    normalization = re.fullmatch(
        r"layers/(normalization\w*)/vars/([012])", path
    )
    if normalization is not None:
        variable = _NORMALIZATION_VARIABLES[int(normalization[2])]
        return f"{normalization[1]}/{variable}"
    found = re.match(r"layers/([a-z0-9_]+?)(_\d+)?/.*?(\w+)$", path)
    if found is None or found[1] not in _TOP_LAYERS:
        return path
    return f"{_TOP_LAYERS[found[1]]}/{found[3]}"


def _rename(name: str, rewrites: Iterable[tuple[str, str]]) -> str:
    for pattern, replacement in rewrites:
        name = re.sub(pattern, replacement, name)
    return name


def _to_matrix(kernel: np.ndarray) -> np.ndarray:
    """Turn MobileNet's classifier, a 1x1 convolution, into a `Dense` kernel."""
    is_pixel = kernel.ndim == 4 and kernel.shape[:2] == (1, 1)
    return kernel.reshape(kernel.shape[2:]) if is_pixel else kernel
