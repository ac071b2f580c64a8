"""Tests for the loss of a detector, compared with google/automl."""

import keras
import numpy as np
import pytest

from keras_efficient import losses
from keras_efficient import ops
from tests.harness import to_numpy
from tests.support.gradients import compile_for_any_batch
from tests.support.gradients import compiled
from tests.support.gradients import differences
from tests.support.gradients import value_and_gradient

# Section 6 of the specification: yxyx and classes from 1.
BOXES = np.array(
    [
        [10, 20, 110, 220],
        [200, 200, 260, 240],
        [300, 100, 500, 500],
        [5, 5, 9, 12],
        [200, 200, 260, 240],
        [-1, -1, -1, -1],
    ],
    "float32",
)
LABELS = np.array([1, 17, 90, 3, 18, 0], "int32") - 1
SMALL_ANCHORS = np.array(
    [[0, 0, 10, 10], [2, 1, 10, 12], [20, 20, 30, 30]], "float32"
)
COUNTS = [9 * (512 >> level) ** 2 for level in range(3, 8)]


@pytest.fixture(scope="module")
def anchors():
    return ops.generate_anchors((512, 512), aspect_ratios=(1.0, 2.0, 0.5))


@pytest.fixture(scope="module")
def targets(anchors):
    return compiled(losses.assign_targets)(BOXES[None], LABELS[None], anchors)


def by_level(array):
    return np.split(to_numpy(array)[0], np.cumsum(COUNTS)[:-1])


def test_targets_equal_automl(targets):
    assert to_numpy(targets["num_positives"]).tolist() == [87.0]
    counts = [
        dict(
            zip(*np.unique(level[level >= 0], return_counts=True), strict=True)
        )
        for level in by_level(targets["labels"])
    ]
    assert counts == [
        {2: 1, 16: 31},
        {0: 6, 16: 5},
        {0: 17, 89: 10},
        {89: 17},
        {},
    ]
    deltas = by_level(targets["box_deltas"])
    assert [np.count_nonzero(x) for x in deltas] == [113, 42, 98, 68, 0]
    np.testing.assert_allclose(
        [np.abs(x).sum() for x in deltas],
        [22.050734, 8.708799, 20.004488, 11.107091, 0],
        rtol=2e-5,
    )
    # The tiny box is assigned to its best anchor; two others.
    np.testing.assert_allclose(
        deltas[0][0], [0.09375, 0.14062, -2.07944, -1.51983], atol=1e-5
    )
    np.testing.assert_allclose(
        deltas[0].reshape(64, 64, 9, 4)[26, 27, 8],
        [0.25057, 0.0, -0.18006, 0.10762],
        atol=2e-5,
    )
    np.testing.assert_allclose(
        deltas[1].reshape(32, 32, 9, 4)[3, 6, 7],
        [0.05568, 0.11136, 0.33076, 0.33076],
        atol=2e-5,
    )


def test_image_without_boxes_is_all_background(anchors):
    found = compiled(losses.assign_targets)(
        -np.ones_like(BOXES[None]), -np.ones_like(LABELS[None]), anchors
    )
    assert to_numpy(found["num_positives"]).tolist() == [0.0]
    assert (to_numpy(found["labels"]) == -1).all()
    assert (to_numpy(found["box_deltas"]) == 0).all()


def test_no_rows_for_boxes(anchors):
    found = losses.assign_targets(np.ones((2, 0, 4)), np.ones((2, 0)), anchors)
    assert to_numpy(found["num_positives"]).tolist() == [0.0, 0.0]
    assert (to_numpy(found["labels"]) == -1).all()


def test_targets_have_no_gradient():
    def total(x):
        found = losses.assign_targets(x[None], np.array([[3]]), SMALL_ANCHORS)
        # A region with a gradient.
        return keras.ops.sum(found["box_deltas"]) + keras.ops.sum(x)

    _, slopes = value_and_gradient(total, np.array([[1.0, 2.0, 9.0, 13.0]]))
    np.testing.assert_array_equal(slopes, 1.0)


@pytest.fixture(scope="module")
def outputs():
    rng = np.random.RandomState(7)
    found = {}
    for name, units, low in (("class_logits", 90, -5), ("box_deltas", 4, -1)):
        levels = [
            rng.uniform(low, 1, (1, count // 9, 9 * units)).astype("float32")
            for count in COUNTS
        ]
        found[name] = np.concatenate(
            [level.reshape(1, -1, units) for level in levels], axis=1
        )
    return found


@pytest.mark.parametrize(
    "smoothing, class_loss, total",
    [(0.0, 4012.73926, 4014.93237), (0.1, 4020.54932, 4022.74243)],
)
def test_total_loss_equals_automl(
    targets, outputs, anchors, smoothing, class_loss, total
):
    loss = compiled(losses.DetectionLoss(label_smoothing=smoothing))
    parts = loss(targets, outputs, anchors)
    assert set(parts) == {"class_loss", "box_loss", "loss"}
    assert float(parts["class_loss"]) == pytest.approx(class_loss, rel=1e-5)
    assert float(parts["box_loss"]) == pytest.approx(0.0438617244, rel=1e-5)
    assert float(parts["loss"]) == pytest.approx(total, rel=1e-5)


def test_images_with_weight_zero_are_ignored(targets, outputs, anchors):
    doubled = {
        name: np.concatenate([x, -0.7 * x]) for name, x in outputs.items()
    }
    both = {
        name: np.concatenate([to_numpy(x)] * 2) for name, x in targets.items()
    }
    loss = compiled(losses.DetectionLoss(iou_loss="giou"))
    found = loss(both, doubled, anchors, sample_weight=np.array([1.0, 0.0]))
    expected = loss(targets, outputs, anchors)
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(float(value), rel=1e-5)
    unweighted = loss(both, doubled, anchors)
    assert float(unweighted["loss"]) != pytest.approx(float(found["loss"]), 0.1)


def test_half_precision_is_cast(targets, outputs, anchors):
    half = {name: x.astype("float16") for name, x in outputs.items()}
    found = compiled(losses.DetectionLoss())(targets, half, anchors)["loss"]
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert float(found) == pytest.approx(4014.9, rel=1e-2)


def test_iou_loss_is_added(targets, outputs, anchors):
    loss = losses.DetectionLoss(
        iou_loss="diou", iou_loss_weight=3.0, box_loss_weight=2.0
    )
    parts = compiled(loss)(targets, outputs, anchors)
    parts = {name: float(x) for name, x in parts.items()}
    assert parts["iou_loss"] > 0.1
    assert parts["loss"] == pytest.approx(
        parts["class_loss"] + 2 * parts["box_loss"] + 3 * parts["iou_loss"]
    )


@pytest.fixture(scope="module")
def small():
    """Return two images of three anchors; the top offset of the second is 0."""
    boxes = np.array(
        [[[3, 2, 9, 14]], [[21, 19, 31, 29]]], "float32"
    )  # center (6, 8); that of anchor 1 is (6, 6.5)
    targets = compiled(losses.assign_targets)(
        boxes, np.array([[1], [0]]), SMALL_ANCHORS
    )
    rng = np.random.default_rng(1)
    outputs = {
        "class_logits": rng.normal(0, 2, (2, 3, 2)),
        "box_deltas": rng.normal(0, 0.3, (2, 3, 4)),
    }
    return targets, outputs


def exact_loss(targets, logits, deltas, weights):
    """Compute the class loss plus twice the box loss, in float64."""
    labels = to_numpy(targets["labels"])[..., None]
    there = labels == np.arange(2)
    p_wrong = 1 / (1 + np.exp(np.where(there, logits, -logits)))
    losses = np.where(there, 0.25, 0.75) * p_wrong**1.5 * -np.log1p(-p_wrong)
    wanted = to_numpy(targets["box_deltas"]).astype("float64")
    error = np.abs(deltas - wanted)
    huber = np.where(error <= 0.1, error**2 / 2, 0.1 * error - 0.005)
    huber = huber * (wanted != 0)
    normalizer = np.sum(weights * to_numpy(targets["num_positives"])) + 1
    images = losses.sum((1, 2)) + 2 * huber.sum((1, 2)) / 4
    return np.sum(weights * images) / normalizer


def test_values_and_gradients_with_weights(small):
    targets, outputs = small
    weights = np.array([0.3, 2.0])
    assert (to_numpy(targets["box_deltas"])[0, 1] == 0).sum() == 1
    loss = losses.DetectionLoss(box_loss_weight=2.0)

    for name in outputs:

        def of_output(x, name=name):
            changed = {**outputs, name: x}
            return loss(targets, changed, SMALL_ANCHORS, weights)["loss"]

        def exact(x, name=name):
            changed = {**outputs, name: x}
            return exact_loss(targets, *changed.values(), weights)

        value, slopes = value_and_gradient(of_output, outputs[name])
        assert value == pytest.approx(exact(outputs[name]), rel=1e-5)
        np.testing.assert_allclose(
            slopes, differences(exact, outputs[name]), atol=1e-6
        )


def test_iou_loss_ignores_the_same_components(small):
    targets, outputs = small
    parts = losses.DetectionLoss(iou_loss="giou")(
        targets, outputs, SMALL_ANCHORS
    )
    wanted = to_numpy(targets["box_deltas"])
    # As in the original, the first edge is 0 if the first offset is 0.
    boxes = [
        to_numpy(ops.decode_boxes(deltas, SMALL_ANCHORS)) * (wanted != 0)
        for deltas in (wanted, outputs["box_deltas"].astype("float32"))
    ]
    expected = to_numpy(losses.iou_loss(*boxes, "giou")).sum() / 3 / 4
    assert float(parts["iou_loss"]) == pytest.approx(expected, rel=1e-5)


def test_anchors_between_the_thresholds_are_ignored():
    found = losses.assign_targets(
        np.array([[[0, 0, 10, 10]]]),
        np.array([[4]]),
        SMALL_ANCHORS,
        matched_threshold=0.9,
        unmatched_threshold=0.4,
    )
    assert to_numpy(found["labels"]).tolist() == [[4, -2, -1]]
    assert to_numpy(found["num_positives"]).tolist() == [1.0]
    assert (to_numpy(found["box_deltas"])[:, 1:] == 0).all()


@pytest.mark.parametrize("kind", ["iou", "giou", "diou", "ciou"])
def test_gradients_are_finite_for_huge_boxes(small, kind):
    targets, outputs = small
    loss = losses.DetectionLoss(iou_loss=kind)
    deltas = outputs["box_deltas"].copy()
    # The exponential is infinite; anchor 1 has a box, 2 is background.
    deltas[0, 1:, 2:] = 100.0

    def of_deltas(x):
        changed = {**outputs, "box_deltas": x}
        return loss(targets, changed, SMALL_ANCHORS)["loss"]

    value, slopes = value_and_gradient(of_deltas, deltas)
    assert np.isfinite(value)
    assert np.isfinite(slopes).all()


def test_anchors_of_another_size(small):
    targets, outputs = small
    with pytest.raises(ValueError, match="must be equal.*'anchors': 2"):
        losses.DetectionLoss()(targets, outputs, SMALL_ANCHORS[:2])


def test_compiled_for_any_batch(small):
    _, outputs = small
    outputs = {k: x.astype("float32") for k, x in outputs.items()}
    boxes = np.array([[[3, 2, 9, 14]], [[21, 19, 31, 29]]], "float32")
    labels = np.array([[1], [-1]], "int32")

    def step(boxes, labels, class_logits, box_deltas):
        targets = losses.assign_targets(boxes, labels, SMALL_ANCHORS)
        outputs = {"class_logits": class_logits, "box_deltas": box_deltas}
        loss = losses.DetectionLoss(iou_loss="giou")
        return loss(targets, outputs, SMALL_ANCHORS)["loss"]

    batch = [boxes, labels, *outputs.values()]
    any_batch = compile_for_any_batch(step, *batch)
    for size in (2, 1):
        part = [x[:size] for x in batch]
        assert float(any_batch(*part)) == pytest.approx(
            float(compiled(step)(*part)), rel=1e-5
        )


def test_config_round_trip():
    arguments = {
        "alpha": 0.3,
        "gamma": 2.0,
        "label_smoothing": 0.05,
        "huber_delta": 0.2,
        "box_loss_weight": 40.0,
        "iou_loss": "ciou",
        "iou_loss_weight": 0.5,
        "l2_regularization": 1e-5,
    }
    loss = losses.DetectionLoss(**arguments)
    config = keras.saving.serialize_keras_object(loss)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == arguments


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": 1.5},
        {"gamma": -1},
        {"label_smoothing": 1.0},
        {"huber_delta": 0.0},
        {"l2_regularization": -1e-4},
        {"iou_loss": "miou"},
    ],
)
def test_bad_arguments(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"`{name}` must.*Received: {name}="):
        losses.DetectionLoss(**arguments)
