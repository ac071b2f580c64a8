"""Accuracy of one output and of several labels."""

import json

import keras
import numpy as np
import pytest

from keras_efficient.data import classification_from_arrays
from keras_efficient.evaluation import evaluate_classification
from keras_efficient.evaluation.multi_label import average_precision
from tests.marks import on_one_backend

pytestmark = on_one_backend
# Red of four images: the outputs below are monotonic in it.
REDS = (0, 90, 160, 255)


@pytest.fixture
def images():
    pixels = np.zeros((4, 8, 8, 3), "uint8")
    pixels[..., 0] = np.reshape(REDS, (4, 1, 1))
    return pixels


def classifier(kernel, bias, activation="sigmoid"):
    """Outputs `kernel * red + bias`, with red in `[0, 1]`."""
    layers = [
        keras.Input((8, 8, 3)),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(len(kernel), activation),
    ]
    model = keras.Sequential(layers)
    weights = np.zeros((3, len(kernel)))
    weights[0] = np.array(kernel) / 255
    model.layers[-1].set_weights([weights, np.array(bias)])
    return model


def test_one_output_tells_two_classes_apart(images):
    model = classifier([8], [-4])  # Positive from a red of 127.5 on.
    dataset = classification_from_arrays(images, [0, 1, 1, 1], ("no", "yes"))
    result = evaluate_classification(model, dataset)
    assert result.confusion.tolist() == [[1, 0], [1, 2]]
    assert result.accuracy == 0.75 and result.top5_accuracy == 1.0
    strict = evaluate_classification(model, dataset, threshold=0.9)
    assert strict.confusion.tolist() == [[1, 0], [2, 1]]
    logits = classifier([8], [-4], None)
    same = evaluate_classification(logits, dataset, threshold=0.9)
    assert same.confusion.tolist() == strict.confusion.tolist()


@pytest.mark.parametrize(
    ("names", "is_reversed"),
    [(("no", "yes"), False), (("yes",), False), (("no",), True)]
    + [(("yes", "no"), True)],
)
def test_the_second_name_has_high_probabilities(images, names, is_reversed):
    model = classifier([8], [-4])
    model.class_names = names
    dataset = classification_from_arrays(images, [0, 1, 1, 1], ("no", "yes"))
    result = evaluate_classification(model, dataset)
    expected = [[0, 1], [2, 1]] if is_reversed else [[1, 0], [1, 2]]
    assert result.confusion.tolist() == expected


def test_several_labels(images):
    # Predicted: images 2 and 3; image 0; all.
    model = classifier([8, -8, 0], [-4, 1, 3])
    labels = [[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 0, 1]]
    names = ("bright", "dark", "any")
    dataset = classification_from_arrays(images, labels, names)
    result = evaluate_classification(model, dataset)
    assert result.counts.tolist() == [[1, 1, 1], [0, 1, 1], [4, 0, 0]]
    assert result.accuracy == pytest.approx(8 / 12)
    assert result.exact_match == 0.25
    assert result.precision.tolist() == [0.5, 0.0, 1.0]
    assert result.recall.tolist() == [0.5, 0.0, 1.0]
    # Of "bright": the first and the third image in the order.
    np.testing.assert_allclose(
        result.average_precision, [(1 + 2 / 3) / 2, 1 / 3, 1.0]
    )
    assert result.metrics["mAP"] == pytest.approx(
        result.average_precision.mean()
    )
    assert "bright" in repr(result) and "25.0% of images" in repr(result)
    assert json.loads(json.dumps(result.to_dict()))["num_images"] == 4


def test_classes_are_matched_by_name(images):
    model = classifier([8, -8, 0], [-4, 1, 3])
    model.class_names = ("bright", "dark", "any")
    labels = [[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 0]]
    names = ("any", "bright", "dark")
    dataset = classification_from_arrays(images, labels, names)
    result = evaluate_classification(model, dataset)
    assert result.counts.tolist() == [[4, 0, 0], [1, 1, 1], [0, 1, 1]]


def test_one_class(images):
    model = classifier([8], [-4])
    dataset = classification_from_arrays(images, [0, 0, 0, 0], ("yes",))
    result = evaluate_classification(model, dataset)
    assert result.counts.tolist() == [[2, 0, 2]] and result.accuracy == 0.5


def test_a_sigmoid_for_classes_that_exclude_each_other(images):
    model = classifier([8, -8], [-4, 4])
    dataset = classification_from_arrays(images, [1, 1, 0, 0])
    assert evaluate_classification(model, dataset).accuracy == 1.0


def test_wrong_pairs_are_refused(images):
    labels = [[0, 1], [1, 1], [0, 0], [1, 0]]
    dataset = classification_from_arrays(images, labels)
    with pytest.raises(ValueError, match="exactly one is right"):
        evaluate_classification(classifier([8, 1], [0, 0], "softmax"), dataset)
    with pytest.raises(ValueError, match="2 classes of the data set"):
        evaluate_classification(classifier([8] * 3, [0] * 3), dataset)
    three = classification_from_arrays(images, [0, 1, 2, 0])
    with pytest.raises(ValueError, match="3 classes of the data set"):
        evaluate_classification(classifier([8], [0]), three)


def test_average_precision_of_equal_scores():
    truth = np.array([True, False, True, False])
    # One threshold for all: the share of true elements.
    assert average_precision(truth, np.ones(4)) == 0.5
    scores = np.array([0.9, 0.8, 0.8, 0.1])
    assert average_precision(truth, scores) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert np.isnan(average_precision(truth & False, scores))
