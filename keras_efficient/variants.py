"""The tables of the papers: stages and published networks, as data.

A row holds every number of a network. Where the published numbers differ from
the formulas of the papers, the tables hold the published ones: B1 to B7 and D5
to D7x were rounded by hand. `tests/test_variants.py` pins the differences from
the rules of `keras_efficient.scaling`.
"""

import dataclasses
from types import MappingProxyType

from keras_efficient import deprecation
from keras_efficient.lite_variants import EFFICIENTDET_LITE_VARIANTS
from keras_efficient.lite_variants import EFFICIENTNET_LITE_VARIANTS
from keras_efficient.variant_rows import EFFICIENTDET_MIN_LEVEL
from keras_efficient.variant_rows import EFFICIENTNET_LITE_STAGES
from keras_efficient.variant_rows import EFFICIENTNET_STAGES
from keras_efficient.variant_rows import EFFICIENTNET_STEM_FILTERS
from keras_efficient.variant_rows import EFFICIENTNET_TOP_FILTERS
from keras_efficient.variant_rows import IMAGENET_MEAN_RGB
from keras_efficient.variant_rows import IMAGENET_STD_RGB
from keras_efficient.variant_rows import ConvStage
from keras_efficient.variant_rows import EfficientDetVariant
from keras_efficient.variant_rows import EfficientNetVariant
from keras_efficient.variant_rows import MBConvStage
from keras_efficient.variant_rows import by_name

__all__ = [
    "CLASSIFICATION_VARIANTS",
    "ConvStage",
    "DETECTION_VARIANTS",
    "EFFICIENTDET_LITE_VARIANTS",
    "EFFICIENTDET_MIN_LEVEL",
    "EFFICIENTDET_VARIANTS",
    "EFFICIENTNET_LITE_STAGES",
    "EFFICIENTNET_LITE_VARIANTS",
    "EFFICIENTNET_STAGES",
    "EFFICIENTNET_STEM_FILTERS",
    "EFFICIENTNET_TOP_FILTERS",
    "EFFICIENTNET_VARIANTS",
    "EfficientDetVariant",
    "EfficientNetVariant",
    "IMAGENET_MEAN_RGB",
    "IMAGENET_STD_RGB",
    "MBConvStage",
    "MOBILENET_V1_STAGES",
    "MOBILENET_V2_STAGES",
    "RESNET50_STAGES",
    "SCALABLE_NETWORKS",
]


# Table 1 of https://arxiv.org/abs/1704.04861: blocks of a depthwise and a 1x1
# convolution.
MOBILENET_V1_STAGES = (
    ConvStage(1, 64, 1),
    ConvStage(2, 128, 2),
    ConvStage(2, 256, 2),
    ConvStage(2, 512, 6),
    ConvStage(2, 1024, 2),
)
# Table 2 of https://arxiv.org/abs/1801.04381.
MOBILENET_V2_STAGES = (
    #           expand  kernel  strides  filters  repeats
    MBConvStage(1, 3, 1, 16, 1, se_ratio=0),
    MBConvStage(6, 3, 2, 24, 2, se_ratio=0),
    MBConvStage(6, 3, 2, 32, 3, se_ratio=0),
    MBConvStage(6, 3, 2, 64, 4, se_ratio=0),
    MBConvStage(6, 3, 1, 96, 3, se_ratio=0),
    MBConvStage(6, 3, 2, 160, 3, se_ratio=0),
    MBConvStage(6, 3, 1, 320, 1, se_ratio=0),
)
# Table 1 of https://arxiv.org/abs/1512.03385, the column of 50 layers.
RESNET50_STAGES = (
    ConvStage(1, 64, 3),
    ConvStage(2, 128, 4),
    ConvStage(2, 256, 6),
    ConvStage(2, 512, 3),
)


# `efficientnet_params` in tensorflow/tpu, `efficientnet_builder.py`.
EFFICIENTNET_VARIANTS = by_name(
    # Width, depth, resolution, dropout, parameters, multiply-adds.
    EfficientNetVariant(
        "EfficientNetB0", 1.0, 1.0, 224, 0.2, 5_288_548, 385_814_752
    ),
    EfficientNetVariant(
        "EfficientNetB1", 1.0, 1.1, 240, 0.2, 7_794_184, 686_802_832
    ),
    EfficientNetVariant(
        "EfficientNetB2", 1.1, 1.2, 260, 0.3, 9_109_994, 993_561_872
    ),
    EfficientNetVariant(
        "EfficientNetB3", 1.2, 1.4, 300, 0.3, 12_233_232, 1_827_141_392
    ),
    EfficientNetVariant(
        "EfficientNetB4", 1.4, 1.8, 380, 0.4, 19_341_616, 4_393_771_024
    ),
    EfficientNetVariant(
        "EfficientNetB5", 1.6, 2.2, 456, 0.4, 30_389_784, 10_266_384_752
    ),
    EfficientNetVariant(
        "EfficientNetB6", 1.8, 2.6, 528, 0.5, 43_040_704, 19_067_593_536
    ),
    EfficientNetVariant(
        "EfficientNetB7", 2.0, 3.1, 600, 0.5, 66_347_960, 37_745_884_192
    ),
)


# Networks of other papers, which scale by the same rule.
SCALABLE_NETWORKS = by_name(
    EfficientNetVariant(
        "MobileNetV1",
        1.0,
        1.0,
        224,
        0.001,
        4_231_976,
        568_740_352,
        drop_connect_rate=0.0,
    ),
    EfficientNetVariant(
        "MobileNetV2",
        1.0,
        1.0,
        224,
        0.0,
        3_504_872,
        300_774_272,
        drop_connect_rate=0.0,
    ),
    EfficientNetVariant(
        "ResNet50",
        1.0,
        1.0,
        224,
        0.0,
        25_583_592,
        3_857_973_248,
        drop_connect_rate=0.0,
    ),
)

# google/automl drops no residual branches in the backbone of D0.
_D0_BACKBONE = dataclasses.replace(
    EFFICIENTNET_VARIANTS["EfficientNetB0"], drop_connect_rate=0.0
)
# Table 1 of https://arxiv.org/abs/1911.09070 with the numbers of the released
# code (google/automl, `efficientdet/hparams_config.py`). D6 and above sum
# their inputs unweighted, "for training stability".
EFFICIENTDET_VARIANTS = by_name(
    EfficientDetVariant(
        "EfficientDetD0",
        _D0_BACKBONE,
        512,
        64,
        3,
        3,
        3_880_067,
        2_492_331_520,
    ),
    EfficientDetVariant(
        "EfficientDetD1",
        EFFICIENTNET_VARIANTS["EfficientNetB1"],
        640,
        88,
        4,
        3,
        6_625_898,
        6_003_416_880,
    ),
    EfficientDetVariant(
        "EfficientDetD2",
        EFFICIENTNET_VARIANTS["EfficientNetB2"],
        768,
        112,
        5,
        3,
        8_097_039,
        10_832_466_688,
    ),
    EfficientDetVariant(
        "EfficientDetD3",
        EFFICIENTNET_VARIANTS["EfficientNetB3"],
        896,
        160,
        6,
        4,
        12_032_296,
        24_568_753_664,
    ),
    EfficientDetVariant(
        "EfficientDetD4",
        EFFICIENTNET_VARIANTS["EfficientNetB4"],
        1024,
        224,
        7,
        4,
        20_723_675,
        54_583_712_096,
    ),
    EfficientDetVariant(
        "EfficientDetD5",
        EFFICIENTNET_VARIANTS["EfficientNetB5"],
        1280,
        288,
        7,
        4,
        33_653_315,
        134_133_865_152,
    ),
    EfficientDetVariant(
        "EfficientDetD6",
        EFFICIENTNET_VARIANTS["EfficientNetB6"],
        1280,
        384,
        8,
        5,
        51_871_782,
        224_121_477_984,
        weight_method="sum",
    ),
    # D7 is D6 with larger images and larger anchors.
    EfficientDetVariant(
        "EfficientDetD7",
        EFFICIENTNET_VARIANTS["EfficientNetB6"],
        1536,
        384,
        8,
        5,
        51_871_782,
        322_731_636_576,
        anchor_scale=5.0,
        weight_method="sum",
    ),
    EfficientDetVariant(
        "EfficientDetD7x",
        EFFICIENTNET_VARIANTS["EfficientNetB7"],
        1536,
        384,
        8,
        5,
        77_147_166,
        407_628_345_344,
        max_level=8,
        weight_method="sum",
    ),
)


# All published networks that have builders.
CLASSIFICATION_VARIANTS = MappingProxyType(
    {**EFFICIENTNET_VARIANTS, **EFFICIENTNET_LITE_VARIANTS}
)
DETECTION_VARIANTS = MappingProxyType(
    {**EFFICIENTDET_VARIANTS, **EFFICIENTDET_LITE_VARIANTS}
)

__getattr__ = deprecation.renamed(
    __name__, {"ScalableNetwork": "EfficientNetVariant"}
)
