"""Tests for the additions to Keras' optimizers."""

import keras
import numpy as np
import pytest

from keras_efficient.training import DetectionAdamW
from keras_efficient.training import DetectionSGD

OPTIMIZERS = [DetectionSGD, DetectionAdamW]


def step(optimizer, variables, gradients):
    optimizer.apply(
        [keras.ops.convert_to_tensor(g, "float32") for g in gradients],
        variables,
    )


def number_of(variable):
    return float(keras.ops.convert_to_numpy(variable)[0])


@pytest.mark.parametrize("optimizer_cls", OPTIMIZERS)
def test_config_round_trip(optimizer_cls):
    optimizer = optimizer_cls(
        0.3, clip_each=2.0, ema_warmup=False, use_ema=True, ema_momentum=0.7
    )
    config = keras.saving.serialize_keras_object(optimizer)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is optimizer_cls
    assert copy.clip_each == 2.0 and not copy.ema_warmup
    assert copy.ema_momentum == 0.7
    assert copy.get_config() == optimizer.get_config()


def test_clips_each_gradient_and_then_all():
    variables = [keras.Variable(np.zeros(2)), keras.Variable(np.zeros(1))]
    optimizer = DetectionSGD(1.0, clip_each=5.0, global_clipnorm=6.5)
    # Norms 10 and 12 are clipped to 5 and 5, and their norm 7.07 to 6.5.
    step(optimizer, variables, [[6.0, 8.0], [12.0]])
    both = 6.5 / np.sqrt(50)
    moved = [keras.ops.convert_to_numpy(v) for v in variables]
    np.testing.assert_allclose(moved[0], [-3 * both, -4 * both], rtol=1e-5)
    np.testing.assert_allclose(moved[1], [-5 * both], rtol=1e-5)


def test_small_and_zero_gradients_are_not_clipped():
    variables = [keras.Variable(np.zeros(2)), keras.Variable(np.zeros(1))]
    step(DetectionSGD(1.0, clip_each=5.0), variables, [[3.0, 0.0], [0.0]])
    moved = [keras.ops.convert_to_numpy(v) for v in variables]
    np.testing.assert_allclose(moved[0], [-3.0, 0.0])
    np.testing.assert_allclose(moved[1], [0.0])


@pytest.mark.parametrize("optimizer_cls", OPTIMIZERS)
@pytest.mark.parametrize("ema_warmup", [True, False])
def test_average_warms_up(optimizer_cls, ema_warmup):
    variable = keras.Variable([4.0])
    optimizer = optimizer_cls(
        0.5, use_ema=True, ema_momentum=0.3, ema_warmup=ema_warmup
    )
    expected = None
    for i in range(8):
        step(optimizer, [variable], [[1.0]])
        weight = number_of(variable)
        # (1 + i) / (10 + i) passes 0.3 at i = 3.
        momentum = min(0.3, (1 + i) / (10 + i)) if ema_warmup else 0.3
        if i == 0:
            momentum = 0.0
        expected = momentum * (expected or 0.0) + (1 - momentum) * weight
    average = optimizer._model_variables_moving_average[0]
    assert number_of(average) == pytest.approx(expected, rel=1e-5)
    optimizer.finalize_variable_values([variable])
    assert number_of(variable) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("optimizer_cls", OPTIMIZERS)
def test_fit_without_epochs_has_no_average(optimizer_cls):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer_cls(0.1, use_ema=True), "mse")
    before = model.get_weights()
    data = np.zeros((4, 2)), np.zeros((4, 1))
    model.fit(*data, epochs=3, initial_epoch=3, verbose=0)
    for value, same in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, same)
