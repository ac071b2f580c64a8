"""Tests for the arithmetic of boxes."""

import itertools

import keras
import numpy as np
import pytest

from keras_efficient import ops

# One box, in every format, of an image of 40 x 100 (height x width).
BOX = {
    "xyxy": [10, 4, 30, 20],
    "yxyx": [4, 10, 20, 30],
    "xywh": [10, 4, 20, 16],
    "center_xywh": [20, 12, 20, 16],
    "center_yxhw": [12, 20, 16, 20],
    "rel_xyxy": [0.1, 0.1, 0.3, 0.5],
    "rel_yxyx": [0.1, 0.1, 0.5, 0.3],
    "rel_xywh": [0.1, 0.1, 0.2, 0.4],
    "rel_center_xywh": [0.2, 0.3, 0.2, 0.4],
    "rel_center_yxhw": [0.3, 0.2, 0.4, 0.2],
}


def numpy_of(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.parametrize("source, target", itertools.product(BOX, BOX))
def test_converts_every_format_into_every_other(source, target):
    boxes = np.array([[BOX[source]]], "float32")
    found = ops.convert_boxes(boxes, source, target, image_size=(40, 100))
    np.testing.assert_allclose(numpy_of(found)[0, 0], BOX[target], rtol=1e-5)


def test_unknown_format_and_missing_size():
    with pytest.raises(ValueError, match="'xxyy'"):
        ops.convert_boxes(np.ones((1, 4)), "xyxy", "xxyy")
    with pytest.raises(ValueError, match="`image_size` is needed.*rel_xyxy"):
        ops.convert_boxes(np.ones((1, 4)), "rel_xyxy", "xyxy")


def test_area_and_iou():
    boxes = np.array([[0, 0, 4, 6], [2, 3, 6, 9], [1, 1, 1, 5]], "float32")
    np.testing.assert_allclose(numpy_of(ops.box_area(boxes)), [24, 24, 0])
    iou = numpy_of(ops.box_iou(boxes, boxes[:2]))
    np.testing.assert_allclose(
        iou, [[1, 6 / 42], [6 / 42, 1], [0, 0]], rtol=1e-6
    )
    nothing = boxes[2:]
    assert numpy_of(ops.box_iou(nothing, nothing)).tolist() == [[0.0]]


def test_iou_of_a_batch():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 20, (3, 5, 2)).astype("float32")
    boxes = np.concatenate(
        [corners, corners + rng.uniform(1, 9, (3, 5, 2))], -1
    )
    others = boxes[:, :4]
    found = numpy_of(ops.box_iou(boxes, others))
    assert found.shape == (3, 5, 4)
    one = numpy_of(ops.box_iou(boxes[1], others[1]))
    np.testing.assert_allclose(found[1], one, rtol=1e-6)


def test_clips_to_the_image():
    boxes = np.array([[-5, 3, 50, 120], [2, -1, 3, 7]], "float32")
    np.testing.assert_array_equal(
        numpy_of(ops.clip_boxes(boxes, (40, 100))),
        [[0, 3, 40, 100], [2, 0, 3, 7]],
    )
