"""Tests for the loss of a detector, against the numbers of google/automl."""

import keras
import numpy as np
import pytest

from keras_efficient import losses
from keras_efficient import ops

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
COUNTS = [9 * (512 >> level) ** 2 for level in range(3, 8)]


def numpy_of(x):
    return keras.ops.convert_to_numpy(x)


@pytest.fixture(scope="module")
def anchors():
    return ops.generate_anchors((512, 512), aspect_ratios=(1.0, 2.0, 0.5))


@pytest.fixture(scope="module")
def targets(anchors):
    return losses.assign_targets(BOXES[None], LABELS[None], anchors)


def by_level(array):
    return np.split(numpy_of(array)[0], np.cumsum(COUNTS)[:-1])


def test_targets_are_those_of_automl(targets):
    assert numpy_of(targets["num_positives"]).tolist() == [87.0]
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
    # Forced: the tiny box at the first place; and two others.
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
    found = losses.assign_targets(
        -np.ones((1, 3, 4)), -np.ones((1, 3)), anchors
    )
    assert numpy_of(found["num_positives"]).tolist() == [0.0]
    assert (numpy_of(found["labels"]) == -1).all()
    assert (numpy_of(found["box_deltas"]) == 0).all()


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
def test_whole_loss_is_that_of_automl(
    targets, outputs, anchors, smoothing, class_loss, total
):
    loss = losses.DetectionLoss(label_smoothing=smoothing)
    parts = loss(targets, outputs, anchors)
    assert set(parts) == {"class_loss", "box_loss", "loss"}
    assert float(parts["class_loss"]) == pytest.approx(class_loss, rel=1e-5)
    assert float(parts["box_loss"]) == pytest.approx(0.0438617244, rel=1e-5)
    assert float(parts["loss"]) == pytest.approx(total, rel=1e-5)


def test_images_without_weight_do_not_count(targets, outputs, anchors):
    doubled = {
        name: np.concatenate([x, -0.7 * x]) for name, x in outputs.items()
    }
    both = {name: keras.ops.concatenate([x, x]) for name, x in targets.items()}
    loss = losses.DetectionLoss(iou_loss="giou")
    found = loss(both, doubled, anchors, sample_weight=np.array([1.0, 0.0]))
    expected = loss(targets, outputs, anchors)
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(float(value), rel=1e-5)
    unweighted = loss(both, doubled, anchors)
    assert float(unweighted["loss"]) != pytest.approx(float(found["loss"]), 0.1)


def test_half_precision_is_cast(targets, outputs, anchors):
    half = {name: keras.ops.cast(x, "float16") for name, x in outputs.items()}
    found = losses.DetectionLoss()(targets, half, anchors)["loss"]
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert float(found) == pytest.approx(4014.9, rel=1e-2)


def test_overlap_is_added(targets, outputs, anchors):
    loss = losses.DetectionLoss(
        iou_loss="diou", iou_loss_weight=3.0, box_loss_weight=2.0
    )
    parts = {k: float(v) for k, v in loss(targets, outputs, anchors).items()}
    assert parts["iou_loss"] > 0.1
    assert parts["loss"] == pytest.approx(
        parts["class_loss"] + 2 * parts["box_loss"] + 3 * parts["iou_loss"]
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
