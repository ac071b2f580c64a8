"""Tests for formats, areas and clipping of boxes."""

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
    for given in (boxes, keras.ops.convert_to_tensor(boxes)):
        found = ops.convert_boxes(given, source, target, image_size=(40, 100))
        assert isinstance(found, np.ndarray) == (given is boxes)
        assert numpy_of(found).dtype == "float32"
        np.testing.assert_allclose(
            numpy_of(found)[0, 0], BOX[target], rtol=1e-5
        )


def test_one_image_size_for_each_box():
    boxes = np.array([[0.1, 0.2, 0.3, 0.4]] * 2)
    sizes = np.array([[10, 100], [20, 50]])
    expected = [[10, 2, 30, 4], [5, 4, 15, 8]]
    for convert in (np.asarray, keras.ops.convert_to_tensor):
        found = ops.convert_boxes(
            convert(boxes), "rel_xyxy", "xyxy", image_size=convert(sizes)
        )
        np.testing.assert_allclose(numpy_of(found), expected, rtol=1e-6)
        back = ops.convert_boxes(found, "xyxy", "rel_xyxy", convert(sizes))
        np.testing.assert_allclose(numpy_of(back), boxes, rtol=1e-6)


def test_unknown_format_and_missing_size():
    with pytest.raises(ValueError, match="'xxyy'"):
        ops.convert_boxes(np.ones((1, 4)), "xyxy", "xxyy")
    with pytest.raises(ValueError, match="Pass `image_size` to.*rel_xyxy"):
        ops.convert_boxes(np.ones((1, 4)), "rel_xyxy", "xyxy")


def test_areas():
    boxes = np.array([[0, 0, 4, 6], [2, 3, 6, 9], [1, 1, 1, 5]], "float32")
    for given in (boxes, keras.ops.convert_to_tensor(boxes)):
        np.testing.assert_allclose(numpy_of(ops.box_area(given)), [24, 24, 0])


def test_clips_to_the_image():
    boxes = np.array([[-5, 3, 50, 120], [2, -1, 3, 7]], "float32")
    for given in (boxes, keras.ops.convert_to_tensor(boxes)):
        np.testing.assert_array_equal(
            numpy_of(ops.clip_boxes(given, (40, 100))),
            [[0, 3, 40, 100], [2, 0, 3, 7]],
        )
