"""The rows of the tables in `variants`: every number of a network."""

import dataclasses
from types import MappingProxyType
from typing import TypeVar


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


def by_name(*variants: Variant) -> MappingProxyType[str, Variant]:
    """Return a read-only dict of rows by their names."""
    return MappingProxyType({variant.name: variant for variant in variants})
