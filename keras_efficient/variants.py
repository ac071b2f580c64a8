"""The papers' tables, as data.

Rows stand in the order of the papers. The published numbers hold, not the
formulas: B1 to B7 and D5 to D7x were rounded by hand, and
`tests/test_variants.py` pins where they leave the rules of
`keras_efficient.scaling`.
"""

import dataclasses
from types import MappingProxyType


@dataclasses.dataclass(frozen=True)
class MBConvStage:
    """One row of EfficientNet's Table 1: a stage of MBConv blocks.

    Attributes:
        expand_ratio: Inner filters over input filters.
        kernel_size: Side of the depthwise kernel, in pixels.
        strides: Stride of the stage's first block; the others have 1.
        filters: Output filters, before scaling.
        repeats: Number of blocks, before scaling.
        se_ratio: Squeeze filters over the block's input filters; 0 is none.
    """

    expand_ratio: int
    kernel_size: int
    strides: int
    filters: int
    repeats: int
    se_ratio: float = 0.25


# Table 1 of https://arxiv.org/abs/1905.11946: stages 2 to 8 of the paper.
EFFICIENTNET_STAGES = (
    #           expand  kernel  strides  filters  repeats
    MBConvStage(1, 3, 1, 16, 1),
    MBConvStage(6, 3, 2, 24, 2),
    MBConvStage(6, 5, 2, 40, 2),
    MBConvStage(6, 3, 2, 80, 3),
    MBConvStage(6, 5, 1, 112, 3),
    MBConvStage(6, 5, 2, 192, 4),
    MBConvStage(6, 3, 1, 320, 1),
)
EFFICIENTNET_STEM_FILTERS = 32
EFFICIENTNET_TOP_FILTERS = 1280


@dataclasses.dataclass(frozen=True)
class EfficientNetVariant:
    """One published EfficientNet.

    Attributes:
        name: Name of its builder, such as `"EfficientNetB0"`.
        width_coefficient: Factor on the filters.
        depth_coefficient: Factor on the repeats.
        resolution: Side of the square input image, in pixels.
        dropout_rate: Rate of the dropout before the classifier.
        parameters: What it has of them, with 1000 classes.
        multiply_adds: What one image costs.
    """

    name: str
    width_coefficient: float
    depth_coefficient: float
    resolution: int
    dropout_rate: float
    parameters: int
    multiply_adds: int


def _by_name(*variants):
    return MappingProxyType({variant.name: variant for variant in variants})


# `efficientnet_params` in tensorflow/tpu, `efficientnet_builder.py`.
EFFICIENTNET_VARIANTS = _by_name(
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


@dataclasses.dataclass(frozen=True)
class ConvStage:
    """A stage of a network that EfficientNet's rule scales as well.

    Attributes:
        strides: Stride of the stage's first block; the others have 1.
        filters: Filters, before scaling: output filters of MobileNetV1, inner
            filters of ResNet, whose output has four times as many.
        repeats: Number of blocks, before scaling.
    """

    strides: int
    filters: int
    repeats: int


@dataclasses.dataclass(frozen=True)
class ScalableNetwork:
    """A network that is no EfficientNet and scales as one.

    Attributes:
        name: Name of its builder, such as `"ResNet50"`.
        resolution: Side of the square input image, in pixels.
        parameters: What it has of them, unscaled, with 1000 classes.
        multiply_adds: What one image costs, unscaled.
    """

    name: str
    resolution: int
    parameters: int
    multiply_adds: int


SCALABLE_NETWORKS = _by_name(
    ScalableNetwork("MobileNetV1", 224, 4_231_976, 568_740_352),
    ScalableNetwork("MobileNetV2", 224, 3_504_872, 300_774_272),
    ScalableNetwork("ResNet50", 224, 25_583_592, 3_857_973_248),
)
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


@dataclasses.dataclass(frozen=True)
class EfficientDetVariant:
    """One published EfficientDet.

    Attributes:
        name: Name of its builder, such as `"EfficientDetD0"`.
        backbone: Name of its backbone's builder.
        resolution: Side of the square input image, in pixels.
        fpn_filters: Filters of every level of the feature network.
        fpn_repeats: Number of BiFPN cells.
        head_repeats: Convolutions of each head before its predictor.
        parameters: What it has of them, with 90 classes.
        multiply_adds: What one image costs.
        max_level: Last feature level; the first is 3.
        anchor_scale: Side of the base anchor over the stride of its level.
        weight_method: How a BiFPN node weighs its inputs.
    """

    name: str
    backbone: str
    resolution: int
    fpn_filters: int
    fpn_repeats: int
    head_repeats: int
    parameters: int
    multiply_adds: int
    max_level: int = 7
    anchor_scale: float = 4.0
    weight_method: str = "fast_normalized"


# Table 1 of https://arxiv.org/abs/1911.09070 with the numbers of the released
# code (google/automl, `efficientdet/hparams_config.py`). D6 and above sum
# their inputs unweighted, "for training stability".
EFFICIENTDET_VARIANTS = _by_name(
    EfficientDetVariant(
        "EfficientDetD0",
        "EfficientNetB0",
        512,
        64,
        3,
        3,
        3_880_067,
        2_492_331_520,
    ),
    EfficientDetVariant(
        "EfficientDetD1",
        "EfficientNetB1",
        640,
        88,
        4,
        3,
        6_625_898,
        6_003_416_880,
    ),
    EfficientDetVariant(
        "EfficientDetD2",
        "EfficientNetB2",
        768,
        112,
        5,
        3,
        8_097_039,
        10_832_466_688,
    ),
    EfficientDetVariant(
        "EfficientDetD3",
        "EfficientNetB3",
        896,
        160,
        6,
        4,
        12_032_296,
        24_568_753_664,
    ),
    EfficientDetVariant(
        "EfficientDetD4",
        "EfficientNetB4",
        1024,
        224,
        7,
        4,
        20_723_675,
        54_583_712_096,
    ),
    EfficientDetVariant(
        "EfficientDetD5",
        "EfficientNetB5",
        1280,
        288,
        7,
        4,
        33_653_315,
        134_133_865_152,
    ),
    EfficientDetVariant(
        "EfficientDetD6",
        "EfficientNetB6",
        1280,
        384,
        8,
        5,
        51_871_782,
        224_121_477_984,
        weight_method="sum",
    ),
    # D7 is the network of D6 on larger images with larger anchors.
    EfficientDetVariant(
        "EfficientDetD7",
        "EfficientNetB6",
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
        "EfficientNetB7",
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
EFFICIENTDET_MIN_LEVEL = 3
