"""Tests for the tables of variants, compared with the papers' formulas."""

import math

import pytest

from keras_efficient import variants
from keras_efficient.scaling import CompoundScaling
from keras_efficient.scaling import round_filters
from keras_efficient.scaling import scale_stages
from keras_efficient.variants import EFFICIENTDET_VARIANTS
from keras_efficient.variants import EFFICIENTNET_STAGES
from keras_efficient.variants import EFFICIENTNET_VARIANTS
from tests.marks import on_one_backend

pytestmark = on_one_backend

# Spec section 1.3: stem, filters x repeats of the stages, top.
WIDTHS = {
    "B0": (32, "16x1 24x2 40x2 80x3 112x3 192x4 320x1", 1280),
    "B1": (32, "16x2 24x3 40x3 80x4 112x4 192x5 320x2", 1280),
    "B2": (32, "16x2 24x3 48x3 88x4 120x4 208x5 352x2", 1408),
    "B3": (40, "24x2 32x3 48x3 96x5 136x5 232x6 384x2", 1536),
    "B4": (48, "24x2 32x4 56x4 112x6 160x6 272x8 448x2", 1792),
    "B5": (48, "24x3 40x5 64x5 128x7 176x7 304x9 512x3", 2048),
    "B6": (56, "32x3 40x6 72x6 144x8 200x8 344x11 576x3", 2304),
    "B7": (64, "32x4 48x7 80x7 160x10 224x10 384x13 640x4", 2560),
}


@pytest.mark.parametrize("name", WIDTHS)
def test_widths_and_repeats(name):
    variant = EFFICIENTNET_VARIANTS[f"EfficientNet{name}"]
    width, depth = variant.width_coefficient, variant.depth_coefficient
    stem, stages, top = WIDTHS[name]
    assert round_filters(32, width) == stem
    assert round_filters(1280, width) == top
    scaled = scale_stages(EFFICIENTNET_STAGES, width, depth)
    assert " ".join(f"{s.filters}x{s.repeats}" for s in scaled) == stages


def test_efficientnets_are_in_the_order_of_the_paper():
    names = [f"EfficientNetB{i}" for i in range(8)]
    assert list(EFFICIENTNET_VARIANTS) == names
    resolutions = [v.resolution for v in EFFICIENTNET_VARIANTS.values()]
    assert resolutions == [224, 240, 260, 300, 380, 456, 528, 600]


def test_efficientnets_deviate_from_the_formula_as_in_spec_1_5():
    scaling = CompoundScaling()

    def implied_phi(variant):
        return (
            math.log(variant.width_coefficient) / math.log(scaling.beta),
            math.log(variant.depth_coefficient) / math.log(scaling.alpha),
            math.log(variant.resolution / 224) / math.log(scaling.gamma),
        )

    expected = {
        "B1": (0, 0.52, 0.49),
        "B2": (1.00, 1.00, 1.07),
        "B3": (1.91, 1.85, 2.09),
        "B4": (3.53, 3.22, 3.78),
        "B5": (4.93, 4.32, 5.09),
        "B6": (6.17, 5.24, 6.14),
        "B7": (7.27, 6.21, 7.05),
    }
    for name, phis in expected.items():
        variant = EFFICIENTNET_VARIANTS[f"EfficientNet{name}"]
        assert implied_phi(variant) == pytest.approx(phis, abs=0.006)


def test_efficientdets_are_those_of_the_released_table():
    rows = {
        name.removeprefix("EfficientDet"): (
            v.backbone.name.removeprefix("EfficientNet"),
            v.resolution,
            v.fpn_filters,
            v.fpn_repeats,
            v.head_repeats,
            v.max_level,
            v.anchor_scale,
            v.weight_method,
        )
        for name, v in EFFICIENTDET_VARIANTS.items()
    }
    assert rows == {
        "D0": ("B0", 512, 64, 3, 3, 7, 4.0, "fast_normalized"),
        "D1": ("B1", 640, 88, 4, 3, 7, 4.0, "fast_normalized"),
        "D2": ("B2", 768, 112, 5, 3, 7, 4.0, "fast_normalized"),
        "D3": ("B3", 896, 160, 6, 4, 7, 4.0, "fast_normalized"),
        "D4": ("B4", 1024, 224, 7, 4, 7, 4.0, "fast_normalized"),
        "D5": ("B5", 1280, 288, 7, 4, 7, 4.0, "fast_normalized"),
        "D6": ("B6", 1280, 384, 8, 5, 7, 4.0, "sum"),
        "D7": ("B6", 1536, 384, 8, 5, 7, 5.0, "sum"),
        "D7x": ("B7", 1536, 384, 8, 5, 8, 4.0, "sum"),
    }


def test_efficientdets_deviate_from_the_formulas_from_d5_on():
    rows = list(enumerate(EFFICIENTDET_VARIANTS.values()))[:8]
    follows = {
        "resolution": [v.resolution == 512 + 128 * i for i, v in rows],
        "fpn_repeats": [v.fpn_repeats == 3 + i for i, v in rows],
        "head_repeats": [v.head_repeats == 3 + i // 3 for i, v in rows],
    }
    assert follows == {
        "resolution": [True] * 5 + [False, True, False],
        "fpn_repeats": [True] * 5 + [False] * 3,
        "head_repeats": [True] * 8,
    }


def test_rows_have_the_settings_of_the_published_training():
    rates = {
        name.removeprefix("EfficientDet"): row.backbone.drop_connect_rate
        for name, row in EFFICIENTDET_VARIANTS.items()
    }
    assert rates.pop("D0") == 0.0
    assert set(rates.values()) == {0.2}
    for row in EFFICIENTDET_VARIANTS.values():
        published = EFFICIENTNET_VARIANTS[row.backbone.name]
        assert row.backbone.width_coefficient == published.width_coefficient
        assert row.backbone.depth_coefficient == published.depth_coefficient


def test_old_name_of_the_rows_of_other_networks():
    with pytest.warns(DeprecationWarning, match="EfficientNetVariant"):
        assert variants.ScalableNetwork is variants.EfficientNetVariant
