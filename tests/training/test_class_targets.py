"""Fine-tuning with one output, several labels, logits and other channels."""

import json

import keras
import numpy as np
import pytest

from keras_efficient.data import classification_from_arrays
from keras_efficient.training import classification_recipe
from keras_efficient.training import finetune_classification
from keras_efficient.training.class_targets import ClassTargets
from tests.marks import on_one_backend
from tests.marks import slow_to_compile
from tests.models.builders import tiny


def pixels(count, channels=3):
    """Noise, on the first channel of every second image much brighter."""
    rng = np.random.default_rng(count)
    images = rng.integers(0, 90, (count, 20, 24, channels))
    images[1::2, ..., 0] += 150
    return images.astype("uint8")


def classifier(classes, activation, channels=3):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((16, 16, channels)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation, name="predictions"),
        ]
    )


def finetune(folder, model, labels, channels=3, **arguments):
    sets = [
        classification_from_arrays(pixels(count, channels), labels[:count])
        for count in (len(labels), len(labels) // 2)
    ]
    return finetune_classification(
        model,
        sets[0].batches(16, 8, training=True, channels=channels),
        sets[1],
        directory=folder,
        **{
            "head_epochs": 0,
            "epochs": 6,
            "learning_rate": 0.2,
            "train_batch_norm": "all",
            "report": True,
            "verbose": 0,
            **arguments,
        },
    )


@slow_to_compile
@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_output(activation, tmp_path):
    labels = np.arange(32) % 2
    model = classifier(1, activation)
    result = finetune(tmp_path, model, labels)
    assert result.evaluation.accuracy == 1.0
    assert result.logs["val_accuracy"][-1] == 1.0
    assert isinstance(model.loss, keras.losses.BinaryCrossentropy)
    assert (tmp_path / "predictions.jpg").exists()


@slow_to_compile
@pytest.mark.parametrize("activation", ["sigmoid", "softmax", None])
def test_classes_that_exclude_each_other(activation, tmp_path):
    """Also with a sigmoid, the most probable class counts."""
    model = classifier(2, activation)
    result = finetune(tmp_path, model, np.arange(32) % 2, report=False)
    is_binary = isinstance(model.loss, keras.losses.BinaryCrossentropy)
    assert is_binary == (activation == "sigmoid")
    assert result.logs["val_accuracy"][-1] == 1.0


@slow_to_compile
def test_several_labels(tmp_path):
    labels = np.zeros((32, 3), int)
    labels[1::2, 0] = labels[::2, 1] = labels[:, 2] = 1
    labels[0] = 0  # No class at all.
    model = classifier(3, "sigmoid")
    result = finetune(tmp_path, model, labels, epochs=15)
    assert result.evaluation.metrics["mAP"] > 0.9
    assert result.evaluation.accuracy > 0.9
    assert not (tmp_path / "confusion_matrix.png").exists()
    stored = json.loads((tmp_path / "results.json").read_text())
    assert len(stored["result"]["per_class"]) == 3


@on_one_backend
@pytest.mark.parametrize("channels", [1, 4, 6])
def test_channels(channels, tmp_path):
    model = classifier(2, "softmax", channels)
    result = finetune(tmp_path, model, np.arange(32) % 2, channels)
    assert result.evaluation.accuracy == 1.0


@on_one_backend
def test_thresholds_apply_to_logits():
    outputs = ClassTargets(classifier(1, None)).outputs
    recipe = classification_recipe(10, outputs=outputs)
    (metric,) = recipe["metrics"]
    metric.update_state([[1.0], [0.0]], [[0.2], [-0.2]])
    assert float(metric.result()) == 1.0
    assert recipe["loss"].get_config()["from_logits"]


@on_one_backend
def test_wrong_pairs_are_refused(tmp_path):
    several = np.eye(2, dtype=int)[np.arange(32) % 2]
    with pytest.raises(ValueError, match="exactly one is right"):
        finetune(tmp_path, classifier(2, "softmax"), several)
    with pytest.raises(ValueError, match="2 classes of the data set"):
        finetune(tmp_path, classifier(3, "softmax"), np.arange(32) % 2)
    model = classifier(2, "softmax")
    model.class_names = ("1", "0")
    with pytest.raises(ValueError, match="order of the data set"):
        finetune(tmp_path, model, np.arange(32) % 2)
    model = classifier(1, "sigmoid")
    model.class_names = ("0",)
    with pytest.raises(ValueError, match="order of the data set"):
        finetune(tmp_path, model, np.arange(32) % 2)
    # It may have the name of the second class only.
    ClassTargets(model).check_names(model, None)
    model.class_names = ("1",)
    dataset = classification_from_arrays(pixels(2), [0, 1])
    ClassTargets(model).check_names(model, dataset)


@slow_to_compile
def test_one_output_of_an_efficientnet(tmp_path):
    model = tiny(
        classes=1,
        classifier_activation="sigmoid",
        input_shape=(32, 32, 1),
        width_coefficient=0.2,
    )
    model.class_names = ("dark", "bright")
    images = np.repeat(pixels(16, 1), 3, axis=-1)
    dataset = classification_from_arrays(
        images, np.arange(16) % 2, model.class_names
    )
    result = finetune_classification(
        model,
        dataset.batches(32, 8, training=True, channels=1),
        dataset,
        directory=tmp_path,
        head_epochs=0,
        epochs=1,
        report=True,
        verbose=0,
    )
    assert result.evaluation.confusion.sum() == 16
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    (found,) = loaded.classify(images[0])
    assert sorted(found.names) == ["bright", "dark"]
