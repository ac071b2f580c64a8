"""The tables of the papers: stages and published networks, as data.

A row holds every number of a network. Where the published numbers differ from
the formulas of the papers, the tables hold the published ones: B1 to B7 and D5
to D7x were rounded by hand. `tests/test_variants.py` pins the differences from
the rules of `keras_efficient.scaling`.
"""

import dataclasses
from types import MappingProxyType
from typing import TypeVar

from keras_efficient import deprecation


@dataclasses.dataclass(frozen=True)
class MBConvStage:
    """Stage of MBConv blocks: a row of EfficientNet's Table 1.

    Attributes:
        expand_ratio: Inner filters over input filters.
        kernel_size: Side of the depthwise kernel, in pixels.
        strides: Stride of the stage's first block; the others have 1.
        filters: Output filters, before scaling.
        repeats: Number of blocks, before scaling.
        se_ratio: Squeeze filters over the block's input filters; 0 for no
            squeeze-and-excitation.
    """

    expand_ratio: int
    kernel_size: int
    strides: int
    filters: int
    repeats: int
    se_ratio: float = 0.25


@dataclasses.dataclass(frozen=True)
class ConvStage:
    """Stage of a MobileNetV1 or ResNet.

    Attributes:
        strides: Stride of the stage's first block; the others have 1.
        filters: Filters, before scaling: output filters of MobileNetV1, inner
            filters of ResNet, whose output has four times as many.
        repeats: Number of blocks, before scaling.
    """

    strides: int
    filters: int
    repeats: int


# Mean and standard deviation of the training images of ImageNet, RGB in [0, 1].
IMAGENET_MEAN_RGB = (0.485, 0.456, 0.406)
IMAGENET_STD_RGB = (0.229, 0.224, 0.225)
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
# Without squeeze-and-excitation, which integer arithmetic slows down.
EFFICIENTNET_LITE_STAGES = tuple(
    dataclasses.replace(stage, se_ratio=0) for stage in EFFICIENTNET_STAGES
)
EFFICIENTNET_STEM_FILTERS = 32
EFFICIENTNET_TOP_FILTERS = 1280
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
class EfficientNetVariant:
    """The numbers of an EfficientNet, or of a network that scales like one.

    `EfficientNet.from_variant` builds the network.

    Attributes:
        name: Name of its builder, such as `"EfficientNetB0"`, or any name.
        width_coefficient: Factor on the filters.
        depth_coefficient: Factor on the repeats.
        resolution: Side of the square input image, in pixels.
        dropout_rate: Rate of the dropout before the classifier.
        parameters: Number of trainable parameters with 1000 classes. `None`
            if not published.
        multiply_adds: Multiply-adds for one image. `None` if not published.
        drop_connect_rate: Probability of dropping the residual branch of the
            last block. Defaults to 0.2.
        stages: Tuple of `MBConvStage`, before scaling. Defaults to
            `EFFICIENTNET_STAGES`.
        scale_ends: Whether the coefficients also apply to the filters of the
            stem and of the last convolution, and to the repeats of the first
            and the last stage. Defaults to `True`.
        activation: Activation of all blocks. Defaults to `"swish"`.
        pixel_mean: Mean of the pixels in `[0, 1]` of each channel, which is
            subtracted. Defaults to that of ImageNet.
        pixel_std: Their standard deviation, by which they are divided.
            Defaults to that of ImageNet.
    """

    name: str
    width_coefficient: float
    depth_coefficient: float
    resolution: int
    dropout_rate: float
    parameters: int | None = None
    multiply_adds: int | None = None
    drop_connect_rate: float = 0.2
    _: dataclasses.KW_ONLY
    stages: tuple[MBConvStage, ...] = EFFICIENTNET_STAGES
    scale_ends: bool = True
    activation: str = "swish"
    pixel_mean: tuple[float, ...] = IMAGENET_MEAN_RGB
    pixel_std: tuple[float, ...] = IMAGENET_STD_RGB


EFFICIENTDET_MIN_LEVEL = 3


@dataclasses.dataclass(frozen=True)
class EfficientDetVariant:
    """The numbers of an EfficientDet.

    `EfficientDet.from_variant` builds the detector.

    Attributes:
        name: Name of its builder, such as `"EfficientDetD0"`, or any name.
        backbone: `EfficientNetVariant` of the backbone. Its `resolution` and
            `dropout_rate` apply to classification only.
        resolution: Side of the square input image, in pixels.
        fpn_filters: Filters of every level of the feature network.
        fpn_repeats: Number of cells of the feature network.
        head_repeats: Convolutions of each head before its predictor.
        parameters: Number of trainable parameters with 90 classes. `None` if
            not published.
        multiply_adds: Multiply-adds for one image. `None` if not published.
        min_level: Finest feature level, `2**min_level` times smaller than the
            image. Defaults to 3.
        max_level: Coarsest feature level. Defaults to 7.
        anchor_scale: Side of the smallest square anchor divided by the stride
            of its level. Defaults to 4.
        weight_method: How a BiFPN node weighs its inputs; see
            `layers.WeightedFusion`. Defaults to `"fast_normalized"`.
        activation: Activation of the feature network and the heads. Defaults
            to `"swish"`.
    """

    name: str
    backbone: EfficientNetVariant
    resolution: int
    fpn_filters: int
    fpn_repeats: int
    head_repeats: int
    parameters: int | None = None
    multiply_adds: int | None = None
    _: dataclasses.KW_ONLY
    min_level: int = EFFICIENTDET_MIN_LEVEL
    max_level: int = 7
    anchor_scale: float = 4.0
    weight_method: str = "fast_normalized"
    activation: str = "swish"


Variant = TypeVar("Variant", EfficientNetVariant, EfficientDetVariant)


def _by_name(*variants: Variant) -> MappingProxyType[str, Variant]:
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


def _lite(
    name: str,
    width: float,
    depth: float,
    resolution: int,
    dropout_rate: float,
    parameters: int,
    multiply_adds: int,
) -> EfficientNetVariant:
    return EfficientNetVariant(
        name,
        width,
        depth,
        resolution,
        dropout_rate,
        parameters,
        multiply_adds,
        stages=EFFICIENTNET_LITE_STAGES,
        scale_ends=False,
        activation="relu6",
        pixel_mean=(127 / 255,) * 3,
        pixel_std=(128 / 255,) * 3,
    )


# `efficientnet_lite_params` in tensorflow/tpu,
# `lite/efficientnet_lite_builder.py`.
EFFICIENTNET_LITE_VARIANTS = _by_name(
    # Width, depth, resolution, dropout, parameters, multiply-adds.
    _lite("EfficientNetLite0", 1.0, 1.0, 224, 0.2, 4_652_008, 385_187_552),
    _lite("EfficientNetLite1", 1.0, 1.1, 240, 0.2, 5_416_680, 600_185_232),
    _lite("EfficientNetLite2", 1.1, 1.2, 260, 0.3, 6_092_072, 859_736_272),
    _lite("EfficientNetLite3", 1.2, 1.4, 280, 0.3, 8_197_096, 1_383_321_872),
    _lite("EfficientNetLite4", 1.4, 1.8, 300, 0.3, 13_006_568, 2_553_034_336),
)
# Networks of other papers, which scale by the same rule.
SCALABLE_NETWORKS = _by_name(
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
EFFICIENTDET_VARIANTS = _by_name(
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


def _lite_detector(
    name: str,
    backbone: str,
    resolution: int,
    fpn_filters: int,
    fpn_repeats: int,
    head_repeats: int,
    parameters: int,
    multiply_adds: int,
    anchor_scale: float,
) -> EfficientDetVariant:
    return EfficientDetVariant(
        name,
        EFFICIENTNET_LITE_VARIANTS[backbone],
        resolution,
        fpn_filters,
        fpn_repeats,
        head_repeats,
        parameters,
        multiply_adds,
        anchor_scale=anchor_scale,
        weight_method="sum",
        activation="relu6",
    )


# google/automl, `efficientdet/hparams_config.py`, `efficientdet_lite_params`.
EFFICIENTDET_LITE_VARIANTS = _by_name(
    # Backbone, resolution, filters, cells, convolutions of a head, parameters,
    # multiply-adds, anchor scale.
    _lite_detector(
        "EfficientDetLite0", "EfficientNetLite0", 320, 64, 3, 3,
        3_243_470, 973_589_696, 3.0,
    ),
    _lite_detector(
        "EfficientDetLite1", "EfficientNetLite1", 384, 88, 4, 3,
        4_248_318, 1_966_649_904, 3.0,
    ),
    _lite_detector(
        "EfficientDetLite2", "EfficientNetLite2", 448, 112, 5, 3,
        5_252_334, 3_371_304_384, 3.0,
    ),
    _lite_detector(
        "EfficientDetLite3", "EfficientNetLite3", 512, 160, 6, 4,
        8_350_862, 7_480_187_904, 4.0,
    ),
    _lite_detector(
        "EfficientDetLite3x", "EfficientNetLite3", 640, 200, 6, 4,
        9_280_862, 13_978_127_600, 3.0,
    ),
    _lite_detector(
        "EfficientDetLite4", "EfficientNetLite4", 640, 224, 7, 4,
        15_130_894, 20_168_084_000, 4.0,
    ),
)  # fmt: skip
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
