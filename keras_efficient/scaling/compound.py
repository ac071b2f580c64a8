"""Compound scaling of depth, width and resolution.

The rules of EfficientNet (https://arxiv.org/abs/1905.11946, section 3.3) with
the rounding of its released code (`tensorflow/tpu`, `efficientnet_model.py`).
EfficientNet, MobileNet, ResNet and EfficientDet apply them to their tables.
"""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any
from typing import TypeVar

DIVISOR = 8
# A dataclass with the fields `filters` and `repeats`.
Stage = TypeVar("Stage", bound=Any)


def round_filters(
    filters: int,
    width_coefficient: float | None,
    divisor: int = DIVISOR,
    min_filters: int | None = None,
) -> int:
    """Scale a number of filters and round it to a multiple of `divisor`.

    Halves round up, and rounding never takes away more than a tenth of the
    scaled width: where it would, the next multiple is used.

    Args:
        filters: Number of filters of the unscaled network, at least 1.
        width_coefficient: Factor on the filters, above 0. `None` leaves
            `filters` as they are, unrounded.
        divisor: The result is a multiple of it. Defaults to 8.
        min_filters: Smallest result. Defaults to `divisor`.

    Returns:
        The scaled number of filters.

    Raises:
        ValueError: If a number is not positive.

    Example:
    >>> round_filters(40, 1.1)  # 44.0 lies between 40 and 48: halves go up
    48
    >>> round_filters(16, 1.2)  # 19.2; 16 would take away 17%
    24
    """
    _check_positive(filters=filters, divisor=divisor)
    if width_coefficient is None:
        return filters
    _check_positive(width_coefficient=width_coefficient)
    scaled = filters * width_coefficient
    rounded = int(scaled + divisor / 2) // divisor * divisor
    rounded = max(min_filters or divisor, rounded)
    if rounded < 0.9 * scaled:
        rounded += divisor
    return int(rounded)


def round_repeats(repeats: int, depth_coefficient: float | None) -> int:
    """Scale a number of repeats and round it up.

    Args:
        repeats: Number of repeats of the unscaled network, at least 1.
        depth_coefficient: Factor on the repeats, above 0. `None` leaves
            `repeats` as they are.

    Returns:
        The scaled number of repeats.

    Raises:
        ValueError: If a number is not positive.

    Example:
    >>> round_repeats(3, 1.4)
    5
    """
    _check_positive(repeats=repeats)
    if depth_coefficient is None:
        return repeats
    _check_positive(depth_coefficient=depth_coefficient)
    return math.ceil(depth_coefficient * repeats)


def scale_stages(
    stages: Iterable[Stage],
    width_coefficient: float | None,
    depth_coefficient: float | None,
    divisor: int = DIVISOR,
    scale_ends: bool = True,
) -> tuple[Stage, ...]:
    """Scale the filters and repeats of the stages of a network.

    Args:
        stages: Sequence of dataclasses with integer fields `filters` and
            `repeats`, such as `variants.EFFICIENTNET_STAGES`. Left unchanged.
        width_coefficient: Factor on `filters`; see `round_filters`.
        depth_coefficient: Factor on `repeats`; see `round_repeats`.
        divisor: Filters become multiples of it. Defaults to 8.
        scale_ends: Whether `depth_coefficient` also applies to the first and
            the last stage, unlike in EfficientNet-Lite. Defaults to `True`.

    Returns:
        A tuple of new stages of the same classes, in the same order.

    Raises:
        TypeError: If a stage is no dataclass with `filters` and `repeats`.

    Example:
    >>> from keras_efficient.variants import EFFICIENTNET_STAGES
    >>> stages = scale_stages(EFFICIENTNET_STAGES, 2.0, 3.1)
    >>> [(stage.filters, stage.repeats) for stage in stages][:3]
    [(32, 4), (48, 7), (80, 7)]
    """
    stages = tuple(map(_checked_stage, stages))
    unscaled = () if scale_ends else (0, len(stages) - 1)
    return tuple(
        dataclasses.replace(
            stage,
            filters=round_filters(stage.filters, width_coefficient, divisor),
            repeats=round_repeats(
                stage.repeats, None if i in unscaled else depth_coefficient
            ),
        )
        for i, stage in enumerate(stages)
    )


@dataclasses.dataclass(frozen=True)
class Coefficients:
    """Factors on the width, depth and resolution of a network.

    Attributes:
        width: Factor on the filters of each layer.
        depth: Factor on the repeats of each stage.
        resolution: Factor on the side of the input image.
    """

    width: float
    depth: float
    resolution: float

    @property
    def cost(self) -> float:
        """Factor on the multiply-adds, before rounding."""
        return self.depth * self.width**2 * self.resolution**2

    def scale_resolution(self, resolution: int, divisor: int = 1) -> int:
        """Return the side of the scaled input in pixels, to a multiple.

        Args:
            resolution: Side of the unscaled input, in pixels.
            divisor: The result is a multiple of it. Defaults to 1.

        Returns:
            An integer, at least `divisor`.
        """
        _check_positive(resolution=resolution, divisor=divisor)
        scaled = resolution * self.resolution / divisor
        return max(1, round(scaled)) * divisor


@dataclasses.dataclass(frozen=True)
class CompoundScaling:
    """The compound scaling rule: one `phi` sets depth, width and resolution.

    `depth = alpha**phi`, `width = beta**phi`, `resolution = gamma**phi`. The
    cost of a convolutional network grows with `depth * width**2 *
    resolution**2`, so that with `alpha * beta**2 * gamma**2` near 2 each step
    of `phi` doubles it. The published B1 to B7 were rounded by hand and do
    not follow these numbers exactly: see `variants.EFFICIENTNET_VARIANTS`.

    Attributes:
        alpha: Base of the depth, at least 1. Defaults to 1.2.
        beta: Base of the width, at least 1. Defaults to 1.1.
        gamma: Base of the resolution, at least 1. Defaults to 1.15.

    Call arguments:
        phi: The compound coefficient, 0 for the unscaled network.

    Raises:
        ValueError: If `alpha`, `beta` or `gamma` is below 1.

    Example:
    >>> scaling = CompoundScaling()
    >>> coefficients = scaling(phi=1)
    >>> coefficients.depth, coefficients.width, coefficients.resolution
    (1.2, 1.1, 1.15)
    >>> scaling.scale_resolution(224, phi=2)
    296
    >>> [round(member.cost, 1) for member in scaling.family(range(4))]
    [1.0, 1.9, 3.7, 7.1]

    Reference:
        - [Tan and Le, 2019, section 3.3](https://arxiv.org/abs/1905.11946).
    """

    alpha: float = 1.2
    beta: float = 1.1
    gamma: float = 1.15

    def __post_init__(self):
        bases = dataclasses.asdict(self)
        if not all(
            math.isfinite(base) and base >= 1 for base in bases.values()
        ):
            raise ValueError(
                "`alpha`, `beta` and `gamma` must be finite and at least 1, "
                f"so that a larger `phi` gives no smaller network. "
                f"Received: {bases}"
            )

    def __call__(self, phi: float) -> Coefficients:
        return Coefficients(
            width=self.beta**phi,
            depth=self.alpha**phi,
            resolution=self.gamma**phi,
        )

    @property
    def cost_per_step(self) -> float:
        """Growth of the cost for each step of `phi`: near 2 by design."""
        return self(1).cost

    def scale_resolution(self, resolution: int, phi: float) -> int:
        """Return the side of the scaled input in pixels."""
        return self(phi).scale_resolution(resolution)

    def family(self, phis: Iterable[float]) -> tuple[Coefficients, ...]:
        """Return the `Coefficients` at each `phi`: step 2 of the paper.

        Args:
            phis: Iterable of numbers.

        Returns:
            A tuple of `Coefficients`, in the order of `phis`.
        """
        return tuple(self(phi) for phi in phis)

    def scale_stages(
        self, stages: Iterable[Stage], phi: float, divisor: int = DIVISOR
    ) -> tuple[Stage, ...]:
        """Return the stages at `phi`; see the function `scale_stages`."""
        coefficients = self(phi)
        return scale_stages(
            stages, coefficients.width, coefficients.depth, divisor
        )


def _check_positive(**numbers):
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(
                f"`{name}` must be above 0. Received: {name}={number!r}"
            )


def _checked_stage(stage):
    names = (
        {field.name for field in dataclasses.fields(stage)}
        if dataclasses.is_dataclass(stage) and not isinstance(stage, type)
        else set()
    )
    if not {"filters", "repeats"} <= names:
        raise TypeError(
            "Each stage must be a dataclass with the fields `filters` and "
            f"`repeats`. Received: {stage!r}"
        )
    return stage
