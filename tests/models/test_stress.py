"""Numbers under stress: extreme ground truth, and 16 bits for many steps."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import training
from keras_efficient.data import DetectionAugmentation
from keras_efficient.ops import non_max_suppression
from tests.marks import slow_to_compile
from tests.models.detectors import tiny
from tests.shared import SHARED
from tests.shared import needs_shared

SIZE = (64, 96)
ROWS = 500
STEPS = 200


def padded(boxes):
    rows = np.full((ROWS, 4), -1.0)
    labels = np.full(ROWS, -1)
    rows[: len(boxes)], labels[: len(boxes)] = boxes, np.arange(len(boxes)) % 3
    return rows, labels


def boxes_of(kind):
    """Return boxes `xyxy` of an image of `SIZE`."""
    height, width = SIZE
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 40, (ROWS, 2))
    return {
        "none": np.zeros((0, 4)),
        "500": np.concatenate([low, low + rng.uniform(1, 20, (ROWS, 2))], 1),
        # All overlap every anchor equally: ties of the assignment.
        "equal": np.tile([[8.0, 8.0, 40.0, 40.0]], (50, 1)),
        "whole image": np.array([[0.0, 0.0, width, height]]),
        "no area": np.array([[5.0, 5.0, 5.0, 5.0], [9.0, 2.0, 9.0, 30.0]]),
        "tiny": np.array([[5.0, 5.0, 5.0 + 1e-4, 5.0 + 1e-4]]),
        "far outside": np.array([[-1e5, -1e5, 1e5, 1e5]]),
        "line": np.array([[0.0, 31.99, width, 32.0]]),
    }[kind]


@pytest.fixture(scope="module")
def compiled():
    keras.utils.set_random_seed(2)
    model = tiny()
    model.compile(**training.detection_recipe(100, 2))
    return model


@slow_to_compile
@pytest.mark.parametrize(
    "kind",
    [
        "none", "500", "equal", "whole image", "no area", "tiny",
        "far outside", "line",
    ],
)  # fmt: skip
def test_a_step_with_extreme_boxes(compiled, kind):
    images = np.random.default_rng(3).uniform(0, 255, (2, *SIZE, 3))
    rows = [padded(boxes_of(kind)), padded(boxes_of("none"))]
    truth = {
        "boxes": np.stack([boxes for boxes, _ in rows]).astype("float32"),
        "labels": np.stack([labels for _, labels in rows]).astype("int32"),
    }
    losses = compiled.train_on_batch(
        images.astype("float32"), truth, return_dict=True
    )
    assert all(np.isfinite(float(x)) for x in losses.values()), losses
    for weight in compiled.weights:
        values = keras.ops.convert_to_numpy(weight)
        assert np.isfinite(values).all(), weight.path


@slow_to_compile
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_degenerate_anchors(scale):
    model = tiny(anchor_scale=scale)
    truth = {
        "boxes": np.array([[[8.0, 8.0, 40.0, 40.0]]], "float32"),
        "labels": np.zeros((1, 1), "int32"),
    }
    model.compile("sgd")
    images = np.zeros((1, *SIZE, 3), "float32")
    found = model.evaluate(images, truth, verbose=0, return_dict=True)
    assert all(np.isfinite(x) for x in found.values()), found
    boxes = model.detect(images.astype("uint8"), score_threshold=0.0)[0].boxes
    assert np.isfinite(boxes).all()


@pytest.mark.parametrize("method", ["hard", "soft"])
def test_equal_scores_are_selected_in_order(method):
    low = 20.0 * np.arange(30)[:, None]
    boxes = np.concatenate([low, low, low + 10, low + 10], 1)[None]
    places, scores = non_max_suppression(
        boxes, np.full((1, 30), 0.5), method=method, max_detections=30
    )
    places = keras.ops.convert_to_numpy(places)[0]
    assert places.tolist() == list(range(30))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(scores), 0.5)


@pytest.mark.slow
@needs_shared
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_training_in_16_bits(policy):
    dataset = keras_efficient.data.load_detection(
        SHARED / "data" / "bccd", "train"
    )
    keras.utils.set_random_seed(4)
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = tiny(input_shape=(96, 128, 3), num_classes=3)
    finally:
        keras.config.set_dtype_policy(previous)
    batches = dataset.batches(
        (96, 128), 4, training=True, seed=5,
        augmentation=DetectionAugmentation((96, 128)), drop_remainder=True,
    )  # fmt: skip
    model.compile(**training.detection_recipe(STEPS, 4))
    losses = []
    for step in range(STEPS):
        images, truth = batches[step % len(batches)]
        model.reset_metrics()
        losses.append(float(model.train_on_batch(images, truth)[0]))
    assert np.isfinite(losses).all()
    assert np.mean(losses[-20:]) < 0.92 * np.mean(losses[:20])
    for weight in model.weights:
        assert np.isfinite(keras.ops.convert_to_numpy(weight)).all()
