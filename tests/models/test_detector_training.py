"""Tests for `compile`, `fit` and the loss of a detector."""

import grain
import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import losses
from keras_efficient import training
from tests.marks import slow_to_compile
from tests.models.detectors import tiny

SIZE = (64, 96)


def truth_of(count=4, seed=0, num_classes=3):
    """Return boxes `xyxy` of images of `SIZE`, with rows of padding."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 30, (count, 3, 2))
    boxes = np.concatenate([low, low + rng.uniform(8, 30, (count, 3, 2))], -1)
    labels = rng.integers(0, num_classes, (count, 3))
    boxes[:, 2], labels[:, 2] = -1, -1
    boxes[-1], labels[-1] = -1, -1  # an image without boxes
    return {"boxes": boxes.astype("float32"), "labels": labels.astype("int32")}


def images_of(count=4, seed=1):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (count, *SIZE, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    detector = tiny()
    detector.compile("sgd")
    return detector


def evaluate(model, *data, **arguments):
    return model.evaluate(*data, verbose=0, return_dict=True, **arguments)


@pytest.fixture(scope="module")
def expected(model):
    return evaluate(model, images_of(), truth_of(), batch_size=2)


class Batches(keras.utils.PyDataset):
    def __init__(self, make):
        super().__init__()
        self.make = make

    def __len__(self):
        return 2

    def __getitem__(self, index):
        rows = slice(2 * index, 2 * index + 2)
        truth = {name: x[rows] for name, x in truth_of().items()}
        return self.make(images_of()[rows], truth)


DIALECTS = {
    "tuple": lambda x, y: (x, y),
    "keras": lambda x, y: {"images": x, "bounding_boxes": y, "image_id": x},
    "nested": lambda x, y: (x, {"bounding_boxes": y}),
    "keras_cv": lambda x, y: (x, {"boxes": y["boxes"], "classes": y["labels"]}),
    "float_labels": lambda x, y: (
        x,
        {"boxes": y["boxes"], "labels": y["labels"].astype("float32")},
    ),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_loss_is_independent_of_the_data_type(model, expected, dialect):
    found = evaluate(model, Batches(DIALECTS[dialect]))
    assert found == pytest.approx(expected, rel=1e-5)
    assert set(found) == {"loss", "class_loss", "box_loss"}


@pytest.mark.parametrize("dialect", ["tuple", "keras"])
@slow_to_compile
def test_tf_data(model, expected, dialect):
    tf = pytest.importorskip("tensorflow")
    keys = DIALECTS[dialect](images_of(), truth_of())
    dataset = tf.data.Dataset.from_tensor_slices(keys).batch(2)
    assert evaluate(model, dataset) == pytest.approx(expected, rel=1e-5)
    if dialect == "keras":
        other = tiny()
        other.compile("sgd")
        # Also validates the first batch.
        other.fit(dataset, shuffle=False, verbose=0)


def test_grain(model, expected):
    rows = [
        DIALECTS["tuple"](
            images_of()[i], {k: v[i] for k, v in truth_of().items()}
        )
        for i in range(4)
    ]
    dataset = grain.MapDataset.source(rows).batch(2).to_iter_dataset()
    found = evaluate(model, dataset, steps=2)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "box_format", ["yxyx", "xywh", "center_xywh", "rel_xyxy"]
)
def test_loss_is_independent_of_the_box_format(model, expected, box_format):
    truth = truth_of()
    truth["boxes"] = keras.ops.convert_to_numpy(
        keras_efficient.ops.convert_boxes(
            truth["boxes"], "xyxy", box_format, image_size=SIZE
        )
    )
    other = tiny()
    other.set_weights(model.get_weights())
    other.compile("sgd", bounding_box_format=box_format)
    found = evaluate(other, images_of(), truth, batch_size=2)
    assert found == pytest.approx(expected, rel=1e-4)


def test_first_loss_follows_from_the_prior():
    model = tiny(num_classes=5)
    model.compile("sgd")
    nothing = {"boxes": -np.ones((2, 1, 4)), "labels": -np.ones((2, 1))}
    found = evaluate(model, images_of(2), nothing)
    # All probabilities are 0.01, and without boxes the normalizer is 1.
    each = 0.75 * 0.01**1.5 * -np.log(0.99)
    anchors = len(model.generate_anchors())
    assert found["class_loss"] == pytest.approx(
        each * anchors * 5 * 2, rel=0.05
    )
    assert found["box_loss"] == 0.0


def test_loss_is_the_sum_of_its_parts():
    model = tiny()
    loss = losses.DetectionLoss(iou_loss="ciou", l2_regularization=0.01)
    model.compile("sgd", loss)
    found = evaluate(model, images_of(), truth_of())
    assert set(found) == {
        *("loss", "class_loss", "box_loss", "iou_loss", "l2_loss")
    }
    assert found["loss"] == pytest.approx(
        found["class_loss"]
        + 50 * found["box_loss"]
        + found["iou_loss"]
        + found["l2_loss"],
        rel=1e-5,
    )
    kernels = [
        keras.ops.convert_to_numpy(v)
        for v in model.trainable_variables
        if "kernel" in v.name
    ]
    squares = sum((kernel**2).sum() for kernel in kernels)
    assert found["l2_loss"] == pytest.approx(0.005 * squares, rel=1e-4)


def test_sample_weights_are_used():
    model = tiny()
    model.compile("sgd")
    truth = truth_of()
    first = {name: x[:2] for name, x in truth.items()}
    expected = evaluate(model, images_of()[:2], first)
    weights = np.array([1.0, 1.0, 0.0, 0.0], "float32")

    class Weighted(Batches):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return images_of(), truth, weights

    found = evaluate(model, Weighted(None))
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-4)


@slow_to_compile
def test_learns_and_is_saved_with_its_compilation(tmp_path):
    model = tiny()
    recipe = training.detection_recipe(12, batch_size=4, warmup_steps=0)
    recipe["loss"] = losses.DetectionLoss(gamma=1.7)
    model.compile(**recipe, bounding_box_format="xyxy")
    model.class_names = ("a", "b", "c")
    history = model.fit(images_of(), truth_of(), epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    # A second `fit` is not affected by the first.
    model.fit(images_of(), truth_of(), verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert copy.class_names == ("a", "b", "c")
    assert copy._detection_loss.gamma == 1.7
    assert int(copy.optimizer.iterations.value) == 4
    for own, copied in zip(model.weights, copy.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(copied), keras.ops.convert_to_numpy(own)
        )
    assert copy.fit(images_of(), truth_of(), verbose=0).history["loss"][0] > 0


def test_any_image_size():
    model = tiny(input_shape=(None, None, 3))
    model.compile("sgd")
    fixed = tiny()
    fixed.compile("sgd")
    fixed.set_weights(model.get_weights())
    assert evaluate(model, images_of(), truth_of()) == pytest.approx(
        evaluate(fixed, images_of(), truth_of()), rel=1e-5
    )


@pytest.mark.slow
def test_channels_first():
    if keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow trains channels first on GPUs only")
    model = tiny(input_shape=(3, *SIZE), data_format="channels_first")
    model.compile("sgd")
    fixed = tiny()
    fixed.compile("sgd")
    fixed.set_weights(model.get_weights())
    moved = np.moveaxis(images_of(), -1, 1)
    found = model.fit(moved, truth_of(), verbose=0).history["loss"]
    expected = fixed.fit(images_of(), truth_of(), verbose=0).history["loss"]
    assert found == pytest.approx(expected, rel=1e-4)


def changed(name, value, row=(0, 0)):
    truth = truth_of()
    truth[name][row] = value
    return truth


def scaled(factor):
    truth = truth_of()
    truth["boxes"] = truth["boxes"] * factor
    return truth


@pytest.mark.parametrize(
    "truth, message",
    [
        (changed("labels", 3), r"\[0, 2\].*3 classes.*labels up to 3"),
        (changed("boxes", np.nan), "finite numbers.*1 that are not"),
        (changed("boxes", [9, 9, 9, 20]), "above 0.*1 without"),
        (scaled(1 / 96), "look like 'rel_xyxy'.*bounding_box_format"),
        ({"boxes": truth_of()["boxes"]}, r"padded with -1.*\['boxes'\]"),
        (truth_of()["boxes"], "padded with -1.*Received: ndarray"),
        (
            {**truth_of(), "labels": truth_of()["labels"][:, :2]},
            r"labels of shape \(4, 2\)",
        ),
    ],
)
def test_invalid_boxes_and_labels_are_errors(model, truth, message):
    with pytest.raises(ValueError, match=message):
        model.fit(images_of(), truth, verbose=0)


def test_boxes_in_another_format_are_recognized(model):
    boxes = np.array([[[60, 40, 20, 20], [70, 10, 20, 50], [50, 2, 40, 9]]] * 4)
    truth = {"boxes": boxes, "labels": np.zeros((4, 3))}
    with pytest.raises(ValueError, match="look like 'xywh'"):
        model.fit(images_of(), truth, verbose=0)


def test_invalid_arguments_of_compile():
    model = tiny()
    with pytest.raises(ValueError, match="DetectionLoss.*Received: loss='mse'"):
        model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="COCOMetrics"):
        model.compile("sgd", metrics=["accuracy"])
    with pytest.raises(ValueError, match="Received: 'yxwh'"):
        model.compile("sgd", bounding_box_format="yxwh")
    with pytest.raises(ValueError, match="3 names.*Received: 2"):
        model.class_names = ("a", "b")
