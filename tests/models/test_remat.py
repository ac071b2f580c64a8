"""Tests for gradient checkpointing."""

import keras
import numpy as np
import pytest

from tests.harness import to_numpy
from tests.marks import slow_to_compile
from tests.models import builders
from tests.models import detectors


def trained(model, x, y, loss):
    """Return losses, weights and statistics after some steps."""
    keras.utils.set_random_seed(3)
    model.compile(keras.optimizers.SGD(0.01), **loss)
    losses = model.fit(
        x, y, batch_size=4, epochs=2, shuffle=False, verbose=0
    ).history["loss"]
    return losses, [
        to_numpy(v) for v in model.variables if v.dtype == "float32"
    ]


def expect_same(make, x, y, **loss):
    plain = make()
    remat = make().set_remat()
    for new, old in zip(remat.variables, plain.variables, strict=True):
        new.assign(to_numpy(old))  # includes seeds
    expected, values = trained(plain, x, y, loss)
    losses, weights = trained(remat, x, y, loss)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for ours, theirs in zip(weights, values, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)


@slow_to_compile
def test_classifier_trains_the_same():
    # With stochastic depth: both passes use the same random numbers.
    x, y = detectors.image(8, 40, 40, 3), np.eye(5)[np.arange(8) % 5]
    make = lambda: builders.tiny(drop_connect_rate=0.5, dropout_rate=0)
    expect_same(make, x, y, loss="categorical_crossentropy")


@slow_to_compile
def test_detector_trains_the_same():
    x = detectors.image(4, 64, 96, 3)
    boxes = np.tile([[[8.0, 8, 40, 50]]], (4, 1, 1))
    y = {"boxes": boxes, "labels": np.zeros((4, 1))}
    expect_same(detectors.tiny, x, y)


@slow_to_compile
def test_blocks_are_computed_twice(monkeypatch):
    model = builders.tiny()
    block = model.get_layer("block1a")
    calls = []
    run = type(block.project.conv).call

    def counted(self, inputs):
        calls.append(self is block.project.conv)
        return run(self, inputs)

    monkeypatch.setattr(type(block.project.conv), "call", counted)
    x, y = detectors.image(4, 40, 40, 3), np.eye(5)[:4]
    counts = []
    for remat in (False, True):
        model.set_remat(remat)
        model.compile("sgd", "categorical_crossentropy")
        calls.clear()
        model.train_on_batch(x, y)
        counts.append(sum(calls))
    if keras.backend.backend() == "jax":
        pytest.skip("JAX repeats the recorded operations, not the Python code")
    assert counts[1] > counts[0]
