"""Tests for `match_anchors`."""

import functools

import keras
import numpy as np
import pytest

from keras_efficient import ops
from tests.support.gradients import compile_for_any_batch
from tests.support.gradients import compiled

ANCHORS = np.array(
    [[0, 0, 10, 10], [0, 0, 10, 12], [20, 20, 30, 30], [50, 50, 90, 90]],
    "float32",
)
PADDING = [-1, -1, -1, -1]


@functools.cache
def matcher(matched=0.5, unmatched=0.5):
    return compiled(
        functools.partial(
            ops.match_anchors,
            matched_threshold=matched,
            unmatched_threshold=unmatched,
        )
    )


def match(boxes, labels=None, matched=0.5, unmatched=0.5):
    """Match the boxes of one image, padded to three rows."""
    labels = [0] * len(boxes) if labels is None else labels
    missing = 3 - len(boxes)
    found = matcher(matched, unmatched)(
        np.array([boxes + missing * [PADDING]], "float32"),
        np.array([labels + missing * [-1]], "int32"),
        ANCHORS,
    )
    found = keras.ops.convert_to_numpy(found)
    assert found.dtype == "int32"
    return found[0].tolist()


def test_box_with_the_largest_overlap_is_matched():
    # Anchor 1 overlaps the first box by 0.96, the second by 0.83.
    assert match([[0, 0, 10, 11.5], [0, 0, 10, 10]]) == [1, 0, -1, -1]


def test_threshold_is_included():
    assert match([[20, 20, 30, 25], [0, 0, 10, 12]])[2] == 0
    # Both boxes are forced onto anchor 0; anchor 1 overlaps the first by 0.5.
    assert match([[0, 0, 10, 6], [0, 0, 10, 5]])[:2] == [0, 0]
    assert match([[0, 0, 10, 5]])[:2] == [0, -1]


def test_each_box_is_matched_at_least_once():
    assert match([[60, 60, 62, 62]]) == [-1, -1, -1, 0]


def test_first_of_two_forced_matches_wins():
    boxes = [[60, 60, 62, 62], [70, 70, 80, 80]]
    assert match(boxes) == [-1, -1, -1, 0]
    assert match(boxes[::-1]) == [-1, -1, -1, 0]


def test_a_second_copy_of_a_box_has_no_anchor():
    assert match([[20, 20, 30, 30], [20, 20, 30, 30]]) == [-1, -1, 0, -1]


def test_padding_matches_nothing():
    boxes = [PADDING, [20, 20, 30, 30], PADDING]
    assert match(boxes, [-1, 5, -1]) == [-1, -1, 1, -1]
    assert match([PADDING, PADDING], [-1, -1]) == [-1] * 4
    # Padding does not take the first anchor from a box that is forced onto it.
    assert match([PADDING, [0, 0, 2, 2]], [-1, 0]) == [1, -1, -1, -1]
    # Also if the row of padding contains a box.
    assert match([[20, 20, 30, 30]], [-1]) == [-1] * 4


def test_anchors_between_the_thresholds_are_ignored():
    # Overlaps by 1, 0.83 and 0.
    found = match([[0, 0, 10, 10]], matched=0.9, unmatched=0.4)
    assert found == [0, -2, -1, -1]
    # The lower threshold is included as well: anchor 1 overlaps by 0.5.
    found = match([[0, 0, 10, 6]], matched=0.9, unmatched=0.5)
    assert found == [0, -2, -1, -1]


@pytest.mark.parametrize("matched, unmatched", [(0.3, 0.5), (0, 0), (1.5, 1)])
def test_thresholds_out_of_order(matched, unmatched):
    with pytest.raises(ValueError, match=f"matched_threshold={matched}, unm"):
        match([PADDING], matched=matched, unmatched=unmatched)


@pytest.mark.parametrize(
    "boxes, labels, anchors",
    [
        ((2, 4), (2,), (3, 4)),
        ((1, 2, 5), (1, 2), (3, 4)),
        ((1, 2, 4), (1, 3), (3, 4)),
        ((1, 2, 4), (1, 2), (1, 3, 4)),
    ],
)
def test_wrong_shapes_are_errors(boxes, labels, anchors):
    with pytest.raises(ValueError, match="must have shape.*Received"):
        ops.match_anchors(*map(np.ones, (boxes, labels, anchors)))


def test_boxes_outside_of_the_image():
    # Anchors extend there; a box that overlaps none is forced onto the first.
    assert match([[82, 82, 95, 95]]) == [-1, -1, -1, 0]
    assert match([[200, 200, 300, 300]]) == [0, -1, -1, -1]
    # So is a box without area.
    assert match([[25, 25, 25, 28]]) == [0, -1, -1, -1]


def test_no_rows_for_boxes():
    boxes, labels = np.zeros((2, 0, 4), "float32"), np.zeros((2, 0), "int32")
    found = ops.match_anchors(boxes, labels, ANCHORS)
    assert keras.ops.convert_to_numpy(found).tolist() == [[-1] * 4] * 2


def test_images_of_a_batch_do_not_mix():
    boxes = np.array([[[0, 0, 10, 10]], [[50, 50, 90, 90]]], "float32")
    found = matcher()(boxes, np.zeros((2, 1), "int32"), ANCHORS)
    found = keras.ops.convert_to_numpy(found)
    assert found.tolist() == [[0, 0, -1, -1], [-1, -1, -1, 0]]


def slow_match(boxes, labels, anchors, matched, unmatched):
    """Implement the rules literally, for one image."""
    iou = np.zeros((len(boxes), len(anchors)), "float32")
    for i, box in enumerate(boxes):
        for j, anchor in enumerate(anchors):
            low, high = np.maximum(box, anchor), np.minimum(box, anchor)
            shared = np.prod(np.maximum(high[2:] - low[:2], 0))
            areas = [np.prod(x[2:] - x[:2]) for x in (box, anchor)]
            iou[i, j] = shared / (sum(areas) - shared)
    iou[labels < 0] = -1
    best = iou.max(axis=0)
    found = np.where(best >= matched, iou.argmax(axis=0), -2)
    found[best < unmatched] = -1
    for i in reversed(range(len(boxes))):
        if labels[i] >= 0:
            found[iou[i].argmax()] = i
    return found


@pytest.fixture(scope="module")
def tied():
    """Return boxes and anchors on a coarse grid, with ties and copies."""
    rng = np.random.default_rng(4)

    def draw(*shape):
        corners = rng.integers(0, 8, (*shape, 2))
        sides = rng.integers(1, 4, (*shape, 2))
        return np.concatenate([corners, corners + sides], -1).astype("float32")

    labels = rng.integers(-1, 3, (6, 15)).astype("int32")
    labels[2] = -1
    return draw(6, 15), labels, draw(120)


@pytest.mark.parametrize("thresholds", [(0.5, 0.5), (0.7, 0.3)])
def test_ties_and_copies_by_the_rules(tied, thresholds):
    boxes, labels, anchors = tied
    found = matcher(*thresholds)(boxes, labels, anchors)
    expected = [
        slow_match(*image, anchors, *thresholds)
        for image in zip(boxes, labels, strict=True)
    ]
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(found), np.stack(expected)
    )
    assert {-1, 14} <= set(np.ravel(expected).tolist())


def test_compiled_for_any_batch(tied):
    boxes, labels, anchors = tied
    expected = matcher()(boxes, labels, anchors)
    any_batch = compile_for_any_batch(
        lambda *batch: ops.match_anchors(*batch, anchors),
        boxes,
        labels,
    )
    for size in (6, 1):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(any_batch(boxes[:size], labels[:size])),
            keras.ops.convert_to_numpy(expected)[:size],
        )
