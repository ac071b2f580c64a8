"""Tests for fine-tuning detectors on small data sets."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import training
from keras_efficient.layers import BatchNormalization
from tests.marks import slow_to_compile
from tests.models.detectors import tiny

SIZE = (64, 96)


def squares(count=8, seed=0):
    """Return images of noise with a bright square or bar."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, (count, *SIZE, 3)).astype("uint8")
    boxes, labels = [], []
    for image in images:
        label = int(rng.integers(2))
        height, width = ((24, 24), (16, 48))[label]
        top = int(rng.integers(0, SIZE[0] - height))
        left = int(rng.integers(0, SIZE[1] - width))
        image[top : top + height, left : left + width] += 180
        boxes.append([[left, top, left + width, top + height]])
        labels.append([label])
    return keras_efficient.data.detection_from_arrays(
        images, boxes, labels, class_names=["square", "bar"]
    )


def plain():
    """Return shuffled batches without augmentation."""
    return squares().batches(
        SIZE,
        4,
        training=True,
        augmentation=keras_efficient.data.DetectionAugmentation(
            SIZE, scale=(1, 1), brightness=0, contrast=0, saturation=0
        ),
    )


def build(seed=5):
    keras.utils.set_random_seed(seed)
    model = tiny(num_classes=2, min_level=4, anchor_scale=1.5)
    model.class_names = ("square", "bar")
    return model


def finetune(directory, model=None, epochs=3, **arguments):
    model = model or build()
    settings = {"train_batch_norm": "all", "verbose": 0, **arguments}
    result = training.finetune_detection(
        model, plain(), squares(4, 1), directory=directory, epochs=epochs,
        **settings,
    )  # fmt: skip
    return model, result


@pytest.mark.slow
def test_overfits_eight_images(tmp_path):
    train = squares()
    model, result = finetune(
        tmp_path,
        epochs=160,
        learning_rate=1e-2,
        evaluate_every=160,
        ema_momentum=0.9,
    )
    measured = keras_efficient.evaluation.evaluate_detection(model, train)
    assert measured.metrics["mAP50"] == pytest.approx(1.0)
    assert result.logs["loss"][-1] < 0.1 * result.logs["loss"][0]
    # Detections as a user receives them.
    (found,) = model.detect(train.records[0].image, score_threshold=0.3)
    assert found.names[0] == train.class_names[train.records[0].labels[0]]
    np.testing.assert_allclose(
        found.boxes[0], train.records[0].boxes[0], atol=4
    )


@slow_to_compile
def test_logs_parts_of_the_loss_speed_and_precision(tmp_path):
    _, result = finetune(tmp_path, evaluate_every=2)
    assert {"loss", "class_loss", "box_loss", "images_per_second"} <= set(
        result.logs
    )
    # Measured after the second epoch and after the last.
    assert np.isnan(result.logs["val_mAP50"]).tolist() == [True, False, False]


class Interrupt(keras.callbacks.Callback):
    """Interrupt training within the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 1:
            raise KeyboardInterrupt


def numbers_of(model):
    return [keras.ops.convert_to_numpy(w) for w in model.weights]


@slow_to_compile
def test_resumed_run_equals_an_uninterrupted_one(tmp_path):
    whole, expected = finetune(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        finetune(tmp_path / "broken", callbacks=[Interrupt()])
    # Other initial weights: the state must come from the directory.
    resumed, found = finetune(tmp_path / "broken", build(seed=99))
    np.testing.assert_allclose(
        found.logs["loss"], expected.logs["loss"], rtol=2e-3
    )
    for one, two in zip(numbers_of(whole), numbers_of(resumed), strict=True):
        np.testing.assert_allclose(two, one, rtol=2e-2, atol=2e-3)
    # A finished run is only loaded, also with the averaged weights.
    again, _ = finetune(tmp_path / "broken", build(seed=99))
    for one, two in zip(numbers_of(resumed), numbers_of(again), strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-6)


SCRIPT = """
import sys
from tests.training.test_detection_finetuning import finetune
finetune(sys.argv[1], epochs=4)
"""


@pytest.mark.slow
def test_killed_process_resumes(tmp_path):
    repository = pathlib.Path(__file__).parents[2]
    environment = {
        **os.environ,
        "KERAS_BACKEND": keras.backend.backend(),
        "PYTHONPATH": str(repository),
    }

    def start(directory):
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, directory],
            env=environment,
            cwd=repository,
        )

    assert start(tmp_path / "whole").wait() == 0
    broken = start(tmp_path / "broken")
    while not list((tmp_path / "broken").glob("all_checkpoints/*.json")):
        assert broken.poll() is None
        time.sleep(0.02)
    broken.send_signal(signal.SIGKILL)
    broken.wait()
    assert start(tmp_path / "broken").wait() == 0
    logs = [
        np.genfromtxt(tmp_path / run / "log_all.csv", delimiter=",", names=True)
        for run in ("whole", "broken")
    ]
    assert len(logs[1]) == 4
    np.testing.assert_allclose(logs[1]["loss"], logs[0]["loss"], rtol=2e-3)


@pytest.mark.parametrize("part, frozen", [("head", 1), ("none", 2), ("all", 0)])
def test_train_batch_norm_selects_the_layers(tmp_path, part, frozen):
    model = build()
    finetune(tmp_path, model, epochs=0, train_batch_norm=part)

    def learns(layers):
        norms = [x for x in layers if isinstance(x, BatchNormalization)]
        return {norm.trainable for norm in norms}

    def inner(layer):
        return layer._flatten_layers(recursive=True)

    assert learns(inner(model.backbone)) == {frozen == 0}
    assert learns(inner(model.feature_network)) == {frozen < 2}
    assert learns(inner(model.class_head)) == {frozen < 2}


def test_batch_norm_momentum_is_only_lowered():
    model = build()
    norms = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, BatchNormalization)
    ]
    norms[0].momentum = 0.5
    norms[1].trainable = False
    count = training.adapt_batch_norm_momentum(model, steps=1000)
    assert count == len(norms) - 2
    assert [norm.momentum for norm in norms[:3]] == [0.5, 0.99, 0.97]
    training.adapt_batch_norm_momentum(model, steps=20)
    assert norms[2].momentum == 0.9
    assert training.adapt_batch_norm_momentum(model, steps=10**6) == 0


def test_other_settings_are_an_error(tmp_path):
    finetune(tmp_path, epochs=0)
    with pytest.raises(ValueError, match="epochs was 0, is 2"):
        finetune(tmp_path, epochs=2)
    with pytest.raises(ValueError, match="train_batch_norm='backbone'"):
        finetune(tmp_path / "other", train_batch_norm="backbone")


def test_data_without_length_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="must have a length.*generator"):
        training.finetune_detection(
            build(), (x for x in ()), directory=tmp_path
        )
