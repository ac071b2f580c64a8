"""Tests for anchors, compared with google/automl."""

import json

import numpy as np
import pytest

from keras_efficient import ops
from tests.shared import SHARED
from tests.shared import needs_shared

AUTOML_RATIOS = (1.0, 2.0, 0.5)
# Section 5 of the specification: image, levels, scale, number, last anchor.
ANCHORS = {
    "D0": (512, 7, 4.0, 49_104, (-126.7006, 160.6497, 1022.7006, 735.3503)),
    "D1": (640, 7, 4.0, 76_725, (1.2994, 288.6497, 1150.7006, 863.3503)),
    "D2": (768, 7, 4.0, 110_484, (129.2994, 416.6497, 1278.7006, 991.3503)),
    "D3": (896, 7, 4.0, 150_381, (257.2994, 544.6497, 1406.7006, 1119.3503)),
    "D4": (1024, 7, 4.0, 196_416, (385.2994, 672.6497, 1534.7006, 1247.3503)),
    "D5": (1280, 7, 4.0, 306_900, (641.2994, 928.6497, 1790.7006, 1503.3503)),
    "D7": (1536, 7, 5.0, 441_936, (753.6243, 1112.8121, 2190.3757, 1831.1879)),
    "D7x": (1536, 8, 4.0, 442_260, (258.5989, 833.2994, 2557.4011, 1982.7006)),
}
FIRST = [
    (-12, -12, 20, 20),
    (-7.3137, -18.6274, 15.3137, 26.6274),
    (-18.6274, -7.3137, 26.6274, 15.3137),
    (-16.1587, -16.1587, 24.1587, 24.1587),
    (-10.2544, -24.5088, 18.2544, 32.5088),
    (-24.5088, -10.2544, 32.5088, 18.2544),
    (-21.3984, -21.3984, 29.3984, 29.3984),
    (-13.9594, -31.9188, 21.9594, 39.9188),
    (-31.9188, -13.9594, 39.9188, 21.9594),
]


@pytest.mark.parametrize("name", ANCHORS)
def test_anchors_of_the_published_detectors(name):
    size, max_level, scale, number, last = ANCHORS[name]
    anchors = ops.generate_anchors(
        (size, size),
        max_level=max_level,
        aspect_ratios=AUTOML_RATIOS,
        anchor_scale=scale,
    )
    assert anchors.shape == (number, 4)
    assert anchors.dtype == "float32"
    assert ops.count_anchors((size, size), 3, max_level) == number
    np.testing.assert_allclose(anchors[-1], last, atol=6e-5)


def test_all_anchors_of_d0():
    anchors = ops.generate_anchors((512, 512), aspect_ratios=AUTOML_RATIOS)
    np.testing.assert_allclose(anchors[:9], FIRST, atol=6e-5)
    sums = anchors.sum(axis=0, dtype="float64")
    expected = [11045804.17, 11045804.17, 14095443.85, 14095443.85]
    np.testing.assert_allclose(sums, expected, atol=0.02)
    total = np.abs(anchors).sum(dtype="float64")
    assert total == pytest.approx(50643462.617, abs=0.01)


def test_ratios_of_the_published_weights():
    anchors = ops.generate_anchors((512, 512))
    np.testing.assert_allclose(anchors[1], (-7.2, -18.4, 15.2, 26.4), atol=1e-5)
    last = (-120.9245, 163.5377, 1016.9246, 732.4623)
    np.testing.assert_allclose(anchors[-1], last, atol=6e-5)
    total = np.abs(anchors).sum(dtype="float64")
    assert total == pytest.approx(50638299.564, abs=0.01)


def test_size_that_no_stride_divides():
    anchors = ops.generate_anchors((250, 333), aspect_ratios=AUTOML_RATIOS)
    sizes = [(32, 42), (16, 21), (8, 11), (4, 6), (2, 3)]
    assert ops.feature_sizes((250, 333), 3, 7) == sizes
    assert anchors.shape == (16_182, 4)
    first = (-11.7188, -11.8929, 19.5312, 19.8214)
    np.testing.assert_allclose(anchors[0], first, atol=6e-5)
    last = (-373.7310, 28.3134, 748.7310, 526.6866)
    np.testing.assert_allclose(anchors[-1], last, atol=6e-5)


@needs_shared
@pytest.mark.parametrize("name", [f"d{i}" for i in range(8)] + ["d7x"])
def test_goldens(name):
    path = SHARED / "specs" / "efficientdet_golden.json"
    golden = json.loads(path.read_text())["misc"]
    golden = golden[f"anchors/efficientdet-{name}"]
    size = tuple(8 * side for side in golden["feat"][0])
    anchors = ops.generate_anchors(
        size,
        max_level=2 + len(golden["feat"]),
        aspect_ratios=AUTOML_RATIOS,
        anchor_scale=5.0 if name == "d7" else 4.0,
    )
    assert len(anchors) == golden["n"]
    np.testing.assert_allclose(anchors[5000], golden["row5000"], atol=6e-5)
    total = np.abs(anchors).sum(dtype="float64")
    assert total == pytest.approx(golden["abssum"], rel=1e-9)


def test_order_is_level_row_column_scale_ratio():
    anchors = ops.generate_anchors((16, 24), 3, 4, num_scales=2)
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2
    per_cell = 2 * 3
    # P3 has 2 x 3 cells of 8 pixels, P4 has 1 x 2 of 16 x 12.
    expected = [(4, 4), (4, 12), (4, 20), (12, 4), (12, 12), (12, 20)]
    expected += [(8, 6), (8, 18)]
    np.testing.assert_allclose(centers[::per_cell], expected, atol=1e-5)
    sides = anchors[:, 2:] - anchors[:, :2]
    # 4 * 8 at first, then 2 ** (1 / 2) times as much; width over height.
    np.testing.assert_allclose(sides[0], (32, 32), rtol=1e-5)
    np.testing.assert_allclose(sides[1], (22.4, 44.8), rtol=1e-5)
    np.testing.assert_allclose(sides[3], np.sqrt(2) * sides[0], rtol=1e-5)


def test_scales_by_level():
    anchors = ops.generate_anchors((16, 16), 3, 4, 1, (1.0,), (2.0, 3.0))
    sides = anchors[:, 2] - anchors[:, 0]
    np.testing.assert_allclose(sides, [16, 16, 16, 16, 48])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"image_size": (512,)}, r"image_size=\(512,\)"),
        ({"image_size": (0, 512)}, "image_size="),
        ({"image_size": (51.5, 512)}, "image_size="),
        ({"min_level": 5, "max_level": 4}, "min_level=5"),
        ({"num_scales": 0}, "num_scales=0"),
        ({"aspect_ratios": (1.0, -2.0)}, r"aspect_ratios=\(1.0, -2.0\)"),
        ({"aspect_ratios": ((1, 2, 3),)}, "pair of factors"),
        ({"aspect_ratios": ()}, "empty"),
        ({"anchor_scale": 0}, "`anchor_scale` must be positive"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ops.generate_anchors(**{"image_size": (64, 64), **arguments})
