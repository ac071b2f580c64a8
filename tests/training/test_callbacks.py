"""Tests for the callback `TerminateOnNaN`."""

import keras
import numpy as np
import pytest

from keras_efficient.training import TerminateOnNaN


class WithNaN(keras.utils.PyDataset):
    """Batches of which one contains NaN."""

    num_batches = 4

    def __len__(self):
        return self.num_batches

    def __getitem__(self, index):
        x = np.ones((2, 3), "float32")
        return x * (np.nan if index == 2 else 1), x[:, :1]

    def sources(self, index):
        return [f"image_{index}_{i}.jpg" for i in range(10)]


def fit(callback):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    saved = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: pytest.fail("invalid weights are kept")
    )
    model.fit(WithNaN(), verbose=0, callbacks=[callback, saved], shuffle=False)


def test_names_the_batch_and_its_images():
    with pytest.raises(FloatingPointError) as error:
        fit(TerminateOnNaN(WithNaN()))
    message = str(error.value)
    assert "became nan in epoch 1, batch 3" in message
    assert (
        "image_2_0.jpg, " in message and "image_2_7.jpg and 2 more" in message
    )
    assert "image_2_8.jpg" not in message


def test_without_names_of_images():
    with pytest.raises(FloatingPointError, match=r"batch 3\. Lower"):
        fit(TerminateOnNaN())
