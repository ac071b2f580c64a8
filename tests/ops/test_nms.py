"""Tests for non-maximum suppression, compared with loops in NumPy."""

import keras
import numpy as np
import pytest

from keras_efficient.ops import non_max_suppression


def run(*args, **kwargs):
    found = non_max_suppression(*args, **kwargs)
    return [keras.ops.convert_to_numpy(x) for x in found]


def some_boxes(batch, number, classes=3, seed=0):
    """Return overlapping boxes with different scores."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, (batch, number, 2))
    sizes = rng.uniform(10, 40, (batch, number, 2))
    boxes = np.concatenate([corners, corners + sizes], -1).astype("float32")
    scores = rng.permuted(
        np.linspace(0.02, 0.98, batch * number).reshape(batch, number), axis=1
    )
    labels = rng.integers(0, classes, (batch, number)).astype("int32")
    return boxes, scores.astype("float32"), labels


def iou(box, boxes):
    start = np.maximum(box[:2], boxes[:, :2])
    stop = np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(stop - start, 0), axis=1)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / (np.prod(box[2:] - box[:2]) + area - shared)


def greedy(boxes, scores, labels, method, threshold, sigma, floor, count):
    """Implement the pseudo-code of the papers, for one image."""
    scores = scores.astype("float64").copy()
    left = np.ones(len(scores), bool)
    places, kept = [], []
    while left.any() and len(places) < count:
        best = int(np.argmax(np.where(left, scores, -1)))
        if not scores[best] > floor:
            break
        places.append(best)
        kept.append(scores[best])
        left[best] = False
        overlap = iou(boxes[best], boxes)
        rivals = left if labels is None else left & (labels == labels[best])
        if method == "hard":
            left &= ~(rivals & (overlap > threshold))
        else:
            scores[rivals] *= np.exp(-(overlap[rivals] ** 2) / sigma)
    missing = count - len(places)
    return places + [0] * missing, kept + [0.0] * missing


@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize("method", ["hard", "soft"])
def test_equals_the_plain_loop(method, per_class):
    boxes, scores, labels = some_boxes(2, 150)
    labels = labels if per_class else None
    options = {"iou_threshold": 0.4, "sigma": 0.3, "score_threshold": 0.1}
    places, kept = run(
        boxes, scores, labels, method=method, max_detections=60, **options
    )
    for i in range(2):
        own = None if labels is None else labels[i]
        expected = greedy(boxes[i], scores[i], own, method, 0.4, 0.3, 0.1, 60)
        assert places[i].tolist() == expected[0]
        np.testing.assert_allclose(kept[i], expected[1], atol=2e-6)
        # Some boxes were suppressed.
        assert kept[i, -1] < np.sort(scores[i])[-60] - 0.01


def test_an_overlap_equal_to_the_threshold_is_kept():
    boxes = np.array([[[0, 0, 10, 10], [0, 0, 10, 5]]], "float32")
    scores = np.array([[0.9, 0.8]], "float32")
    _, kept = run(boxes, scores, iou_threshold=0.5, max_detections=2)
    np.testing.assert_allclose(kept, [[0.9, 0.8]])
    _, kept = run(boxes, scores, iou_threshold=0.49, max_detections=2)
    np.testing.assert_allclose(kept, [[0.9, 0]])


def test_soft_scores_of_the_formula():
    boxes = np.array([[[0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 3]]])
    scores = np.array([[0.9, 0.8, 0.7]])
    places, kept = run(boxes, scores, method="soft", max_detections=3)
    after_first = [0.8 * np.exp(-(0.8**2) / 0.5), 0.7 * np.exp(-(0.3**2) / 0.5)]
    last = after_first[0] * np.exp(-((3 / 8) ** 2) / 0.5)
    assert places.tolist() == [[0, 2, 1]]
    np.testing.assert_allclose(kept, [[0.9, after_first[1], last]], rtol=1e-6)


def test_ties_go_to_the_first():
    boxes = np.array([[[0, 0, 4, 4], [20, 0, 24, 4], [40, 0, 44, 4]]])
    places, kept = run(boxes, np.full((1, 3), 0.5), max_detections=3)
    assert places.tolist() == [[0, 1, 2]]
    np.testing.assert_allclose(kept, 0.5)


def test_nothing_above_the_threshold_and_more_rows_than_boxes():
    boxes, scores, labels = some_boxes(2, 4)
    places, kept = run(boxes, scores * 0.1, labels, score_threshold=0.5)
    assert places.shape == kept.shape == (2, 100)
    assert not places.any() and not kept.any()
    places, kept = run(boxes, scores, iou_threshold=1.0, max_detections=6)
    assert [sorted(row[:4]) for row in places.tolist()] == [[0, 1, 2, 3]] * 2
    assert not kept[:, 4:].any()


def test_boxes_without_area():
    boxes = np.array([[[5, 5, 5, 5], [5, 5, 5, 5], [9, 9, 2, 2]]], "float32")
    _, kept = run(boxes, np.array([[0.9, 0.8, 0.7]]), max_detections=3)
    np.testing.assert_allclose(kept, [[0.9, 0.8, 0.7]])


def test_unknown_method():
    boxes, scores, _ = some_boxes(1, 3)
    with pytest.raises(ValueError, match="method='fast'"):
        non_max_suppression(boxes, scores, method="fast")
