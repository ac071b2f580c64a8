"""Compiled networks for inference."""

import keras
import numpy as np
import pytest

from keras_efficient import kernels
from keras_efficient.inference import Predictor
from keras_efficient.inference import predictor_of
from tests.harness import to_numpy
from tests.marks import slow_to_compile
from tests.models import builders
from tests.models import detectors
from tests.support.random_weights import randomize


def expect_equal(outputs, expected, share=1e-5):
    for ours, theirs in zip(
        keras.tree.flatten(outputs), keras.tree.flatten(expected), strict=True
    ):
        ours, theirs = to_numpy(ours), to_numpy(theirs)
        assert np.abs(ours - theirs).max() < share * np.abs(theirs).max()


@pytest.mark.parametrize("build", [builders.tiny, detectors.tiny])
def test_outputs_equal_those_of_the_model(build):
    model = randomize(build())
    predictor = Predictor(model)
    # The second call uses the function that the first call compiled.
    for seed in range(2):
        x = detectors.image(2, *model.input_shape[1:], seed=seed)
        expect_equal(predictor(x), model(x, training=False))


@slow_to_compile
def test_levels_of_odd_sizes():
    model = randomize(detectors.tiny(max_level=7))  # P6 of 1x2, P7 of 1x1
    x = detectors.image(1, *model.input_shape[1:])
    expect_equal(Predictor(model)(x), model(x, training=False))


@slow_to_compile
def test_odd_sizes():
    model = randomize(builders.tiny(input_shape=(None, None, 3)))
    predictor = Predictor(model)
    for size in ((41, 47), (40, 47), (64, 33)):
        x = detectors.image(1, *size, 3)
        expect_equal(predictor(x), model(x, training=False))


def test_current_weights_are_used():
    model = builders.tiny(classifier_activation=None)
    x = detectors.image(2, 40, 40, 3)
    predictor = predictor_of(model)
    before = to_numpy(predictor(x))
    assert not predictor.refresh()
    randomize(model)
    assert predictor_of(model) is predictor
    expect_equal(predictor(x), model(x, training=False))
    assert np.abs(to_numpy(predictor(x)) - before).max() > 1e-3


@slow_to_compile
def test_weights_are_updated_after_training():
    model = builders.tiny(classifier_activation="softmax")
    x, y = detectors.image(4, 40, 40, 3), np.eye(5)[[0, 1, 2, 3]]
    predictor_of(model)(x)
    model.compile(keras.optimizers.SGD(1.0), "categorical_crossentropy")
    model.fit(x, y, verbose=0)
    expect_equal(predictor_of(model)(x), model(x, training=False), 1e-4)


def test_fingerprint_changes_with_every_weight():
    variables = [
        keras.Variable(np.arange(6.0, dtype="float32").reshape(2, 3))
        for _ in range(2)
    ]
    before = kernels.fingerprint(variables)
    assert kernels.fingerprint(variables) == before
    # A permutation, which keeps the sum.
    variables[1].assign(np.array([[1, 0, 2], [3, 4, 5]], "float32"))
    assert kernels.fingerprint(variables) != before


def test_bfloat16():
    model = randomize(builders.tiny(classifier_activation=None))
    x = detectors.image(2, 40, 40, 3)
    half = predictor_of(model, "bfloat16")
    assert half is not predictor_of(model)
    expect_equal(half(x), model(x, training=False), 0.1)


def test_the_model_is_not_changed(tmp_path):
    model = builders.tiny()
    variables = len(model.variables)
    predictor_of(model)(detectors.image(2, 40, 40, 3))
    assert len(model.variables) == variables and model.trainable_variables
    model.save(tmp_path / "model.keras")
    keras.models.load_model(tmp_path / "model.keras")
