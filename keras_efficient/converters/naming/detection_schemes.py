"""Names of the variables of an EfficientDet in google/automl and effdet.

Their backbones have the names of `classification_schemes`. All other names are
rewritten to the canonical name, the path of the variable in an `EfficientDet`
with BiFPN. They follow google/automl
`efficientdet/tf2/efficientdet_keras.py` and effdet `efficientdet.py`.
"""

import dataclasses
import re
from collections.abc import Container

import numpy as np

from keras_efficient.converters.naming.classification_schemes import TENSORFLOW
from keras_efficient.converters.naming.classification_schemes import TIMM
from keras_efficient.converters.naming.scheme import Arrays
from keras_efficient.converters.naming.scheme import without_expand
from keras_efficient.feature_graphs import bifpn_nodes

# Finest level of all published detectors.
MIN_LEVEL = 3
# More than the nodes of a BiFPN with levels for images of any size.
MAX_NODES = 64
# Prefix of the canonical names, except those of the backbone.
_CANONICAL = r"^(resample_p\d+|bifpn_\d+|class_head|box_head)/"


def stack_fusion_weights(arrays: Arrays) -> Arrays:
    """Stack the fusion weights of each node, stored one by one, in one array.

    Args:
        arrays: Dict of google/automl's names to arrays, with `.../WSM`,
            `.../WSM_1`, ...

    Returns:
        A dict in which `.../WSM` contains all of them. Weights of different
        shapes are returned unchanged.
    """
    stacks: dict[str, dict[int, np.ndarray]] = {}
    others = {}
    for name, array in arrays.items():
        found = re.fullmatch(r"(.*/WSM)(?:_(\d+))?", name)
        if found is None:
            others[name] = array
        else:
            stacks.setdefault(found[1], {})[int(found[2] or 0)] = array
    for name, numbered in stacks.items():
        weights = [numbered[i] for i in sorted(numbered)]
        if len({array.shape for array in weights}) == 1:
            others[name] = np.stack(weights)
        else:
            others.update((f"{name}_{i}", x) for i, x in numbered.items())
    return others


def _prepare_objects(arrays: Arrays) -> Arrays:
    """Name edges by their source instead of their number; stack weights."""
    nodes = [re.search(r"/fnodes/(\d+)/", name) for name in arrays]
    numbers = {int(node[1]) for node in nodes if node}
    last = max((x for x in numbers if x < MAX_NODES), default=1)
    # Down and up the pyramid: two nodes for each level after the first.
    graph = bifpn_nodes(MIN_LEVEL, MIN_LEVEL + (last + 1) // 2)
    sources = {
        (str(i), str(j)): source
        for i, node in enumerate(graph)
        for j, source in enumerate(node.inputs)
    }

    def named(match: re.Match) -> str:
        source = sources.get((match[2], match[3]))
        if source is None:  # no name of a BiFPN
            return match[0]
        return f"{match[1]}resample_{source}/"

    edge = re.compile(r"^(.*/fnodes/(\d+)/)resample_layers/(\d+)/")
    return stack_fusion_weights(
        {edge.sub(named, name): array for name, array in arrays.items()}
    )


def _level(number: str) -> int:
    return MIN_LEVEL + int(number)


# Layers of a separable convolution.
_SEPARABLE = (
    (
        r"(node\d+_conv|_head/\w+)/depthwise_kernel$",
        r"\1/depthwise_conv/kernel",
    ),
    (
        r"(node\d+_conv|_head/\w+)/pointwise_kernel$",
        r"\1/pointwise_conv/kernel",
    ),
    (r"(node\d+_conv|_head/\w+\d|predictor)/bias$", r"\1/pointwise_conv/bias"),
)
# Units of convolution and normalization, and the layers inside them.
_UNITS = (
    (r"(node\d+)_conv/", r"\1/conv/"),
    (r"(node\d+)_bn/", r"\1/norm/"),
    (r"(resample_p\d+|_from\d+)/conv/", r"\1/project/conv/"),
    (r"(resample_p\d+|_from\d+)/bn/", r"\1/project/norm/"),
    (r"_head/conv(\d+)/(?!conv/|norm_)", r"_head/conv\1/conv/"),
    (r"_head/bn(\d+)_(p\d+)/", r"_head/conv\1/norm_\2/"),
)
AUTOML = dataclasses.replace(
    TENSORFLOW,
    name="automl",
    pattern=f"{TENSORFLOW.pattern}|{_CANONICAL}",
    rewrites=(
        (r"^(resample_p\d+)/conv2d/", r"\1/conv/"),
        (r"^fpn_cells/cell_(\d+)/fnode(\d+)/", r"bifpn_\1/node\2_"),
        (r"_resample_\d+_(\d+)_\d+/conv2d/", r"_from\1/conv/"),
        (r"_resample_\d+_(\d+)_\d+/bn/", r"_from\1/bn/"),
        (r"_op_after_combine\d+/", "_"),
        (r"_WSM$", "_fusion/fusion_weights"),
        (r"^(class|box)_net/\1-(\d+)-bn-(\d+)/", r"\1_head/bn\2_p\3/"),
        (r"^(class|box)_net/\1-(\d+)/", r"\1_head/conv\2/"),
        (r"^(class|box)_net/\1-predict/", r"\1_head/predictor/"),
        *_SEPARABLE,
        *_UNITS,
        *TENSORFLOW.rewrites,
    ),
    prepare=stack_fusion_weights,
)
# Checkpoints of `model.save_weights` contain names of attributes instead of
# variables.
_OBJECT_PARTS = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "se_reduce": "_se/_se_reduce",
    "se_expand": "_se/_se_expand",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
AUTOML_OBJECTS = dataclasses.replace(
    AUTOML,
    name="automl_objects",
    ends={"stem_conv": "_stem/_conv_stem", "stem_bn": "_stem/_bn"},
    block="_blocks/{index}/",
    parts=_OBJECT_PARTS,
    parts_without_expand=without_expand(_OBJECT_PARTS),
    pattern=rf"^(_stem|_blocks/\d+)/|{_CANONICAL}",
    rewrites=(
        (r"^backbone/", ""),
        (
            r"^resample_layers/(\d+)/",
            # The first level that is not of the backbone is P6.
            lambda m: f"resample_p{6 + int(m[1])}/",
        ),
        (r"^fpn_cells/cells/(\d+)/fnodes/(\d+)/", r"bifpn_\1/node\2_"),
        (r"_resample_(\d+)/", r"_from\1/"),
        (r"/conv2d/", "/conv/"),
        (r"_op_after_combine/(conv|bn)(_op)?/", r"_\1/"),
        (r"_WSM$", "_fusion/fusion_weights"),
        (
            r"^(class|box)_net/bns/(\d+)/(\d+)/",
            lambda m: f"{m[1]}_head/bn{m[2]}_p{_level(m[3])}/",
        ),
        (r"^(class|box)_net/conv_ops/(\d+)/", r"\1_head/conv\2/"),
        (r"^(class|box)_net/(classes|boxes)/", r"\1_head/predictor/"),
        *_SEPARABLE,
        *_UNITS,
        (r"/depthwise_kernel$", "/kernel"),
    ),
    prepare=_prepare_objects,
)
EFFDET = dataclasses.replace(
    TIMM,
    name="effdet",
    pattern=f"{TIMM.pattern}|{_CANONICAL}",
    rewrites=(
        (r"^backbone\.", ""),
        (
            r"^fpn\.resample\.(\d+)\.conv\.",
            lambda m: f"resample_p{_level(m[1])}/",
        ),
        (r"^fpn\.cell\.(\d+)\.fnode\.(\d+)\.", r"bifpn_\1/node\2_"),
        (r"_combine\.resample\.(\d+)\.conv\.", r"_from\1/"),
        (r"_combine\.edge_weights$", "_fusion/fusion_weights"),
        (r"_after_combine\.conv\.bn\.", "_bn."),
        (r"_after_combine\.conv\.", "_conv/"),
        (
            r"^(class|box)_net\.bn_rep\.(\d+)\.(\d+)\.bn\.",
            lambda m: f"{m[1]}_head/bn{m[2]}_p{_level(m[3])}.",
        ),
        (r"^(class|box)_net\.conv_rep\.(\d+)\.", r"\1_head/conv\2/"),
        (r"^(class|box)_net\.predict\.", r"\1_head/predictor/"),
        # Variables of layers that have a canonical path by now.
        (r"/conv_dw\.", "/depthwise_conv."),
        (r"/conv_pw\.", "/pointwise_conv."),
        (r"(/.*(?:bn|bn\d+_p\d+))\.weight$", r"\1/gamma"),
        (r"(/.*(?:bn|bn\d+_p\d+))\.bias$", r"\1/beta"),
        (r"(/.*)\.running_mean$", r"\1/moving_mean"),
        (r"(/.*)\.running_var$", r"\1/moving_variance"),
        (r"(/.*conv)\.weight$", r"\1/kernel"),
        (r"(/.*conv)\.bias$", r"\1/bias"),
        *_UNITS,
    ),
)
SCHEMES = (AUTOML, AUTOML_OBJECTS, EFFDET)


def is_trained_in_tensorflow(names: Container[str]) -> bool:
    """Return whether a file of effdet contains weights trained in TensorFlow.

    Those have a bias before each batch normalization; effdet's own have none.

    Args:
        names: Names of the file.

    Returns:
        A boolean.
    """
    return "fpn.cell.0.fnode.0.after_combine.conv.conv_pw.bias" in names
