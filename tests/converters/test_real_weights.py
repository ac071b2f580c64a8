"""Tests with a part of Google's trained weights of B0."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.converters import load_checkpoint
from tests.shared import SHARED
from tests.shared import needs_shared

FOLDER = SHARED / "data" / "efficientnet_b0_imagenet"


@pytest.fixture(scope="module")
def model():
    # The inputs of these activations were not normalized, in [0, 1].
    return keras_efficient.EfficientNetB0(
        weights=None, include_preprocessing=False, input_shape=(224, 224, 3)
    )


@needs_shared
def test_partial_weights(model):
    path = FOLDER / "state_dict_partial.npz"
    missing = (
        "block7a_project_conv/kernel",
        "top_conv/kernel",
        "predictions/kernel",
    )
    with pytest.raises(ValueError, match="3 missing: " + "; ".join(missing)):
        load_checkpoint(model, path)
    report = load_checkpoint(model, path, strict=False)
    assert report.source == "lukemelas"
    assert report.missing == missing
    assert report.unexpected == report.mismatched == ()
    assert len(report.loaded) == 311 - 3


@needs_shared
def test_activations_of_the_first_blocks(model):
    load_checkpoint(model, FOLDER / "state_dict_partial.npz", strict=False)
    with np.load(FOLDER / "activations.npz") as file:
        expected = {name: file[name] for name in file.files}
    blocks = [model.get_layer(name).output for name in ("block1a", "block2a")]
    outputs = keras.Model(model.input, blocks).predict(
        expected["inputs"].transpose(0, 2, 3, 1), verbose=0
    )
    for name, received in zip(("input", "output"), outputs, strict=True):
        wanted = expected[f"block1_{name}"].transpose(0, 2, 3, 1)
        difference = np.abs(received - wanted).max()
        print(f"block1_{name}, {keras.backend.backend()}: {difference:.1e}")
        assert received.shape == wanted.shape
        assert difference < 1e-4
