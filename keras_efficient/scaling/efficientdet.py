"""EfficientDet's joint scaling: every number of a detector from one phi.

Two rules: the formulas of https://arxiv.org/abs/1911.09070, section 4.2, and
interpolation between the published detectors, which differ from the formulas
where they were rounded by hand.
"""

import dataclasses
import math
from collections.abc import Callable

from keras_efficient.scaling.compound import DIVISOR
from keras_efficient.scaling.compound import CompoundScaling
from keras_efficient.scaling.compound import round_filters
from keras_efficient.variants import EFFICIENTDET_VARIANTS
from keras_efficient.variants import EfficientDetVariant

# D0 to D7 are the points at phi = 0 to 7. D7x is not a further step of phi.
_PUBLISHED = tuple(
    variant
    for variant in EFFICIENTDET_VARIANTS.values()
    if variant.name != "EfficientDetD7x"
)
_LAST_PHI = len(_PUBLISHED) - 1
# At whole phi, resolutions are multiples of 128.
_RESOLUTION_DIVISOR = 32


@dataclasses.dataclass(frozen=True)
class EfficientDetScaling:
    """EfficientDet's scaling rule, equations 1 to 3 of its paper.

    The formulas state neither how BiFPN nodes weigh their inputs nor the drop
    connect rate of the backbone. Both are taken from the published detectors
    around `phi`.

    Attributes:
        fpn_filters: Filters of the BiFPN at `phi = 0`. Defaults to 64.
        fpn_growth: Factor on them with each step of `phi`. Defaults to 1.35.
        fpn_repeats: Cells at `phi = 0`; one more with each step. Defaults to
            3.
        head_repeats: Convolutions of a head at `phi = 0`; one more with every
            third step. Defaults to 3.
        resolution: Side of the image at `phi = 0`, in pixels. Defaults to 512.
        resolution_step: Pixels more with each step. Defaults to 128.
        resolution_divisor: Resolutions are multiples of it. Defaults to 32.
        divisor: Filters are multiples of it. Defaults to 8.
        backbone: `CompoundScaling` of the EfficientNet. Defaults to that of
            its paper.

    Call arguments:
        phi: The compound coefficient, 0 for D0. Fractions and negative
            numbers are accepted.

    Returns:
        When called, a `variants.EfficientDetVariant`.

    Raises:
        ValueError: If `phi` is not finite, or so small that the detector would
            have no image, cells or convolutions.

    Example:
    >>> variant = keras_efficient.scaling.EfficientDetScaling()(phi=3)
    >>> variant.fpn_filters, variant.fpn_repeats, variant.head_repeats
    (160, 6, 4)
    >>> variant.resolution
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
    resolution_divisor: int = _RESOLUTION_DIVISOR
    divisor: int = DIVISOR
    backbone: CompoundScaling = dataclasses.field(
        default_factory=CompoundScaling
    )

    def __call__(self, phi: float) -> EfficientDetVariant:
        _check_finite(phi)
        below, above = _neighbors(min(max(phi, 0), _LAST_PHI))
        coefficients = self.backbone(phi)
        backbone = dataclasses.replace(
            above.backbone,
            name="EfficientNet",
            width_coefficient=coefficients.width,
            depth_coefficient=coefficients.depth,
            resolution=coefficients.scale_resolution(
                _PUBLISHED[0].backbone.resolution
            ),
            parameters=None,
            multiply_adds=None,
        )
        side = (self.resolution + self.resolution_step * phi) / (
            self.resolution_divisor
        )
        variant = EfficientDetVariant(
            name="EfficientDet",
            backbone=backbone,
            resolution=_nearest(side) * self.resolution_divisor,
            fpn_filters=round_filters(
                self.fpn_filters, self.fpn_growth**phi, self.divisor
            ),
            fpn_repeats=_nearest(self.fpn_repeats + phi),
            head_repeats=self.head_repeats + math.floor(phi / 3),
            weight_method=below.weight_method,
        )
        smallest = min(
            variant.resolution, variant.fpn_repeats, variant.head_repeats
        )
        if smallest < 1:
            raise ValueError(
                f"Nothing is left of the detector at phi={phi}: {variant}. "
                "Use a larger `phi`."
            )
        return variant


def interpolate_efficientdet(phi: float) -> EfficientDetVariant:
    """Return the EfficientDet at a phi between published ones.

    Whole numbers are D0 to D7. Between two of them every number is
    interpolated linearly, and rounded where it must be whole.

    Args:
        phi: Float in `[0, 7]`, the compound coefficient.

    Returns:
        A `variants.EfficientDetVariant`. For a whole `phi` it is the published
        row.

    Raises:
        ValueError: If `phi` is out of range.

    Example:
    >>> scaling = keras_efficient.scaling
    >>> variant = scaling.interpolate_efficientdet(1.5)
    >>> variant.fpn_filters, variant.fpn_repeats, variant.resolution
    (104, 5, 704)
    >>> scaling.interpolate_efficientdet(2).name
    'EfficientDetD2'
    """
    _check_finite(phi)
    if not 0 <= phi <= _LAST_PHI:
        raise ValueError(
            f"`phi` must be between 0 (D0) and {_LAST_PHI} (D{_LAST_PHI}); "
            f'rule="formula" accepts other values. Received: phi={phi}'
        )
    below, above = _neighbors(phi)
    if below is above:
        return below

    def between(number: Callable[[EfficientDetVariant], float]) -> float:
        low, high = number(below), number(above)
        return low + (high - low) * (phi - math.floor(phi))

    backbone = dataclasses.replace(
        below.backbone,
        name="EfficientNet",
        width_coefficient=between(lambda row: row.backbone.width_coefficient),
        depth_coefficient=between(lambda row: row.backbone.depth_coefficient),
        resolution=_nearest(between(lambda row: row.backbone.resolution)),
        drop_connect_rate=between(lambda row: row.backbone.drop_connect_rate),
        parameters=None,
        multiply_adds=None,
    )
    side = between(lambda row: row.resolution) / _RESOLUTION_DIVISOR
    # As in the formulas, `head_repeats` grows only at whole steps, and so do
    # the other numbers of `below` that remain.
    return dataclasses.replace(
        below,
        name="EfficientDet",
        backbone=backbone,
        resolution=_nearest(side) * _RESOLUTION_DIVISOR,
        fpn_filters=round_filters(
            _nearest(between(lambda row: row.fpn_filters)), 1.0
        ),
        fpn_repeats=_nearest(between(lambda row: row.fpn_repeats)),
        anchor_scale=between(lambda row: row.anchor_scale),
        parameters=None,
        multiply_adds=None,
    )


def _neighbors(phi: float) -> tuple[EfficientDetVariant, EfficientDetVariant]:
    """Return the published detectors at the whole numbers around `phi`."""
    return _PUBLISHED[math.floor(phi)], _PUBLISHED[math.ceil(phi)]


def _nearest(number: float) -> int:
    """Return the nearest integer; halves are rounded up."""
    return math.floor(number + 0.5)


def _check_finite(phi: float) -> None:
    if not math.isfinite(phi):
        raise ValueError(f"`phi` must be finite. Received: phi={phi}")
