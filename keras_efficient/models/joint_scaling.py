"""The numbers of an EfficientDet at any phi, also between the variants."""

import dataclasses
import math

from keras_efficient.scaling import EfficientDetScaling
from keras_efficient.scaling import round_filters
from keras_efficient.variants import EFFICIENTDET_VARIANTS
from keras_efficient.variants import EFFICIENTNET_VARIANTS

RULES = ("published", "formula")
# D0 to D7 are the points at 0 to 7; D7x is no further step of phi.
_PUBLISHED = tuple(
    row for row in EFFICIENTDET_VARIANTS.values() if not row.name.endswith("x")
)
_RESOLUTION_DIVISOR = 32
# The paper sums unweighted "for training stability" from here on.
_SUM_FROM = 6


@dataclasses.dataclass(frozen=True)
class DetectorNumbers:
    """What a phi stands for.

    Attributes:
        width_coefficient: Of the backbone.
        depth_coefficient: Of the backbone.
        resolution: Side of the square input image, in pixels.
        fpn_filters: Filters of the feature network.
        fpn_repeats: Its cells.
        head_repeats: Convolutions of each head before its predictor.
        anchor_scale: Side of the smallest square anchor over its stride.
        weight_method: How a BiFPN node weighs its inputs.
        drop_connect_rate: Of the backbone.
    """

    width_coefficient: float
    depth_coefficient: float
    resolution: int
    fpn_filters: int
    fpn_repeats: int
    head_repeats: int
    anchor_scale: float
    weight_method: str
    drop_connect_rate: float


def detector_numbers(phi, rule="published"):
    """The numbers of an EfficientDet at a phi.

    Args:
        phi: Number. With `"published"` from 0 to 7.
        rule: String, `"published"`: D0 to D7 at whole numbers, and between
            two of them in proportion; or `"formula"`: equations 1 to 3 of the
            paper, see `scaling.EfficientDetScaling`.

    Returns:
        A `DetectorNumbers`.

    Raises:
        ValueError: If `rule` is unknown or `phi` out of range.

    Example:
    >>> from keras_efficient.models.joint_scaling import detector_numbers
    >>> numbers = detector_numbers(1.5)
    >>> numbers.fpn_filters, numbers.fpn_repeats, numbers.resolution
    (104, 5, 704)
    """
    if rule not in RULES:
        raise ValueError(f"`rule` must be one of {RULES}. Received: {rule!r}")
    if not math.isfinite(phi):
        raise ValueError(f"`phi` must be finite. Received: phi={phi}")
    weight_method = "sum" if phi >= _SUM_FROM else "fast_normalized"
    if rule == "formula":
        numbers = EfficientDetScaling()(phi)
        return DetectorNumbers(
            width_coefficient=numbers.backbone.width,
            depth_coefficient=numbers.backbone.depth,
            resolution=numbers.resolution,
            fpn_filters=numbers.fpn_filters,
            fpn_repeats=numbers.fpn_repeats,
            head_repeats=numbers.head_repeats,
            anchor_scale=4.0,
            weight_method=weight_method,
            drop_connect_rate=0.2 if phi > 0 else 0.0,
        )
    last = len(_PUBLISHED) - 1
    if not 0 <= phi <= last:
        raise ValueError(
            f"`phi` must lie between 0 (D0) and {last} (D{last}); "
            f'rule="formula" takes others. Received: phi={phi}'
        )
    below, above = _PUBLISHED[math.floor(phi)], _PUBLISHED[math.ceil(phi)]

    def between(number):
        low, high = number(below), number(above)
        return low + (high - low) * (phi - math.floor(phi))

    def of_backbone(name):
        return lambda row: getattr(EFFICIENTNET_VARIANTS[row.backbone], name)

    side = between(lambda row: row.resolution) / _RESOLUTION_DIVISOR
    return DetectorNumbers(
        width_coefficient=between(of_backbone("width_coefficient")),
        depth_coefficient=between(of_backbone("depth_coefficient")),
        resolution=_nearest(side) * _RESOLUTION_DIVISOR,
        fpn_filters=round_filters(
            _nearest(between(lambda row: row.fpn_filters)), 1.0
        ),
        fpn_repeats=_nearest(between(lambda row: row.fpn_repeats)),
        # As the formula, which steps only where a whole one is reached.
        head_repeats=below.head_repeats,
        anchor_scale=between(lambda row: row.anchor_scale),
        weight_method=weight_method,
        drop_connect_rate=0.2 * min(phi, 1.0),
    )


def _nearest(number):
    """The nearest integer; halves go up."""
    return math.floor(number + 0.5)
