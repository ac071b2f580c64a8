"""Softmax in NumPy."""

import keras
import numpy as np

from keras_efficient.inference.logits import softmax
from tests.marks import on_one_backend


@on_one_backend
def test_softmax_equals_keras():
    logits = np.random.default_rng(0).normal(0, 5, (3, 7)).astype("float32")
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    found = softmax(logits)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.dtype == np.float32


@on_one_backend
def test_softmax_does_not_overflow():
    assert softmax(np.array([[1e4, 0.0]])).tolist() == [[1.0, 0.0]]
