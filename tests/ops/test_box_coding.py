"""Tests for the encoding of boxes."""

import keras
import numpy as np

from keras_efficient import ops
from tests.harness import to_numpy

ANCHORS = np.array([[0, 0, 40, 20], [10, 30, 20, 50]], "float32")
BOXES = np.array([[10, 5, 30, 45], [10, 30, 20, 50]], "float32")
# Anchor 0: center (20, 10), sides (40, 20); box: center (20, 25), (20, 40).
DELTAS = [[0, 15 / 20, np.log(20 / 40), np.log(40 / 20)], [0, 0, 0, 0]]


def test_encodes_by_hand():
    np.testing.assert_allclose(
        to_numpy(ops.encode_boxes(BOXES, ANCHORS)), DELTAS, atol=1e-6
    )


def test_decodes_by_hand():
    deltas = np.array(DELTAS, "float32")
    np.testing.assert_allclose(
        to_numpy(ops.decode_boxes(deltas, ANCHORS)), BOXES, rtol=1e-6
    )


def test_round_trip_on_real_anchors():
    anchors = ops.generate_anchors((64, 96))
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 60, (2, len(anchors), 2))
    sides = rng.uniform(1, 30, corners.shape)
    boxes = np.concatenate([corners, corners + sides], -1).astype("float32")
    deltas = ops.encode_boxes(boxes, anchors)  # (2, anchors, 4)
    assert keras.ops.shape(deltas) == boxes.shape
    np.testing.assert_allclose(
        to_numpy(ops.decode_boxes(deltas, anchors)), boxes, atol=1e-3
    )


def test_boxes_without_area_stay_finite():
    box = np.array([[5, 5, 5, 9]], "float32")
    deltas = to_numpy(ops.encode_boxes(box, ANCHORS[:1]))
    assert np.isfinite(deltas).all()
    # The side is taken as 1e-8 pixels.
    np.testing.assert_allclose(deltas[0, 2], np.log(1e-8 / 40), rtol=1e-5)
