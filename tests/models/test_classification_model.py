"""Tests for what all classification networks have in common."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.models import ClassificationModel
from keras_efficient.variants import EfficientNetVariant
from tests.harness import to_numpy
from tests.models.builders import tiny
from tests.models.detectors import image

NAMES = ("aster", "daisy", "iris", "rose", "tulip")
NETWORKS = ("MobileNetV1", "MobileNetV2", "ResNet50")


def narrow(name, **arguments):
    return getattr(keras_efficient, name)(
        width_coefficient=0.125,
        depth_coefficient=0.3,
        input_shape=(40, 40, 3),
        classes=5,
        **arguments,
    )


@pytest.fixture(scope="module")
def model():
    model = tiny()
    model.class_names = NAMES
    return model


def test_class_names_are_saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, keras_efficient.EfficientNet)
    assert loaded.class_names == NAMES
    assert loaded.fused().class_names == NAMES


@pytest.mark.parametrize("name", NETWORKS)
def test_other_networks_have_class_names(name):
    model = narrow(name)
    assert isinstance(model, ClassificationModel)
    assert model.class_names is None
    model.class_names = list(NAMES)
    copy = type(model).from_config(model.get_config())
    assert copy.class_names == NAMES


def test_files_without_class_names_load(model):
    config = model.get_config()
    del config["class_names"]
    assert type(model).from_config(config).class_names is None


def test_classify(model):
    pixels = image(3, 50, 60, 3).astype("uint8")
    found = model.classify(list(pixels), top=2, batch_size=2)
    assert [len(x) for x in found] == [2, 2, 2]
    assert set(found[0].names) <= set(NAMES)
    twin = keras_efficient.inference.classify(
        model, list(pixels), top=2, batch_size=2, class_names=NAMES
    )
    for ours, theirs in zip(found, twin, strict=True):
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        assert ours.names == theirs.names
    (other,) = model.classify(pixels[0], top=1, class_names="abcde")
    assert other.names[0] in "abcde"


@pytest.mark.parametrize(
    "names, message",
    [
        (("cat", "dog"), "sequence of 5 names.*2 names"),
        ("abcde", "the string 'abcde'"),
    ],
)
def test_wrong_class_names_are_refused(model, names, message):
    with pytest.raises(ValueError, match=message):
        model.class_names = names
    assert model.class_names == NAMES


def test_features_have_no_class_names():
    model = tiny(include_top=False)
    assert model.num_classes is None
    model.class_names = None
    with pytest.raises(ValueError, match="include_top=True"):
        model.class_names = NAMES


def test_weights_from_a_path(model, tmp_path):
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    loaded = tiny(weights=path)
    x = image(2, 40, 40, 3)
    np.testing.assert_allclose(
        to_numpy(loaded(x)), to_numpy(model(x)), atol=1e-6
    )


def test_published_weights_of_a_network_with_their_numbers(monkeypatch):
    from keras_efficient.models import classification_model

    loaded = []
    monkeypatch.setattr(
        classification_model,
        "load_pretrained",
        lambda model, name, weights: loaded.append((name, weights)),
    )
    keras_efficient.EfficientNet(
        weights="noisy-student",
        include_top=False,
        width_coefficient=1.0,
        depth_coefficient=1.1,
    )
    keras_efficient.MobileNetV1(weights="imagenet", include_top=False)
    assert loaded == [
        ("EfficientNetB1", "noisy-student"),
        ("MobileNetV1", "imagenet"),
    ]


@pytest.mark.parametrize(
    "build, message",
    [
        (tiny, r"EfficientNetB0 \(width_coefficient=1.0, depth"),
        (lambda **kw: narrow("MobileNetV2", **kw), r"MobileNetV2 \(width"),
        (lambda **kw: narrow("ResNet50", **kw), r"ResNet50 \(width"),
    ],
    ids=["EfficientNet", "MobileNetV2", "ResNet50"],
)
def test_published_weights_of_other_numbers_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build(weights="imagenet")


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match="weights='imagnet'"):
        tiny(weights="imagnet")


def test_from_variant_takes_every_number_of_the_row():
    row = EfficientNetVariant(
        "Own", 0.3, 0.2, 40, dropout_rate=0.35, drop_connect_rate=0.1
    )
    model = keras_efficient.EfficientNet.from_variant(row, classes=5)
    assert model.name == "own"
    assert model.input_shape == (None, 40, 40, 3)
    assert model.get_layer("top_dropout").rate == 0.35
    rates = [
        layer.drop_connect_rate
        for layer in model.layers
        if layer.name.startswith("block")
    ]
    # Seven blocks: the last one has index 6.
    assert rates[-1] == pytest.approx(0.1 * 6 / 7)
