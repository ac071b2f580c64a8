"""COCO metrics in the logs of `fit`."""

import keras
import numpy as np
import pytest

from keras_efficient.evaluation import COCOMetrics
from keras_efficient.evaluation.coco_result import METRICS
from tests.evaluation.fake_detector import ants
from tests.evaluation.fake_detector import averages_of_steps
from tests.evaluation.fake_detector import fake_detector
from tests.evaluation.fake_detector import train
from tests.evaluation.fake_detector import weights_of_steps


def share(overlap):
    """Share of COCO's ten overlaps that is reached."""
    return np.mean(overlap >= np.arange(50, 100, 5) / 100)


def test_adds_the_numbers_of_each_epoch(capsys):
    model = fake_detector()
    metrics = COCOMetrics(ants(), batch_size=5, nms="hard")
    history = train(model, 4, metrics).history
    np.testing.assert_allclose(model.seen, weights_of_steps(4), 1e-5)
    expected = [share(weight) for weight in weights_of_steps(4)]
    assert len(set(expected)) == 4
    np.testing.assert_allclose(history["val_mAP"], expected)
    assert {f"val_{name}" for name in METRICS} <= set(history)
    assert all(type(value) is float for value in history["val_AR100"])
    assert metrics.result.metrics["mAP"] == history["val_mAP"][-1]
    assert model.asked[0] == {
        "batch_size": 5,
        "nms": "hard",
        "score_threshold": 0.001,
    }
    assert capsys.readouterr().out == ""


def test_measures_some_epochs_and_the_last():
    measured = []
    model = fake_detector()
    logs_of = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: measured.append("bee_mAP" in logs)
    )
    metrics = COCOMetrics(ants(), every=2, prefix="bee_")
    history = train(model, 5, metrics, logs_of).history
    assert measured == [False, True, False, True, True]
    assert len(history["bee_mAP"]) == 3
    assert len(history["loss"]) == 5


def test_goes_on_where_a_training_broke_off():
    model = fake_detector()
    train(model, 4, COCOMetrics(ants(), every=3), initial_epoch=1)
    np.testing.assert_allclose(
        model.seen, np.array(weights_of_steps(3))[[1, 2]], 1e-5
    )


def test_measures_the_average_of_the_weights():
    optimizer = keras.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.9)
    model = fake_detector(optimizer)
    plain = []
    after = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: plain.append(
            float(model.get_weights()[0][0, 0])
        )
    )
    train(model, 4, COCOMetrics(ants()), after)
    np.testing.assert_allclose(model.seen, averages_of_steps(4, 0.9), 1e-5)
    np.testing.assert_allclose(plain, weights_of_steps(4), 1e-5)


def test_keras_callbacks_see_the_numbers(tmp_path):
    path = tmp_path / "best.weights.h5"
    optimizer = keras.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.5)
    model = fake_detector(optimizer)
    train(
        model,
        3,
        COCOMetrics(ants()),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        keras.callbacks.ModelCheckpoint(
            path,
            monitor="val_mAP",
            mode="max",
            save_best_only=True,
            save_weights_only=True,
        ),
    )
    averages = averages_of_steps(3, 0.5)
    np.testing.assert_allclose(model.seen, averages, 1e-5)
    header, *rows = (tmp_path / "log.csv").read_text().splitlines()
    place = header.split(",").index("val_mAP")
    logged = [float(row.split(",")[place]) for row in rows]
    np.testing.assert_allclose(logged, [share(w) for w in averages])
    # The average, which is what was measured.
    model.load_weights(path)
    assert model.get_weights()[0][0, 0] == pytest.approx(averages[-1])


def test_stops_early():
    model = fake_detector(keras.optimizers.SGD(0.0))
    stop = keras.callbacks.EarlyStopping("val_mAP", patience=2, mode="max")
    history = train(model, 9, COCOMetrics(ants()), stop).history
    assert len(history["val_mAP"]) == 3


def test_logs_the_table(caplog):
    metrics = COCOMetrics(ants(), print_table=True)
    train(fake_detector(), 1, metrics)
    assert [x.getMessage() for x in caplog.records] == [f"\n{metrics.result}"]


def test_classes_are_checked_before_the_first_epoch():
    model = fake_detector()
    with pytest.raises(ValueError, match="the 3 classes"):
        train(model, 1, COCOMetrics(ants(("ant", "bee", "wasp"))))
    assert model.optimizer.iterations == 0


def test_bad_interval():
    with pytest.raises(ValueError, match="every=0"):
        COCOMetrics(ants(), every=0)
