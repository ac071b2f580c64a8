"""Names of the variables of an EfficientNet in each library, as tables.

They follow the sources of the libraries: tensorflow/tpu
`efficientnet_model.py`, timm `_efficientnet_builder.py`, lukemelas
`model.py`, torchvision `models/efficientnet.py`.
"""

from collections.abc import Iterable

from keras_efficient.converters.naming.scheme import Scheme
from keras_efficient.converters.naming.scheme import without_expand
from keras_efficient.converters.naming.variable_names import BLOCK_LAYERS
from keras_efficient.converters.naming.variable_names import CLASSIFIER
from keras_efficient.converters.naming.variable_names import END_LAYERS


def _same(names: Iterable[str]) -> dict[str, str]:
    return {name: name for name in names}


_KERAS_ENDS = r"^((stem|top)_(conv|bn)|predictions)/"
_KERAS_EFFICIENT_PARTS = {k: path for k, (_, path) in BLOCK_LAYERS.items()}
KERAS_EFFICIENT = Scheme(
    name="keras_efficient",
    ends=_same(END_LAYERS),
    block="{name}/",
    parts=_KERAS_EFFICIENT_PARTS,
    parts_without_expand=without_expand(_KERAS_EFFICIENT_PARTS),
    separator="/",
    is_torch=False,
    pattern=_KERAS_ENDS + r"|^block\d+[a-z]+/",
    rewrites=(
        # Version 0.1 had no `ConvNorm` in its blocks.
        (r"^(block\d+[a-z]+/(expand|depthwise|project))_conv/", r"\1/conv/"),
        (r"^(block\d+[a-z]+/(expand|depthwise|project))_bn/", r"\1/norm/"),
    ),
)
KERAS_APPLICATIONS = Scheme(
    name="keras_applications",
    ends=_same(END_LAYERS),
    block="{name}_",
    parts=_same(BLOCK_LAYERS),
    parts_without_expand=without_expand(_same(BLOCK_LAYERS)),
    separator="/",
    is_torch=False,
    pattern=_KERAS_ENDS + r"|^block\d+[a-z]+_\w+/",
    rewrites=((r"/depthwise_kernel$", "/kernel"),),
)
_TENSORFLOW_PARTS = {
    "expand_conv": "conv2d",
    "expand_bn": "tpu_batch_normalization",
    "dwconv": "depthwise_conv2d",
    "bn": "tpu_batch_normalization_1",
    "se_reduce": "se/conv2d",
    "se_expand": "se/conv2d_1",
    "project_conv": "conv2d_1",
    "project_bn": "tpu_batch_normalization_2",
}
TENSORFLOW = Scheme(
    name="tensorflow",
    ends={
        "stem_conv": "stem/conv2d",
        "stem_bn": "stem/tpu_batch_normalization",
        "top_conv": "head/conv2d",
        "top_bn": "head/tpu_batch_normalization",
        CLASSIFIER: "head/dense",
    },
    block="blocks_{index}/",
    parts=_TENSORFLOW_PARTS,
    parts_without_expand=without_expand(
        _TENSORFLOW_PARTS,
        bn="tpu_batch_normalization",
        project_conv="conv2d",
        project_bn="tpu_batch_normalization_1",
    ),
    separator="/",
    is_torch=False,
    pattern=r"^(stem|head|blocks_\d+)/(\w+/)+",
    rewrites=(
        # The name of the network precedes: "efficientnet-b0/".
        (r"^.*?/(?=(stem|head|blocks_\d+)/)", ""),
        (r"/depthwise_kernel$", "/kernel"),
    ),
)
_TIMM_PARTS = {
    "expand_conv": "conv_pw",
    "expand_bn": "bn1",
    "dwconv": "conv_dw",
    "bn": "bn2",
    "se_reduce": "se.conv_reduce",
    "se_expand": "se.conv_expand",
    "project_conv": "conv_pwl",
    "project_bn": "bn3",
}
TIMM = Scheme(
    name="timm",
    ends={
        "stem_conv": "conv_stem",
        "stem_bn": "bn1",
        "top_conv": "conv_head",
        "top_bn": "bn2",
        CLASSIFIER: "classifier",
    },
    block="blocks.{stage}.{repeat}.",
    parts=_TIMM_PARTS,
    parts_without_expand=without_expand(
        _TIMM_PARTS, bn="bn1", project_conv="conv_pw", project_bn="bn2"
    ),
    separator=".",
    is_torch=True,
    pattern=r"^(conv_stem|bn[12]|conv_head|classifier|blocks\.\d+\.\d+\.\w+)"
    r"\.[a-z]",
)
_LUKEMELAS_PARTS = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "se_reduce": "_se_reduce",
    "se_expand": "_se_expand",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
LUKEMELAS = Scheme(
    name="lukemelas",
    ends={
        "stem_conv": "_conv_stem",
        "stem_bn": "_bn0",
        "top_conv": "_conv_head",
        "top_bn": "_bn1",
        CLASSIFIER: "_fc",
    },
    block="_blocks.{index}.",
    parts=_LUKEMELAS_PARTS,
    parts_without_expand=without_expand(_LUKEMELAS_PARTS),
    separator=".",
    is_torch=True,
    pattern=r"^_(conv_stem|bn[01]|conv_head|fc|blocks\.\d+\._\w+)\.",
)
TORCHVISION = Scheme(
    name="torchvision",
    ends={
        "stem_conv": "features.0.0",
        "stem_bn": "features.0.1",
        # After the seven stages that every EfficientNet has.
        "top_conv": "features.8.0",
        "top_bn": "features.8.1",
        CLASSIFIER: "classifier.1",
    },
    block="features.{stage_number}.{repeat}.block.",
    parts={
        "expand_conv": "0.0",
        "expand_bn": "0.1",
        "dwconv": "1.0",
        "bn": "1.1",
        "se_reduce": "2.fc1",
        "se_expand": "2.fc2",
        "project_conv": "3.0",
        "project_bn": "3.1",
    },
    parts_without_expand={
        "dwconv": "0.0",
        "bn": "0.1",
        "se_reduce": "1.fc1",
        "se_expand": "1.fc2",
        "project_conv": "2.0",
        "project_bn": "2.1",
    },
    separator=".",
    is_torch=True,
    pattern=r"^(features\.\d+\.|classifier\.\d+\.)",
)
SCHEMES = (
    KERAS_APPLICATIONS,
    KERAS_EFFICIENT,
    TENSORFLOW,
    TIMM,
    LUKEMELAS,
    TORCHVISION,
)
