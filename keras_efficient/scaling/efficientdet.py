"""EfficientDet's joint scaling: backbone, BiFPN, heads and image from one phi.

The formulas of https://arxiv.org/abs/1911.09070, section 4.2. The published
D0 to D7x leave them where they were rounded by hand, see
`variants.EFFICIENTDET_VARIANTS`.
"""

import dataclasses
import math

from keras_efficient.scaling.compound import DIVISOR
from keras_efficient.scaling.compound import Coefficients
from keras_efficient.scaling.compound import CompoundScaling
from keras_efficient.scaling.compound import round_filters


@dataclasses.dataclass(frozen=True)
class DetectorCoefficients:
    """The numbers of an EfficientDet.

    Attributes:
        backbone: `Coefficients` of its EfficientNet. Of these, `resolution`
            is that of a classifier, and not used.
        resolution: Side of the square input image, in pixels.
        fpn_filters: Filters of every level of the feature network.
        fpn_repeats: Number of BiFPN cells.
        head_repeats: Convolutions of each head before its predictor.
    """

    backbone: Coefficients
    resolution: int
    fpn_filters: int
    fpn_repeats: int
    head_repeats: int


@dataclasses.dataclass(frozen=True)
class EfficientDetScaling:
    """EfficientDet's scaling rule, equations 1 to 3 of its paper.

    Attributes:
        fpn_filters: Filters of the BiFPN at `phi = 0`. Defaults to 64.
        fpn_growth: Factor on them with each step of `phi`. Defaults to 1.35.
        fpn_repeats: Cells at `phi = 0`; one more with each step. Defaults to
            3.
        head_repeats: Convolutions of a head at `phi = 0`; one more with every
            third step. Defaults to 3.
        resolution: Side of the image at `phi = 0`, in pixels. Defaults to 512.
        resolution_step: Pixels more with each step. Defaults to 128.
        resolution_divisor: Images have a multiple of it. Defaults to 32; at
            whole `phi` that is the paper's 128.
        divisor: Filters are multiples of it. Defaults to 8.
        backbone: `CompoundScaling` of the EfficientNet. Defaults to that of
            its paper.

    Call arguments:
        phi: The compound coefficient, 0 for D0. Numbers between whole ones
            and below 0 are taken as well.

    Returns:
        When called, `DetectorCoefficients`.

    Raises:
        ValueError: If nothing is left of the network at a `phi` below 0.

    Example:
    >>> numbers = keras_efficient.scaling.EfficientDetScaling()(phi=3)
    >>> numbers.fpn_filters, numbers.fpn_repeats, numbers.head_repeats
    (160, 6, 4)
    >>> numbers.resolution
    896

    Reference:
        - [Tan et al., 2020, section 4.2](https://arxiv.org/abs/1911.09070).
    """

    fpn_filters: int = 64
    fpn_growth: float = 1.35
    fpn_repeats: int = 3
    head_repeats: int = 3
    resolution: int = 512
    resolution_step: int = 128
    resolution_divisor: int = 32
    divisor: int = DIVISOR
    backbone: CompoundScaling = dataclasses.field(
        default_factory=CompoundScaling
    )

    def __call__(self, phi: float) -> DetectorCoefficients:
        side = (self.resolution + self.resolution_step * phi) / (
            self.resolution_divisor
        )
        numbers = DetectorCoefficients(
            backbone=self.backbone(phi),
            resolution=math.floor(side + 0.5) * self.resolution_divisor,
            fpn_filters=round_filters(
                self.fpn_filters, self.fpn_growth**phi, self.divisor
            ),
            fpn_repeats=math.floor(self.fpn_repeats + phi + 0.5),
            head_repeats=self.head_repeats + math.floor(phi / 3),
        )
        smallest = min(
            numbers.resolution, numbers.fpn_repeats, numbers.head_repeats
        )
        if smallest < 1:
            raise ValueError(
                f"Nothing is left of the detector at phi={phi}: {numbers}. "
                "Use a larger `phi`."
            )
        return numbers
