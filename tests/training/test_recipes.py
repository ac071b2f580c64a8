"""Tests for schedules, recipes and freezing."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import training
from keras_efficient.variants import EFFICIENTNET_STAGES
from tests.marks import slow_to_compile


def test_schedule_warms_up_and_falls_along_a_cosine():
    schedule = training.cosine_schedule(0.2, steps=30, warmup_steps=10)
    values = [float(schedule(step)) for step in (0, 5, 10, 20, 25, 30)]
    # cos(pi / 2) = 0 in the middle, (1 + cos(3 pi / 4)) / 2 = 0.1464 after.
    np.testing.assert_allclose(
        values, [0, 0.1, 0.2, 0.1, 0.2 * 0.1464, 0], atol=1e-4
    )


def test_schedule_without_warmup():
    schedule = training.cosine_schedule(0.2, steps=30)
    assert float(schedule(0)) == pytest.approx(0.2)
    assert float(schedule(30)) == pytest.approx(0.0, abs=1e-7)


def test_schedule_rejects_more_warmup_than_steps():
    with pytest.raises(ValueError, match="steps=5, warmup_steps=5"):
        training.cosine_schedule(0.1, 5, 5)


def test_recipe_follows_its_arguments():
    recipe = training.classification_recipe(
        steps=40,
        learning_rate=0.01,
        warmup_steps=4,
        label_smoothing=0.2,
        weight_decay=0.05,
        clipnorm=3.0,
        ema_momentum=0.9,
    )
    optimizer = recipe["optimizer"]
    assert optimizer.weight_decay == 0.05
    assert optimizer.global_clipnorm == 3.0
    assert optimizer.use_ema and optimizer.ema_momentum == 0.9
    assert recipe["loss"].label_smoothing == 0.2
    config = optimizer.get_config()["learning_rate"]["config"]
    assert config["warmup_target"] == 0.01
    assert config["warmup_steps"] == 4
    assert config["decay_steps"] == 36


def test_recipe_smooths_labels():
    loss = training.classification_recipe(10, label_smoothing=0.2)["loss"]
    labels, predictions = np.array([[1.0, 0.0]]), np.array([[0.8, 0.2]])
    # Smoothed to 0.9 and 0.1.
    expected = -(0.9 * np.log(0.8) + 0.1 * np.log(0.2))
    assert float(loss(labels, predictions)) == pytest.approx(expected, rel=1e-4)


def test_weight_decay_excludes_biases_and_batch_norm():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(2),
            keras.layers.BatchNormalization(),
        ]
    )
    recipe = training.classification_recipe(
        10, weight_decay=0.5, warmup_steps=0, learning_rate=0.1
    )
    optimizer = recipe["optimizer"]
    optimizer.build(model.trainable_variables)
    values = [np.ones(v.shape) for v in model.trainable_variables]
    for variable, value in zip(model.trainable_variables, values, strict=True):
        variable.assign(value)
    zeros = [keras.ops.zeros(v.shape) for v in model.trainable_variables]
    optimizer.apply(zeros, model.trainable_variables)
    after = {
        v.name: keras.ops.convert_to_numpy(v).ravel()[0]
        for v in model.trainable_variables
    }
    assert after["kernel"] == pytest.approx(1 - 0.1 * 0.5)
    assert after["bias"] == after["gamma"] == after["beta"] == 1.0


@pytest.mark.parametrize("label_smoothing", [-0.1, 1.0])
def test_recipe_rejects_invalid_smoothing(label_smoothing):
    with pytest.raises(ValueError, match="label_smoothing="):
        training.classification_recipe(10, label_smoothing=label_smoothing)


def test_freeze_except_names_unknown_layers():
    model = keras_efficient.EfficientNet(classes=3, resolution=32)
    with pytest.raises(ValueError, match=r"\['head'\].*predictions"):
        training.freeze_except(model, ["head"])
    with pytest.raises(ValueError, match="have no weights"):
        training.freeze_except(model, ["avg_pool"])
    assert training.freeze_except(model, ["predictions"]) == 1280 * 3 + 3


@slow_to_compile
def test_frozen_batch_norm_keeps_its_statistics_in_fit():
    model = keras_efficient.EfficientNet(
        classes=3,
        resolution=32,
        width_coefficient=0.25,
        stages=EFFICIENTNET_STAGES[:3],
    )
    # Stem, top, two in block1a, three in each of the four others.
    assert training.freeze_batch_norm(model) == 16
    model.compile("sgd", "categorical_crossentropy")
    norm = model.get_layer("block3a").expand.norm
    before = [keras.ops.convert_to_numpy(w).copy() for w in norm.weights]
    x = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3))
    model.fit(x, np.eye(3)[[0, 1, 2, 0]], verbose=0)
    for weight, old in zip(norm.weights, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), old)


def test_throughput_excludes_validation():
    callback = training.Throughput(num_images=100)
    callback.on_epoch_begin(0)
    callback._start -= 10.0
    callback.on_test_begin()
    logs = {}
    callback.on_epoch_end(0, logs)
    assert logs["images_per_second"] == pytest.approx(10.0, rel=0.05)
