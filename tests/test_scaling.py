"""Tests for the scaling rules, against numbers computed by hand."""

import dataclasses

import pytest

import keras_efficient
from keras_efficient.scaling import CompoundScaling
from keras_efficient.scaling import round_filters
from keras_efficient.scaling import round_repeats
from keras_efficient.scaling import scale_stages
from keras_efficient.variants import EFFICIENTNET_STAGES


@pytest.mark.parametrize(
    "filters, width, expected",
    [
        (32, 1.0, 32),
        (16, 1.2, 24),  # 19.2 -> 16, which is below 0.9 * 19.2 = 17.28
        (40, 1.1, 48),  # 44.0 lies in the middle: up
        (16, 1.1, 16),  # 17.6
        (24, 1.1, 24),  # 26.4
        (192, 1.1, 208),  # 211.2
        (112, 1.1, 120),  # 123.2
        (40, 1.4, 56),  # 56.0
        (32, 1.4, 48),  # 44.8
        (112, 1.6, 176),  # 179.2
        (16, 4.3, 72),  # 68.8
        (40, 4.3, 176),  # 172.0 lies in the middle: up
        (3, 1.0, 8),  # never below the divisor
    ],
)
def test_round_filters(filters, width, expected):
    assert round_filters(filters, width) == expected


def test_round_filters_takes_other_divisors_and_minima():
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


def test_scale_stages_makes_new_stages():
    before = tuple(map(dataclasses.asdict, EFFICIENTNET_STAGES))
    scaled = scale_stages(EFFICIENTNET_STAGES, 1.1, 1.2)
    # B2 of spec section 1.3.
    assert [s.filters for s in scaled] == [16, 24, 48, 88, 120, 208, 352]
    assert [s.repeats for s in scaled] == [2, 3, 3, 4, 4, 5, 2]
    assert [s.kernel_size for s in scaled] == [3, 3, 5, 3, 5, 5, 3]
    assert tuple(map(dataclasses.asdict, EFFICIENTNET_STAGES)) == before


def test_scale_stages_takes_any_dataclass_with_filters_and_repeats():
    @dataclasses.dataclass(frozen=True)
    class Stage:
        filters: int
        repeats: int
        note: str = "kept"

    scaled = scale_stages([Stage(64, 3)], 2.0, 1.5, divisor=4)
    assert scaled == (Stage(128, 5),)


def test_scale_stages_refuses_what_it_cannot_scale():
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
    # width 1.21, depth 1.44: 16 * 1.21 = 19.36 -> 24 as 16 loses 17%.
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
