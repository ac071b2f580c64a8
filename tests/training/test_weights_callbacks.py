"""Saving the best weights, and the weights of an interrupted training."""

import json
import os
import signal
import time

import keras
import numpy as np
import pytest

from keras_efficient.training import BestWeights
from keras_efficient.training import StopOnInterrupt
from tests.evaluation.fake_detector import averages_of_steps
from tests.evaluation.fake_detector import fake_detector
from tests.evaluation.fake_detector import train
from tests.evaluation.fake_detector import weights_of_steps


class Measure(keras.callbacks.Callback):
    """Add values of a list to the logs; `None` adds nothing."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        if self.values[epoch] is not None:
            logs["val_mAP"] = self.values[epoch]


def weight_in(path):
    model = fake_detector()
    BestWeights(path, "val_mAP").load(model)
    assert model.optimizer is not None
    return float(keras.ops.convert_to_numpy(model.weights[0])[0, 0])


def test_best_value_survives_an_interruption(tmp_path):
    path = tmp_path / "best.weights.h5"
    model = fake_detector()
    steps = weights_of_steps(5)
    train(model, 3, Measure([0.2, None, 0.1]), BestWeights(path, "val_mAP"))
    assert weight_in(path) == pytest.approx(steps[0], abs=1e-6)
    note = json.loads((tmp_path / "best.json").read_text())
    assert note == {"epoch": 1, "val_mAP": 0.2}
    # A new process reads the best value.
    again = BestWeights(path, "val_mAP")
    assert again.best == 0.2
    train(model, 5, Measure([0, 0, 0, 0.15, 0.3]), again, initial_epoch=3)
    assert weight_in(path) == pytest.approx(steps[4], abs=1e-6)
    assert {file.name for file in tmp_path.iterdir()} == {
        "best.weights.h5", "best.json",
    }  # fmt: skip


def test_averaged_weights_are_saved(tmp_path):
    path = tmp_path / "best.weights.h5"
    optimizer = keras.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.6)
    model = fake_detector(optimizer)
    train(model, 2, Measure([None, 0.2]), BestWeights(path, "val_mAP"))
    average = averages_of_steps(2, 0.6)[-1]
    assert weight_in(path) == pytest.approx(average, abs=1e-6)


class CtrlC(keras.callbacks.Callback):
    """Send SIGINT in a given batch of an epoch."""

    def __init__(self, epoch, batch=0, times=1):
        super().__init__()
        self.at, self.times, self.batches = (epoch, batch), times, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self.batches += 1
        if (self.epoch, batch) == self.at:
            for _ in range(self.times):
                press_ctrl_c()


def press_ctrl_c():
    """Send SIGINT and wait for its handler; two at once would be merged."""
    before = signal.getsignal(signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    end = time.monotonic() + 10
    while signal.getsignal(signal.SIGINT) is before and time.monotonic() < end:
        time.sleep(0.01)


def fit(model, callbacks, **arguments):
    x = np.ones((12, 1), "float32")
    return model.fit(
        x, x, batch_size=4, epochs=3, callbacks=callbacks, verbose=0,
        **arguments,
    )  # fmt: skip


@pytest.mark.parametrize("has_validation", [False, True])
def test_ctrl_c_saves_the_weights(tmp_path, capfd, has_validation):
    model = fake_detector()
    path = tmp_path / "last.weights.h5"
    user, ended = CtrlC(1, 1), []
    x = np.ones((4, 1), "float32")
    after = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: ended.append(epoch)
    )
    arguments = {"validation_data": (x, x)} if has_validation else {}
    with pytest.raises(KeyboardInterrupt), StopOnInterrupt(path) as stop:
        fit(model, [stop, user, after], **arguments)
    # Three steps of the first epoch, two of the second.
    assert user.batches == 5 and ended == [0]
    expected = weights_of_steps(5)[-1]
    assert weight_in(path) == pytest.approx(expected, abs=1e-6)
    assert "Press Ctrl-C again to stop now" in capfd.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["last.weights.h5"]


def test_second_ctrl_c_ends_immediately(tmp_path):
    path = tmp_path / "last.weights.h5"
    # A shell makes programs in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    user = CtrlC(0, times=2)
    with pytest.raises(KeyboardInterrupt), StopOnInterrupt(path) as stop:
        fit(fake_detector(), [stop, user])
    signal.signal(signal.SIGINT, before)
    assert user.batches == 1 and not path.exists()


def test_signal_handler_is_restored(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with StopOnInterrupt(tmp_path / "a.weights.h5") as stop:
        assert signal.getsignal(signal.SIGINT) != before
        fit(fake_detector(), [stop])
    assert signal.getsignal(signal.SIGINT) is before


def test_weights_load_with_more_trainable_layers(tmp_path):
    layers = [keras.layers.Dense(2, name=name) for name in ("body", "head")]
    model = keras.Sequential([keras.Input((1,)), *layers])
    best = BestWeights(tmp_path / "best.weights.h5", "val_mAP")
    layers[0].trainable = False
    for values in ([0.2], [0.1]):
        model.compile("adam", "mse")
        model.fit(
            np.ones((4, 1)), np.ones((4, 2)), verbose=0,
            callbacks=[Measure(values), best],
        )  # fmt: skip
        if values == [0.2]:
            expected = [keras.ops.convert_to_numpy(w) for w in model.weights]
            expected = [values.copy() for values in expected]
        layers[0].trainable = True
    optimizer = model.optimizer
    best.load(model)
    for weight, values in zip(model.weights, expected, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(weight), values
        )
    assert model.optimizer is optimizer and len(optimizer.variables) > 6
