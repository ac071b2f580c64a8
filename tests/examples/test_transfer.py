"""The example that transfers to CIFAR-100."""

import re

import keras
import numpy as np
import pytest

import keras_efficient
from tests.examples.running import functions_of
from tests.examples.running import run

NUM_CLASSES = 7  # more than five, for top-5 accuracy


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small data set and a weights file."""
    folder = tmp_path_factory.mktemp("cifar")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (14, 32, 32, 3), "uint8")
    labels = np.arange(14) % NUM_CLASSES
    np.savez(
        folder / "set.npz",
        **{"x_train": images, "y_train": labels},
        **{"x_test": images[:7], "y_test": labels[:7]},
    )
    model = keras_efficient.EfficientNetB0(weights=None, classes=NUM_CLASSES)
    model.save_weights(folder / "b0.weights.h5")
    return folder


def settings(files, directory, *more):
    return (
        *("--data", files / "set.npz", "--weights", files / "b0.weights.h5"),
        *"--image-size 32 --batch-size 4 --steps 6".split(),
        *("--directory", directory, *more),
    )


@pytest.mark.slow
def test_cifar100_transfer(files, tmp_path):
    arguments = settings(files, tmp_path / "run")
    output = run("cifar100_transfer.py", *arguments)
    assert "14 images of (32, 32), 2 epochs" in output
    said = re.search(r"top-1 ([\d.]+)%, top-5 [\d.]+% of 7 images", output)
    # The saved model has the measured accuracy.
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    test = keras_efficient.data.load_classification(files / "set.npz", "test")
    _, top1, _ = model.evaluate(test.batches((32, 32), 4), verbose=0)
    assert float(said[1]) == pytest.approx(100 * top1, abs=0.06)


@pytest.mark.slow
def test_weights_without_the_last_layers(files, tmp_path):
    more = ("--features", "block2b")
    output = run(
        "cifar100_transfer.py", *settings(files, tmp_path / "run", *more)
    )
    assert "2 epochs" in output
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert model.get_layer("predictions").kernel.shape == (24, NUM_CLASSES)


def test_optimizer_is_that_of_kornblith():
    example = functions_of("cifar100_transfer.py")

    class Settings:
        learning_rate, weight_decay = 0.02, 1e-4

    model = keras_efficient.EfficientNetB0(weights=None, classes=NUM_CLASSES)
    example["compile_as_kornblith"](model, Settings, 7, 50)
    optimizer = model.optimizer
    assert optimizer.nesterov and optimizer.momentum == 0.9
    schedule = optimizer._learning_rate
    rates = [float(schedule(step)) for step in (0, 175, 350)]
    np.testing.assert_allclose(rates, [0.02, 0.01, 0.0], atol=1e-7)
    # max(0.9, 1 - 10 / steps_per_epoch)
    assert model.get_layer("stem_bn").momentum == pytest.approx(0.8 + 0.1)
    example["compile_as_kornblith"](model, Settings, 7, 500)
    assert model.get_layer("stem_bn").momentum == pytest.approx(0.9)
    other = keras_efficient.EfficientNetB0(weights=None, classes=NUM_CLASSES)
    example["compile_as_kornblith"](other, Settings, 7, 500)
    assert other.get_layer("stem_bn").momentum == pytest.approx(0.98)
