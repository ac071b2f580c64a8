"""Tests for the scaling rules, compared with numbers computed by hand."""

import dataclasses
import operator

import pytest

import keras_efficient
from keras_efficient.scaling import CompoundScaling
from keras_efficient.scaling import EfficientDetScaling
from keras_efficient.scaling import interpolate_efficientdet
from keras_efficient.scaling import round_filters
from keras_efficient.scaling import round_repeats
from keras_efficient.scaling import scale_stages
from keras_efficient.variants import EFFICIENTNET_STAGES
from tests.marks import on_one_backend

pytestmark = on_one_backend


@pytest.mark.parametrize(
    "filters, width, expected",
    [
        (32, 1.0, 32),
        (16, 1.2, 24),  # 19.2 -> 16, which is below 0.9 * 19.2 = 17.28
        (40, 1.1, 48),  # 44.0 is in the middle: rounded up
        (16, 1.1, 16),  # 17.6
        (24, 1.1, 24),  # 26.4
        (192, 1.1, 208),  # 211.2
        (112, 1.1, 120),  # 123.2
        (40, 1.4, 56),  # 56.0
        (32, 1.4, 48),  # 44.8
        (112, 1.6, 176),  # 179.2
        (16, 4.3, 72),  # 68.8
        (40, 4.3, 176),  # 172.0 is in the middle: rounded up
        (3, 1.0, 8),  # never below the divisor
    ],
)
def test_round_filters(filters, width, expected):
    assert round_filters(filters, width) == expected


def test_round_filters_with_other_divisors_and_minima():
    assert round_filters(30, 1.0, divisor=16) == 32
    assert round_filters(3, 1.0, min_filters=24) == 24
    assert round_filters(37, None) == 37


@pytest.mark.parametrize(
    "repeats, depth, expected",
    [
        (1, 1.1, 2),
        (2, 1.1, 3),
        (3, 1.1, 4),
        (4, 1.1, 5),
        (3, 1.4, 5),  # 4.2
        (4, 3.1, 13),  # 12.4
        (10, 1.1, 11),  # exactly 11.0 in floats
        (3, 1.1 + 1e-15, 4),
        (3, None, 3),
    ],
)
def test_round_repeats(repeats, depth, expected):
    assert round_repeats(repeats, depth) == expected


def test_scale_stages_returns_new_stages():
    before = tuple(map(dataclasses.asdict, EFFICIENTNET_STAGES))
    scaled = scale_stages(EFFICIENTNET_STAGES, 1.1, 1.2)
    # B2 of spec section 1.3.
    assert [s.filters for s in scaled] == [16, 24, 48, 88, 120, 208, 352]
    assert [s.repeats for s in scaled] == [2, 3, 3, 4, 4, 5, 2]
    assert [s.kernel_size for s in scaled] == [3, 3, 5, 3, 5, 5, 3]
    assert tuple(map(dataclasses.asdict, EFFICIENTNET_STAGES)) == before


def test_scale_stages_accepts_any_dataclass_with_filters_and_repeats():
    @dataclasses.dataclass(frozen=True)
    class Stage:
        filters: int
        repeats: int
        note: str = "kept"

    scaled = scale_stages([Stage(64, 3)], 2.0, 1.5, divisor=4)
    assert scaled == (Stage(128, 5),)


def test_scale_stages_rejects_other_objects():
    with pytest.raises(TypeError, match="`filters` and `repeats`.*Received"):
        scale_stages([{"filters": 8, "repeats": 1}], 1.0, 1.0)


def test_compound_scaling_follows_the_paper():
    scaling = CompoundScaling()
    assert scaling.cost_per_step == pytest.approx(1.92027, abs=1e-5)
    third = scaling(3)
    assert third.depth == pytest.approx(1.728, abs=5e-4)
    assert third.width == pytest.approx(1.331, abs=5e-4)
    assert scaling.scale_resolution(224, 3) == 341  # 340.7
    assert scaling(0).cost == 1.0
    assert scaling(2.5).cost == pytest.approx(1.92027**2.5, rel=1e-5)


def test_compound_scaling_scales_stages():
    stages = CompoundScaling().scale_stages(EFFICIENTNET_STAGES, phi=2)
    # width 1.21, depth 1.44: 16 * 1.21 = 19.36 -> 24, because 16 is 17% less.
    assert (stages[0].filters, stages[0].repeats) == (24, 2)
    assert (stages[3].filters, stages[3].repeats) == (96, 5)  # 96.8; 4.32


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: round_filters(0, 1.0), "filters=0"),
        (lambda: round_filters(8, -1.0), "width_coefficient=-1.0"),
        (lambda: round_filters(8, float("nan")), "width_coefficient=nan"),
        (lambda: round_repeats(1, 0), "depth_coefficient=0"),
        (lambda: CompoundScaling(alpha=0.9), "at least 1.*'alpha': 0.9"),
    ],
)
def test_bad_numbers_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_old_name_of_the_rule_of_detectors():
    scaling = keras_efficient.scaling
    with pytest.warns(DeprecationWarning, match="scaling.EfficientDetScaling"):
        assert scaling.DetectorScaling is scaling.EfficientDetScaling


def test_old_name_of_the_numbers_of_detectors():
    with pytest.warns(DeprecationWarning, match="variants.EfficientDetVariant"):
        old = keras_efficient.scaling.DetectorCoefficients
    assert old is keras_efficient.variants.EfficientDetVariant


@pytest.mark.parametrize("phi", range(8))
def test_integer_phis_are_published_rows(phi):
    rows = list(keras_efficient.variants.EFFICIENTDET_VARIANTS.values())
    assert interpolate_efficientdet(phi) is rows[phi]


def test_settings_without_formula_follow_the_table():
    scaling = EfficientDetScaling()
    rates = [scaling(x).backbone.drop_connect_rate for x in (-1, 0, 0.1, 9)]
    assert rates == [0.0, 0.0, 0.2, 0.2]
    methods = [scaling(x).weight_method for x in (0, 5.9, 6, 9)]
    assert methods == ["fast_normalized", "fast_normalized", "sum", "sum"]
    assert scaling(7).anchor_scale == 4.0
    assert scaling(1).parameters is None
    with pytest.raises(ValueError, match="must be finite"):
        scaling(float("inf"))


def test_fractional_phis_are_interpolated():
    phis = [i / 8 for i in range(57)]
    rows = [interpolate_efficientdet(phi) for phi in phis]
    for name in (
        "backbone.width_coefficient",
        "backbone.depth_coefficient",
        "backbone.drop_connect_rate",
        "resolution",
        "fpn_filters",
        "fpn_repeats",
        "head_repeats",
    ):
        values = [operator.attrgetter(name)(row) for row in rows]
        assert values == sorted(values), name
    assert all(row.resolution % 32 == 0 for row in rows)
    assert all(row.fpn_filters % 8 == 0 for row in rows)
    half = interpolate_efficientdet(2.5)
    # D2 and D3: 112 and 160 filters, 5 and 6 cells, 768 and 896 pixels.
    assert (half.fpn_filters, half.fpn_repeats) == (136, 6)
    assert (half.resolution, half.head_repeats) == (832, 3)
    assert half.backbone.width_coefficient == pytest.approx(1.15)


def test_formula_and_deviations_of_the_table():
    rows = list(keras_efficient.variants.EFFICIENTDET_VARIANTS.values())[:8]
    scaling = EfficientDetScaling()
    differ = {}
    for phi, row in enumerate(rows):
        numbers = scaling(phi)
        differ[phi] = {
            name
            for name in (
                "fpn_filters",
                "fpn_repeats",
                "head_repeats",
                "resolution",
            )
            if getattr(numbers, name) != getattr(row, name)
        }
    assert differ == {
        0: set(),
        1: set(),
        2: {"fpn_filters"},
        3: set(),
        4: {"fpn_filters"},
        5: {"fpn_repeats", "resolution"},
        6: {"fpn_repeats"},
        7: {"fpn_filters", "fpn_repeats", "resolution"},
    }
