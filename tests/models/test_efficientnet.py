"""Tests for EfficientNet, compared with the original implementation."""

import json

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import counting
from keras_efficient.variants import EFFICIENTNET_VARIANTS
from tests import golden_fill
from tests.marks import BACKEND
from tests.marks import on_one_backend
from tests.models.builders import build
from tests.models.builders import tiny
from tests.shared import SHARED
from tests.shared import needs_shared

# Spec section 8: trainable parameters, with and without the classifier, and
# multiply-adds at native resolution.
COUNTS = {
    "B0": (5_288_548, 4_007_548, 385_814_752),
    "B1": (7_794_184, 6_513_184, 686_802_832),
    "B2": (9_109_994, 7_700_994, 993_561_872),
    "B3": (12_233_232, 10_696_232, 1_827_141_392),
    "B4": (19_341_616, 17_548_616, 4_393_771_024),
    "B5": (30_389_784, 28_340_784, 10_266_384_752),
    "B6": (43_040_704, 40_735_704, 19_067_593_536),
    "B7": (66_347_960, 63_786_960, 37_745_884_192),
}
# Spec section 1.7: filters of P1 to P5.
PYRAMIDS = {
    "B0": (16, 24, 40, 112, 320),
    "B3": (24, 32, 48, 136, 384),
    "B7": (32, 48, 80, 224, 640),
}
FORMATS = ("channels_last", "channels_first")
LARGE = ("B4", "B5", "B6", "B7")


def is_slow_golden(name, data_format):
    """Return whether a network takes long; some backends compile it."""
    is_first = data_format == "channels_first"
    if BACKEND == "torch":
        return name in LARGE
    return name not in ("B0", "B3") or (is_first and name != "B0")


def variants(names):
    """Return the names of variants, large ones marked as slow."""
    return [
        pytest.param(name, marks=pytest.mark.slow if name in LARGE else ())
        for name in names
    ]


def golden():
    path = SHARED / "specs" / "efficientnet_golden.json"
    return json.loads(path.read_text())


@on_one_backend
@pytest.mark.parametrize("name", COUNTS)
def test_counts_of_parameters_and_multiply_adds(name):
    model = build(name)
    parameters, without_top, expected_multiply_adds = COUNTS[name]
    row = EFFICIENTNET_VARIANTS[f"EfficientNet{name}"]
    assert (row.parameters, row.multiply_adds) == (
        parameters,
        expected_multiply_adds,
    )

    assert counting.count_parameters(model) == parameters
    assert counting.count_multiply_adds(model) == expected_multiply_adds
    top = counting.count_parameters(model.get_layer("predictions"))
    assert parameters - top == without_top


@needs_shared
@pytest.mark.parametrize(
    "name, data_format",
    [
        pytest.param(
            name,
            data_format,
            marks=pytest.mark.slow if is_slow_golden(name, data_format) else (),
        )
        for name in COUNTS
        for data_format in FORMATS
    ],
)
def test_golden_logits_and_features(name, data_format):
    model = build(name, classifier_activation=None, data_format=data_format)
    golden_fill.fill(model)
    expected = golden()[name]
    taps = {
        "stem_activation": model.get_layer("stem_activation").output,
        "top_activation": model.get_layer("top_activation").output,
    }
    for tap in set(expected["taps"]) - set(taps):
        taps[tap] = model.get_layer(tap.split("_")[0]).output
    image = golden_fill.golden_image(expected["res"], expected["res"])
    if data_format == "channels_first":
        image = np.moveaxis(image, -1, 1)
    outputs = keras.Model(model.input, {**taps, "logits": model.output})
    outputs = outputs.predict(image, verbose=0)
    logits = outputs.pop("logits")[0]
    np.testing.assert_allclose(logits[:8], expected["logits8"], atol=2e-5)
    assert logits.argmax() == expected["argmax"]
    assert logits.std() == pytest.approx(expected["logits"]["std"], abs=2e-5)
    for tap, values in outputs.items():
        wanted = expected["taps"][tap]
        if data_format == "channels_first":
            values = np.moveaxis(values, 1, -1)
        assert list(values.shape[1:]) == wanted["shape"]
        assert values.mean() == pytest.approx(wanted["mean"], abs=2e-5), tap
        assert values.std() == pytest.approx(wanted["std"], abs=2e-5), tap


@needs_shared
@pytest.mark.parametrize("shape", [(225, 231, 3), (None, None, 3)])
def test_golden_features_of_an_odd_size(shape):
    # The padding of keras.applications is wrong for unknown sizes.
    model = build("B0", include_top=False, input_shape=shape)
    golden_fill.fill(model)
    expected = golden()["B0_odd_225x231_notop"]
    image = golden_fill.golden_image(225, 231)
    features = model.predict(image, verbose=0)
    assert list(features.shape) == expected["shape"]
    np.testing.assert_allclose(
        features.ravel()[:8], expected["first8"], atol=2e-5
    )
    assert features.std() == pytest.approx(expected["std"], abs=2e-5)


@pytest.mark.parametrize("name", PYRAMIDS)
def test_pyramid_outputs(name):
    model = build(name, include_top=False, input_shape=(96, 128, 3))
    pyramid = model.pyramid_outputs
    expected = {
        f"P{i}": (None, 96 // 2**i, 128 // 2**i, filters)
        for i, filters in enumerate(PYRAMIDS[name], start=1)
    }
    assert {level: x.shape for level, x in pyramid.items()} == expected


def test_pyramid_outputs_form_a_model_that_can_be_saved(tmp_path):
    model = tiny(include_top=False)
    image = np.random.default_rng(0).uniform(0, 255, (2, 45, 70, 3))
    features = keras.Model(model.input, model.pyramid_outputs)
    expected = features.predict(image, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert type(restored) is keras_efficient.EfficientNet
    features = keras.Model(restored.input, restored.pyramid_outputs)
    for level, values in features.predict(image, verbose=0).items():
        np.testing.assert_allclose(values, expected[level], rtol=1e-5)


def test_saving_keeps_what_was_frozen(tmp_path):
    model = tiny()
    model.get_layer("block2a").trainable = False
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert len(restored.trainable_weights) == len(model.trainable_weights)


def test_weights_file_round_trip(tmp_path):
    first, second = tiny(), tiny()
    image = np.random.default_rng(0).uniform(0, 255, (2, 40, 40, 3))
    first.save_weights(tmp_path / "model.weights.h5")
    assert not np.allclose(
        first.predict(image, verbose=0), second.predict(image, verbose=0)
    )
    second.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(
        first.predict(image, verbose=0), second.predict(image, verbose=0)
    )
