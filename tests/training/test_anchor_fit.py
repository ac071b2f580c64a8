import numpy as np
import pytest

import keras_efficient
from keras_efficient.data import detection_from_arrays
from keras_efficient.ops import box_iou
from keras_efficient.training import measure_anchor_fit
from keras_efficient.training.anchor_fit import _best_iou
from tests.marks import on_one_backend

pytestmark = on_one_backend

SIZE = 128
# Center of a cell of the finest level.
CENTER = 60


def detector(num_classes, size=SIZE, **kwargs):
    return keras_efficient.EfficientDetD0(
        weights=None,
        backbone_weights=None,
        num_classes=num_classes,
        input_shape=(size, size, 3),
        **kwargs,
    )


def dataset(sides, size=SIZE, **kwargs):
    """Return one image for each side, with a square of its own class."""
    boxes = [
        [[CENTER - side / 2] * 2 + [CENTER + side / 2] * 2] for side in sides
    ]
    return detection_from_arrays(
        np.zeros((len(sides), size, size, 3), "uint8"),
        boxes,
        [[i] for i in range(len(sides))],
        **kwargs,
    )


def test_best_iou_is_the_maximum_over_all_anchors():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 90, (300, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 90, (300, 2))], axis=1)
    for image_size in ((96, 160), (101, 75)):
        arguments = {"max_level": 6, "anchor_scale": 3.0}
        anchors = keras_efficient.ops.generate_anchors(image_size, **arguments)
        grids = keras_efficient.ops.anchor_grids(image_size, **arguments)
        iou = box_iou(boxes[:, [1, 0, 3, 2]].astype("float32"), anchors)
        expected = np.max(np.array(iou), axis=1)
        np.testing.assert_allclose(
            _best_iou(boxes, grids), expected, rtol=1e-4, atol=1e-5
        )


def test_smaller_anchors_for_small_objects():
    data = dataset([10, 40], class_names=("platelet", "cell"))
    fit = measure_anchor_fit(detector(2), data)
    assert fit.coverage.tolist() == [0.0, 1.0]
    assert fit.best_coverage.tolist() == [1.0, 1.0]
    assert fit.best_scale < fit.anchor_scale and not fit.is_best
    np.testing.assert_allclose(fit.sides, [10, 40])
    assert "0% of the boxes of class 'platelet'" in fit.advice
    assert str(fit.best_scale) in str(fit)


@pytest.mark.parametrize(
    "side, size", [(2, "768x768"), (3, "512x512"), (5, "320x320")]
)
def test_objects_without_an_anchor_of_any_scale(side, size):
    fit = measure_anchor_fit(detector(1), dataset([side]))
    assert fit.best_coverage.tolist() == [0.0]
    assert f"is {side:.1f} pixels of the 128x128 input" in fit.advice
    assert f"such as {size}" in fit.advice
    factor = int(size.split("x")[0]) / SIZE
    larger = dataset([side * factor], int(SIZE * factor))
    model = detector(1, int(SIZE * factor), anchor_scale=1.0)
    fit = measure_anchor_fit(model, larger)
    assert fit.best_coverage.tolist() == [1.0], fit


@pytest.mark.parametrize("side", [3, 5, 7, 9])
def test_objects_at_random_positions(side):
    rng = np.random.default_rng(0)
    low = rng.integers(0, SIZE - side, (300, 2))
    boxes = np.concatenate([low, low + side], axis=1)
    data = detection_from_arrays(
        np.zeros((1, SIZE, SIZE, 3), "uint8"), [boxes], [[0] * 300], ["seed"]
    )
    fit = measure_anchor_fit(detector(1), data)
    assert "times as large" in fit.advice
    size = int(fit.advice.split("such as ")[1].split("x")[0])
    model = detector(1, size, anchor_scale=1.0)
    larger = measure_anchor_fit(model, data)
    assert larger.best_coverage[0] > 0.5 and "times" not in larger.advice


def test_shapes_without_an_anchor():
    data = detection_from_arrays(
        np.zeros((1, SIZE, SIZE, 3), "uint8"), [[[4, 60, 124, 66]]], [[0]]
    )
    assert "`aspect_ratios`" in measure_anchor_fit(detector(1), data).advice


def test_no_advice_if_no_scale_is_better():
    data = dataset([40, 40], class_names=("a", "b", "c"))
    fit = measure_anchor_fit(detector(3), data)
    assert fit.is_best and fit.advice == ""
    assert fit.num_boxes == (1, 1, 0)
    assert np.isnan(fit.coverage[2]) and str(fit).splitlines()[3].endswith("-")


def test_images_are_measured_as_the_network_sees_them():
    fit = measure_anchor_fit(detector(1), dataset([80], 2 * SIZE))
    np.testing.assert_allclose(fit.sides, [40])


def test_crowds_are_ignored():
    data = dataset([10])
    record = data.records[0]
    object.__setattr__(record, "is_crowd", np.array([True]))
    fit = measure_anchor_fit(detector(1), data)
    assert fit.num_boxes == (0,) and fit.is_best


def test_image_size_is_required():
    model = detector(1, None)
    with pytest.raises(ValueError, match="Pass `image_size`"):
        measure_anchor_fit(model, dataset([10]))
    fit = measure_anchor_fit(model, dataset([10]), image_size=(64, 64))
    assert fit.num_boxes == (1,)
