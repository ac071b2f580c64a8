"""Tests for the recipes of detectors, compared with google/automl."""

import keras
import numpy as np
import pytest

from keras_efficient import losses
from keras_efficient import training


def automl_schedule():
    return training.EfficientDetSchedule(0.08, 562500, 1875, 0.008)


def test_schedule_is_that_of_automl():
    # Section 8 of the specification.
    expected = {
        0: 0.008,
        100: 0.01184,
        937: 0.0439808,
        1875: 0.0799977928,
        5000: 0.0799843,
        140625: 0.0682098791,
        281000: 0.0398458913,
    }
    schedule = automl_schedule()
    for step, rate in expected.items():
        assert float(schedule(step)) == pytest.approx(rate, rel=2e-6)


def test_schedule_round_trip():
    config = keras.saving.serialize_keras_object(automl_schedule())
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == automl_schedule().get_config()
    assert copy.get_config()["warmup_steps"] == 1875


def test_schedule_rejects_more_warmup_than_steps():
    with pytest.raises(ValueError, match="steps=5, warmup_steps=7"):
        training.EfficientDetSchedule(0.1, 5, 7)


def test_recipe_of_the_paper():
    recipe = training.paper_detection_recipe(
        6000, batch_size=128, steps_per_epoch=200, l2_regularization=1e-5
    )
    optimizer = recipe["optimizer"]
    assert optimizer.momentum == 0.9 and not optimizer.nesterov
    assert optimizer.clip_each == optimizer.global_clipnorm == 10.0
    assert optimizer.use_ema and optimizer.ema_momentum == 0.9998
    assert optimizer.ema_warmup
    schedule = optimizer.get_config()["learning_rate"]["config"]
    assert schedule["learning_rate"] == pytest.approx(0.16)
    assert (schedule["steps"], schedule["warmup_steps"]) == (6000, 200)
    assert recipe["loss"].l2_regularization == 1e-5


@pytest.mark.parametrize(
    "batch_size, rate", [(4, 0.01), (8, 0.02), (16, 0.04), (640, 0.08)]
)
def test_learning_rate_grows_with_the_batch(batch_size, rate):
    recipe = training.detection_recipe(
        100, batch_size, learning_rate=0.02, warmup_steps=0
    )
    assert float(recipe["optimizer"].learning_rate) == pytest.approx(rate)


def test_recipe_follows_its_arguments():
    loss = losses.DetectionLoss(alpha=0.4)
    recipe = training.detection_recipe(
        200,
        8,
        warmup_steps=7,
        weight_decay=0.02,
        clipnorm=3.0,
        ema_momentum=0.9,
        loss=loss,
    )
    optimizer = recipe["optimizer"]
    assert recipe["loss"] is loss
    assert optimizer.weight_decay == 0.02
    assert optimizer.global_clipnorm == 3.0
    assert optimizer.use_ema and optimizer.ema_momentum == 0.9
    schedule = optimizer.get_config()["learning_rate"]["config"]
    assert (schedule["warmup_steps"], schedule["decay_steps"]) == (7, 193)


def test_recipe_without_average_and_with_a_long_warmup():
    optimizer = training.detection_recipe(9000, 8, ema_momentum=None)[
        "optimizer"
    ]
    assert not optimizer.use_ema
    schedule = optimizer.get_config()["learning_rate"]["config"]
    assert schedule["warmup_steps"] == 500


def test_weight_decay_is_for_kernels_only():
    optimizer = training.detection_recipe(
        10, 8, learning_rate=0.1, warmup_steps=0, weight_decay=0.5
    )["optimizer"]
    names = ("kernel", "bias", "gamma", "beta", "fusion_weights")
    variables = [keras.Variable(np.ones(2), name=name) for name in names]
    zeros = [keras.ops.zeros(2)] * len(names)
    optimizer.apply(zeros, variables)
    moved = [float(keras.ops.convert_to_numpy(v)[0]) for v in variables]
    assert moved[0] == pytest.approx(1 - 0.1 * 0.5)
    assert moved[1:] == [1.0] * 4


def test_recipe_rejects_zero_steps():
    with pytest.raises(ValueError, match="steps=0, batch_size=8"):
        training.detection_recipe(0, 8)
