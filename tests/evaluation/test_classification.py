"""Accuracy, precision and recall."""

import json

import keras
import numpy as np
import pytest

from keras_efficient.data import classification_from_arrays
from keras_efficient.evaluation import ClassificationResult
from keras_efficient.evaluation import evaluate_classification

NAMES = ("ant", "bee", "cat")
# Rows are true classes: 5 ants, 4 bees, no cat.
MATRIX = np.array([[3, 0, 2], [1, 3, 0], [0, 0, 0]])


def result(matrix=MATRIX, names=NAMES):
    return ClassificationResult(
        accuracy=float(np.trace(matrix)) / matrix.sum(),
        top5_accuracy=1.0,
        confusion=matrix,
        class_names=names,
        num_images=int(matrix.sum()),
    )


def test_numbers_of_each_class():
    np.testing.assert_allclose(result().precision, [3 / 4, 1.0, 0.0])
    np.testing.assert_allclose(result().recall, [3 / 5, 3 / 4, np.nan])
    # 2 * 0.75 * 0.6 / 1.35, 2 * 1 * 0.75 / 1.75
    np.testing.assert_allclose(result().f1, [2 / 3, 6 / 7, np.nan])


def test_f1_of_a_class_that_is_never_correct_is_zero():
    np.testing.assert_allclose(
        result(np.array([[0, 2, 0], [1, 0, 0], [0, 0, 1]])).f1, [0, 0, 1]
    )


def test_table_and_json():
    text = str(result())
    assert text.splitlines()[1].split() == [
        "ant",
        "5",
        "0.750",
        "0.600",
        "0.667",
    ]
    assert text.splitlines()[3].split() == ["cat", "0", "0.000", "-", "-"]
    assert text.endswith("accuracy 66.7% (9 images)")
    rows = json.loads(json.dumps(result().to_dict()))
    assert rows["per_class"][2]["recall"] is None
    assert rows["confusion"] == MATRIX.tolist()


def test_only_the_worst_of_many_classes_are_shown():
    names = tuple(f"class {i}" for i in range(100))
    matrix = 5 * np.eye(100, dtype=int)
    matrix[70, 3] = 20
    text = str(result(matrix, names))
    assert text.splitlines()[1].startswith("class 3 ") or text.splitlines()[
        1
    ].startswith("class 70")
    assert "and 60 classes with a higher F1" in text
    assert "top-5 accuracy" in text


def by_brightness():
    """A model with seven classes: brighter images have higher labels."""
    inputs = keras.Input((8, 10, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    x = keras.layers.Dense(7, activation="softmax", name="d")(x)
    model = keras.Model(inputs, x)
    centers = np.arange(7) * 40.0
    # Logits -(x - center)^2 / 2, up to terms equal for all classes.
    kernel = np.tile(centers / 3, (3, 1))
    model.get_layer("d").set_weights([kernel, -(centers**2) / 2])
    return model


def test_a_model_on_a_data_set():
    values = [0, 41, 80, 121, 159, 240, 200]
    labels = [0, 1, 2, 3, 4, 0, 4]  # the last two are wrong; 4 is near 5
    images = np.stack([np.full((16, 20, 3), v, "uint8") for v in values])
    seen = []

    def progress(found, total):
        for one in found:
            seen.append(total)
            yield one

    found = evaluate_classification(
        by_brightness(),
        classification_from_arrays(images, labels, [f"c{i}" for i in range(7)]),
        batch_size=2,
        progress=progress,
    )
    assert found.accuracy == pytest.approx(5 / 7)
    assert found.top5_accuracy == pytest.approx(6 / 7)
    assert found.confusion[0].tolist() == [1, 0, 0, 0, 0, 0, 1]
    assert found.confusion[4].tolist() == [0, 0, 0, 0, 1, 1, 0]
    assert seen == [7] * 7


def test_the_number_of_classes_must_be_equal():
    images = np.zeros((2, 8, 10, 3), "uint8")
    with pytest.raises(ValueError, match="2 classes.*7 outputs"):
        evaluate_classification(
            by_brightness(), classification_from_arrays(images, [0, 1])
        )


def test_classes_are_matched_by_name():
    images = np.stack(
        [np.full((16, 20, 3), 40 * label, "uint8") for label in range(7)]
    )
    names = [f"c{i}" for i in range(7)]
    dataset = classification_from_arrays(images, range(7), names)
    model = by_brightness()
    # The model's first output belongs to the data set's last class.
    model.class_names = names[::-1]
    result = evaluate_classification(model, dataset)
    assert result.confusion.tolist() == np.eye(7)[::-1].tolist()
    model.class_names = [*names[:-1], "other"]
    with pytest.raises(ValueError, match="Received: the classes 'c6'"):
        evaluate_classification(model, dataset)


def test_from_logits_is_passed_on():
    dataset = classification_from_arrays(
        np.zeros((1, 8, 10, 3), "uint8"), [0], [f"c{i}" for i in range(7)]
    )
    model = by_brightness()
    outputs = keras.ops.log(model.output)
    model = keras.Model(model.input, outputs)
    with pytest.raises(ValueError, match="from_logits"):
        evaluate_classification(model, dataset)
    assert evaluate_classification(model, dataset, from_logits=True).metrics


def test_picture(tmp_path):
    pytest.importorskip("matplotlib")
    result().plot_confusion_matrix(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0
