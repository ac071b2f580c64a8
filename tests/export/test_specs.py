"""Descriptions of models for their export."""

import json
import pickle

import keras
import numpy as np
import pytest

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data import DetectionPreprocessing
from keras_efficient.export.specs import describe
from tests.models.detectors import tiny
from tests.support.export import confident_detector

layers = keras.layers


def classifier(*last_layers, shape=(10, 6, 3), data_format=None):
    images = keras.Input(shape, name="images")
    x = layers.GlobalAveragePooling2D(data_format=data_format)(images)
    for layer in last_layers or [layers.Dense(4)]:
        x = layer(x)
    return keras.Model(images, x, name="small")


def head(activation):
    return keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, activation=activation)]
    )


@pytest.mark.parametrize(
    "last_layers, from_logits",
    [
        ([layers.Dense(4)], True),
        ([layers.Dense(4, activation="softmax")], False),
        ([layers.Dense(4, activation="sigmoid")], False),
        ([layers.Dense(4), layers.Softmax()], False),
        ([layers.Dense(4), layers.Activation("softmax")], False),
        ([layers.Dense(4), layers.Activation("linear", dtype="float32")], True),
        ([layers.Dense(4), keras.ops.softmax], False),
        ([head("softmax")], False),
        ([head(None)], True),
    ],
)
def test_logits_are_recognized_by_the_last_activation(last_layers, from_logits):
    assert describe(classifier(*last_layers)).from_logits is (from_logits)


@pytest.mark.parametrize(
    "last_layers",
    [[layers.Dense(4, activation="relu")], [layers.Dense(4), layers.ReLU()]],
)
def test_unknown_activations_need_from_logits(last_layers):
    model = classifier(*last_layers)
    with pytest.raises(ValueError, match="Pass `from_logits=True`"):
        describe(model)
    assert describe(model, from_logits=False).from_logits is False


def test_reads_size_and_data_format():
    spec = describe(classifier())
    assert spec.image_size == (10, 6) and not spec.is_channels_first
    assert spec.preprocessing == ClassificationPreprocessing((10, 6))
    assert spec.class_names == ("0", "1", "2", "3")
    model = classifier(shape=(3, 10, 6), data_format="channels_first")
    spec = describe(model)
    assert spec.image_size == (10, 6) and spec.is_channels_first


def test_sequential_models():
    model = keras.Sequential(
        [
            keras.Input((10, 6, 3)),
            layers.GlobalMaxPooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    assert describe(model).image_size == (10, 6)


def test_metadata_can_be_written_as_json():
    spec = describe(
        classifier(shape=(None, 6, 3)),
        class_names=["rose", "tulip", "rose", "Gänseblümchen"],
        preprocessing=ClassificationPreprocessing((12, 6), None, "bilinear"),
        from_logits=False,
    )
    metadata = json.loads(json.dumps(spec.metadata()))
    assert metadata["task"] == "classification"
    assert metadata["image_size"] == [None, 6]
    assert metadata["class_names"] == list(spec.class_names)
    assert metadata["from_logits"] is False
    preprocessing = metadata["preprocessing"]
    assert ClassificationPreprocessing.from_config(preprocessing) == (
        spec.preprocessing
    )


def test_detectors_are_described():
    model = tiny()
    spec = describe(model, options={"nms": "hard"})
    assert spec.image_size == (64, 96) and not spec.is_channels_first
    assert spec.class_names == ("0", "1", "2")
    np.testing.assert_array_equal(
        spec.anchors, model.generate_anchors((64, 96))
    )
    metadata = json.loads(json.dumps(spec.metadata()))
    assert metadata["task"] == "detection"
    assert metadata["options"]["nms"] == "hard"
    assert metadata["options"]["score_threshold"] == 0.3
    preprocessing = metadata["preprocessing"]
    assert DetectionPreprocessing.from_config(preprocessing) == (
        spec.preprocessing
    )


def test_specs_can_be_sent_to_another_process():
    for model in (classifier(), tiny()):
        spec = describe(model)
        again = pickle.loads(pickle.dumps(spec))
        assert again.metadata() == spec.metadata()
        assert again.preprocessing == spec.preprocessing


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"class_names": "abc"}, ValueError, "4 names.*Received: 1 names"),
        ({"class_names": list("abcde")}, ValueError, "4 names.*5 names"),
        ({"class_names": [1, 2, 3, 4]}, ValueError, "strings. Received: 1"),
        (
            {"preprocessing": ClassificationPreprocessing((6, 10))},
            ValueError,
            r"\(10, 6\), but `preprocessing` returns \(6, 10\)",
        ),
        (
            {"preprocessing": (10, 6)},
            TypeError,
            "ClassificationPreprocessing`. Rec",
        ),
    ],
)
def test_arguments_that_do_not_match_the_model(options, error, message):
    with pytest.raises(error, match=message):
        describe(classifier(), **options)


def test_models_of_any_size_need_preprocessing():
    model = classifier(shape=(None, None, 3))
    with pytest.raises(ValueError, match="Pass the size"):
        describe(model)
    spec = describe(model, None, ClassificationPreprocessing((9, 7)))
    assert spec.image_size == (None, None)


def gray():
    return classifier(shape=(10, 6, 1))


def one_output():
    return classifier(layers.Dense(1, activation="sigmoid"))


def feature_map():
    images = keras.Input((10, 6, 3))
    return keras.Model(images, layers.Conv2D(4, 3)(images))


def two_inputs():
    inputs = [keras.Input((10, 6, 3)), keras.Input((10, 6, 3))]
    x = layers.GlobalAveragePooling2D()(layers.Add()(inputs))
    return keras.Model(inputs, layers.Dense(4)(x))


def two_outputs():
    model = classifier()
    return keras.Model(model.input, [model.output, model.output])


@pytest.mark.parametrize("make", [feature_map, two_inputs, two_outputs])
def test_other_models_are_rejected(make):
    with pytest.raises(ValueError, match="must map images.*Received"):
        describe(make())


def test_models_without_a_graph_are_rejected():
    with pytest.raises(ValueError, match="functional or a Sequential model"):
        describe(keras.Sequential([layers.Dense(4)]))
    with pytest.raises(TypeError, match="`keras.Model`. Received.*Dense"):
        describe(layers.Dense(4))


def test_specs_of_loaded_models_are_passed_to_other_processes(tmp_path):
    model = confident_detector()
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras", compile=False)
    spec = describe(loaded)
    again = pickle.loads(pickle.dumps(spec))
    expected = describe(model).anchor_arguments
    assert json.dumps(again.anchor_arguments) == json.dumps(expected)
