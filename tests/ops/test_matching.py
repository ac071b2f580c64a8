"""Tests for `match_anchors`."""

import keras
import numpy as np
import pytest

from keras_efficient import ops

ANCHORS = np.array(
    [[0, 0, 10, 10], [0, 0, 10, 12], [20, 20, 30, 30], [50, 50, 90, 90]],
    "float32",
)
PADDING = [-1, -1, -1, -1]


def match(boxes, labels=None, **thresholds):
    boxes = np.array(boxes, "float32")
    labels = np.zeros(len(boxes)) if labels is None else np.array(labels)
    found = ops.match_anchors(
        boxes[None], labels[None].astype("int32"), ANCHORS, **thresholds
    )
    found = keras.ops.convert_to_numpy(found)
    assert found.dtype == "int32"
    return found[0].tolist()


def test_takes_the_box_that_overlaps_most():
    # Anchor 1 overlaps the first box by 0.96, the second by 0.83.
    assert match([[0, 0, 10, 11.5], [0, 0, 10, 10]]) == [1, 0, -1, -1]


def test_threshold_is_included():
    assert match([[20, 20, 30, 25], [0, 0, 10, 12]])[2] == 0
    # Not claimed, and overlapped by exactly one half.
    boxes = [[0, 0, 10, 6], [0, 0, 10, 5]]
    assert match(boxes)[:2] == [1, 0] or match(boxes)[0] in (0, 1)
    assert match([[0, 0, 10, 6]])[1] == 0


def test_each_box_claims_an_anchor_however_little_it_overlaps():
    assert match([[60, 60, 62, 62]]) == [-1, -1, -1, 0]


def test_the_first_of_two_that_claim_one_anchor_has_it():
    boxes = [[60, 60, 62, 62], [70, 70, 80, 80]]
    assert match(boxes) == [-1, -1, -1, 0]
    assert match(boxes[::-1]) == [-1, -1, -1, 0]


def test_a_second_copy_of_a_box_gets_nothing():
    assert match([[20, 20, 30, 30], [20, 20, 30, 30]]) == [-1, -1, 0, -1]


def test_padding_matches_nothing():
    boxes = [PADDING, [20, 20, 30, 30], PADDING]
    assert match(boxes, [-1, 5, -1]) == [-1, -1, 1, -1]
    assert match([PADDING, PADDING], [-1, -1]) == [-1] * 4
    # Also where the row of padding holds a box.
    assert match([[20, 20, 30, 30]], [-1]) == [-1] * 4


def test_anchors_between_the_thresholds_are_ignored():
    # Overlaps by 1, 0.83 and 0.
    found = match(
        [[0, 0, 10, 10]], matched_threshold=0.9, unmatched_threshold=0.4
    )
    assert found == [0, -2, -1, -1]


def test_thresholds_out_of_order():
    with pytest.raises(ValueError, match="matched_threshold=0.3, unm"):
        match([PADDING], matched_threshold=0.3)


def test_images_of_a_batch_do_not_mix():
    boxes = np.array([[[0, 0, 10, 10]], [[50, 50, 90, 90]]], "float32")
    found = ops.match_anchors(boxes, np.zeros((2, 1), "int32"), ANCHORS)
    found = keras.ops.convert_to_numpy(found)
    assert found.tolist() == [[0, 0, -1, -1], [-1, -1, -1, 0]]
