"""The average of the weights replaces the weights temporarily."""

import keras
import numpy as np
import pytest

from keras_efficient.evaluation import averaged_weights
from tests.evaluation.fake_detector import averages_of_steps
from tests.evaluation.fake_detector import fake_detector
from tests.evaluation.fake_detector import train
from tests.evaluation.fake_detector import weights_of_steps

MOMENTUM = 0.8


def sgd():
    return keras.optimizers.SGD(0.25, use_ema=True, ema_momentum=MOMENTUM)


def scaled():
    return keras.optimizers.LossScaleOptimizer(sgd(), initial_scale=4.0)


def several():
    with_average = sgd()
    return keras.optimizers.MultiOptimizer(lambda variable: with_average)


def value(model):
    return float(keras.ops.convert_to_numpy(model.weights[0])[0, 0])


class Step(keras.callbacks.Callback):
    """Record the weights and their average after each epoch."""

    def __init__(self):
        super().__init__()
        self.plain, self.averaged = [], []

    def on_epoch_end(self, epoch, logs=None):
        with averaged_weights(self.model) as model:
            assert model is self.model
            self.averaged.append(value(model))
            # On JAX, this donates the memory of the weights.
            outputs = model.predict_on_batch(np.ones((1, 1)))
            assert outputs[0, 0] == pytest.approx(self.averaged[-1])
            model.evaluate(np.ones((1, 1)), np.ones((1, 1)), verbose=0)
        self.plain.append(value(self.model))


@pytest.mark.parametrize(
    "optimizer", [sgd, scaled, several], ids=lambda make: make.__name__
)
def test_fit_continues_as_if_nothing_was_replaced(optimizer):
    model = fake_detector(optimizer())
    step = Step()
    train(model, 4, step)
    averages = averages_of_steps(4, MOMENTUM)
    np.testing.assert_allclose(step.plain, weights_of_steps(4), 1e-5)
    np.testing.assert_allclose(step.averaged, averages, 1e-5)
    # As without the callback, `fit` ends with the average.
    assert value(model) == pytest.approx(averages[-1], rel=1e-5)


def test_weights_are_restored_after_an_exception():
    model = fake_detector(sgd())
    train(model, 3)
    model.set_weights([np.array([[0.7]])])
    with pytest.raises(KeyError), averaged_weights(model):
        assert value(model) != pytest.approx(0.7)
        raise KeyError
    assert value(model) == pytest.approx(0.7)


def test_after_freezing_a_trained_layer():
    model = fake_detector(sgd())
    train(model, 3)
    model.set_weights([np.array([[0.7]])])
    model.layers[0].trainable = False
    with averaged_weights(model):
        expected = averages_of_steps(3, MOMENTUM)[-1]
        assert value(model) == pytest.approx(expected, rel=1e-5)
    assert value(model) == pytest.approx(0.7)


@pytest.mark.parametrize("optimizer", [sgd, scaled, several])
def test_before_the_first_step_there_is_no_average(optimizer):
    model = fake_detector(optimizer())
    model.optimizer.build(model.trainable_variables)
    with averaged_weights(model):
        assert value(model) == pytest.approx(0.32)


def test_without_an_average():
    model = fake_detector()
    train(model, 1)
    with averaged_weights(model):
        assert value(model) == pytest.approx(0.66)


def test_without_compiling():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    with averaged_weights(model) as same:
        assert same is model
