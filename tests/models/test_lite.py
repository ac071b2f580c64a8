"""Tests for the networks for mobile devices."""

import numpy as np
import pytest

import keras_efficient
from keras_efficient import counting
from keras_efficient import scaling
from keras_efficient import variants
from tests.marks import on_one_backend
from tests.models import builders
from tests.models import detectors

pytestmark = on_one_backend

# Specification, section 2: width, depth, resolution, dropout, trainable
# parameters, parameters with statistics, multiply-adds, tensors.
NETWORKS = {
    "Lite0": (224, 0.2, 4_652_008, 4_694_030, 385_187_552, 247),
    "Lite1": (240, 0.2, 5_416_680, 5_470_350, 600_185_232, 322),
    "Lite2": (260, 0.3, 6_092_072, 6_150_174, 859_736_272, 322),
    "Lite3": (280, 0.3, 8_197_096, 8_273_774, 1_383_321_872, 367),
    "Lite4": (300, 0.3, 13_006_568, 13_118_942, 2_553_034_336, 457),
}
# Filters and repeats of the stages.
STAGES = {
    "Lite0": "16x1 24x2 40x2 80x3 112x3 192x4 320x1",
    "Lite1": "16x1 24x3 40x3 80x4 112x4 192x5 320x1",
    "Lite2": "16x1 24x3 48x3 88x4 120x4 208x5 352x1",
    "Lite3": "24x1 32x3 48x3 96x5 136x5 232x6 384x1",
    "Lite4": "24x1 32x4 56x4 112x6 160x6 272x8 448x1",
}
# Section 3: resolution, anchors, trainable parameters, with statistics,
# multiply-adds, tensors.
DETECTORS = {
    "Lite0": (320, 19_206, 3_243_470, 3_290_612, 973_589_696, 588),
    "Lite1": (384, 27_621, 4_248_318, 4_311_396, 1_966_649_904, 719),
    "Lite2": (448, 37_629, 5_252_334, 5_324_900, 3_371_304_384, 775),
    "Lite3": (512, 49_104, 8_350_862, 8_455_060, 7_480_187_904, 922),
    "Lite3x": (640, 76_725, 9_280_862, 9_392_580, 13_978_127_600, 922),
    "Lite4": (640, 76_725, 15_130_894, 15_286_404, 20_168_084_000, 1068),
}
SCALES = {"Lite3": 4.0, "Lite4": 4.0}
LARGE = ("Lite2", "Lite3", "Lite3x", "Lite4")
PIXELS = ((127 / 255,) * 3, (128 / 255,) * 3)


def some_slow(names):
    return [
        pytest.param(name, marks=pytest.mark.slow if name in LARGE else ())
        for name in names
    ]


def num_weights(model):
    """Numbers in all weights, and weights without mean and std of pixels."""
    numbers = sum(int(np.prod(x.shape)) for x in model.weights)
    return numbers, len(model.weights) - 2


@pytest.mark.parametrize("name", some_slow(NETWORKS))
def test_classifiers_have_the_published_numbers(name):
    size, dropout, parameters, total, multiply_adds, tensors = NETWORKS[name]
    model = builders.build(name)
    assert model.name == f"efficientnet{name.lower()}"
    assert model.input_shape == (None, size, size, 3)
    assert model.get_layer("top_dropout").rate == dropout
    assert counting.count_parameters(model) == parameters
    assert num_weights(model) == (total, tensors)
    assert counting.count_multiply_adds(model) == multiply_adds
    layer = model.get_layer("preprocessing")
    assert (layer.initial_mean, layer.initial_std) == PIXELS
    row = variants.EFFICIENTNET_LITE_VARIANTS[f"EfficientNet{name}"]
    assert (row.parameters, row.multiply_adds) == (parameters, multiply_adds)


@pytest.mark.parametrize("name", STAGES)
def test_first_and_last_stage_are_not_repeated(name):
    row = variants.EFFICIENTNET_LITE_VARIANTS[f"EfficientNet{name}"]
    stages = scaling.scale_stages(
        row.stages,
        row.width_coefficient,
        row.depth_coefficient,
        scale_ends=row.scale_ends,
    )
    text = " ".join(f"{stage.filters}x{stage.repeats}" for stage in stages)
    assert text == STAGES[name]


def test_blocks_have_relu6_and_no_squeeze_and_excitation():
    model = builders.build("Lite0", include_top=False)
    blocks = [x for x in model.layers if "block" in x.name]
    assert len(blocks) == 16
    assert {block.se_ratio for block in blocks} == {0}
    names = {x.get_config()["activation"] for x in blocks}
    names.add(model.get_layer("stem_activation").get_config()["activation"])
    assert names == {"relu6"}


@pytest.mark.parametrize("name", some_slow(DETECTORS))
def test_detectors_have_the_published_numbers(name):
    size, anchors, parameters, total, multiply_adds, tensors = DETECTORS[name]
    model = detectors.build(name)
    assert model.name == f"efficientdet{name.lower()}"
    assert model.image_size == (size, size)
    assert model.output["box_deltas"].shape == (None, anchors, 4)
    assert counting.count_parameters(model) == parameters
    assert num_weights(model) == (total, tensors)
    assert counting.count_multiply_adds(model) == multiply_adds
    smallest = np.asarray(model.generate_anchors()[0])
    side = SCALES.get(name, 3.0) * 8
    assert smallest[2:] - smallest[:2] == pytest.approx([side, side])
    row = variants.EFFICIENTDET_LITE_VARIANTS[f"EfficientDet{name}"]
    assert (row.parameters, row.multiply_adds) == (parameters, multiply_adds)


def test_the_activation_of_a_detector_is_that_of_its_variant():
    model = detectors.build("Lite0", input_shape=(64, 64, 3))
    assert model.class_head.get_config()["activation"] == "relu6"
    normalization = model.backbone.get_layer("preprocessing")
    assert (normalization.initial_mean, normalization.initial_std) == PIXELS


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"stages": variants.EFFICIENTNET_LITE_STAGES}, ""),
        ({"scale_ends": False}, ""),
        ({"activation": "relu"}, ""),
    ],
)
def test_published_weights_are_for_the_published_network(arguments, name):
    with pytest.raises(ValueError, match="has other coefficients or stages"):
        keras_efficient.EfficientNet(weights="imagenet", **arguments)
