"""Tests for IoU losses, compared with google/automl."""

import keras
import numpy as np
import pytest

from keras_efficient import losses
from tests.harness import to_numpy
from tests.support.gradients import differences
from tests.support.gradients import value_and_gradient

KINDS = ["iou", "giou", "diou", "ciou"]
IOU_TARGETS = np.array([[3, 4, 6, 8], [14, 14, 15, 15]], "float32")
IOU_BOXES = np.array([[4, 3, 7, 5], [5, 6, 10, 7]], "float32")


@pytest.mark.parametrize(
    "kind, expected",
    [
        ("iou", [0.875, 1.0]),
        ("giou", [1.075, 1.933333]),
        ("diou", [0.9969512, 1.6243094]),
        ("ciou", [0.99931306, 1.6415315]),
    ],
)
def test_iou_losses(kind, expected):
    found = losses.iou_loss(IOU_TARGETS, IOU_BOXES, kind)
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-5)
    nothing = losses.iou_loss(np.zeros((2, 4)), IOU_BOXES, kind)
    assert to_numpy(nothing).tolist() == [0.0, 0.0]
    np.testing.assert_allclose(
        to_numpy(losses.iou_loss(IOU_BOXES, IOU_BOXES, kind)), 0, atol=1e-6
    )


def exact(kind, target, box):
    """Compute a loss in float64 by the formulas of the papers."""
    low, high = np.maximum(target, box)[:2], np.minimum(target, box)[2:]
    shared = np.prod(np.maximum(high - low, 0))
    sides, target_sides = box[2:] - box[:2], target[2:] - target[:2]
    union = np.prod(sides) + np.prod(target_sides) - shared
    iou = shared / union
    hull = np.maximum(target, box)[2:] - np.minimum(target, box)[:2]
    if kind == "giou":
        return 1 - iou + (np.prod(hull) - union) / np.prod(hull)
    centers = (box[:2] + box[2:] - target[:2] - target[2:]) / 2
    distance = np.sum(centers**2) / np.sum(hull**2)
    angles = [np.arctan(side[1] / side[0]) for side in (sides, target_sides)]
    shape = 4 * (angles[0] - angles[1]) ** 2 / np.pi**2
    shape_loss = shape**2 / (1 - iou + shape)
    return (
        1 - iou + {"iou": 0, "diou": distance}.get(kind, distance + shape_loss)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_equal_the_formulas(kind):
    targets = np.array([[3, 4, 6, 8], [0, 0, 9, 3], [2, 2, 4, 9]], "float32")
    boxes = np.array([[4, 3, 7, 5], [1, 0.5, 4, 2], [5, 1, 8, 12]], "float32")

    def all_exact(x):
        return sum(exact(kind, *pair) for pair in zip(targets, x, strict=True))

    def loss(x):
        return keras.ops.sum(losses.iou_loss(targets, x, kind))

    value, slopes = value_and_gradient(loss, boxes)
    assert value == pytest.approx(all_exact(boxes), rel=1e-5)
    np.testing.assert_allclose(slopes, differences(all_exact, boxes), atol=2e-5)


def test_gradients_of_ciou_sum_as_in_automl():
    def of_target(x):
        return keras.ops.sum(losses.iou_loss(x, IOU_BOXES, "ciou"))

    def of_prediction(x):
        return keras.ops.sum(losses.iou_loss(IOU_TARGETS, x, "ciou"))

    sums = [
        value_and_gradient(of_target, IOU_TARGETS)[1].sum(),
        value_and_gradient(of_prediction, IOU_BOXES)[1].sum(),
    ]
    np.testing.assert_allclose(sums, [0.1476393, -0.14763935], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_for_degenerate_boxes(kind):
    targets = np.array([[0, 0, 0, 0]] + 4 * [[1, 1, 4, 5]], "float32")
    boxes = np.array(
        [
            [0, 0, 0, 0],
            [2, 2, 2, 2],  # without area
            [1, 1, 4, 5],  # the target itself
            [1e4, 1e4, 2e4, 3e4],  # far away
            [4, 5, 1, 1],  # negative sides
        ],
        "float32",
    )

    def loss(x):
        return keras.ops.sum(losses.iou_loss(targets, x, kind))

    value, slopes = value_and_gradient(loss, boxes)
    assert np.isfinite(value)
    assert np.isfinite(slopes).all()


def test_unknown_kind():
    with pytest.raises(ValueError, match="`kind` must be one of.*'miou'"):
        losses.iou_loss(IOU_TARGETS, IOU_BOXES, "miou")
