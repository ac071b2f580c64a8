"""Tests for weights of MobileNet and ResNet of `keras.applications`."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import applications
from keras_efficient import converters
from tests.converters.keras_peers import PEERS
from tests.converters.keras_peers import assert_same
from tests.converters.keras_peers import check_same_weights
from tests.converters.keras_peers import pixels
from tests.converters.keras_peers import random_peer
from tests.converters.keras_peers import write_h5
from tests.harness import to_numpy
from tests.marks import on_one_backend

# Names of the classifier in the published files.
OLD_NAMES = {"MobileNetV2": "Logits", "ResNet50": "probs"}


@on_one_backend
@pytest.mark.parametrize("name", PEERS)
def test_outputs_are_those_of_keras_applications(name, tmp_path):
    peer = random_peer(name)
    file = write_h5(peer, tmp_path / "weights.h5")
    model = getattr(keras_efficient, name)(
        input_shape=(64, 96, 3), classes=7, weights=file
    )
    assert_same(model, peer, PEERS[name][1], pixels(2, 64, 96, 3))


@on_one_backend
@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_own_training_of_an_efficientnet_of_keras_applications(
    ending, tmp_path
):
    """Its pixels are normalized otherwise than those of published weights."""
    peer = keras.applications.EfficientNetB0(
        weights=None, classes=3, input_shape=(64, 64, 3)
    )
    rng = np.random.default_rng(0)
    for variable in peer.weights:
        if variable.path.endswith("normalization/mean"):
            variable.assign([0.1, 0.2, 0.3])
        elif variable.path.endswith("normalization/variance"):
            variable.assign([0.5, 0.6, 0.7])
        elif len(variable.shape) > 1:
            axes = 2 if "dwconv" in variable.path else -1
            fan_in = np.prod(variable.shape[:axes])
            variable.assign(rng.normal(0, (3 / fan_in) ** 0.5, variable.shape))
    path = tmp_path / f"a{ending}"
    peer.save(path) if ending == ".keras" else peer.save_weights(path)
    # Loading lets Keras use the numbers of the normalization.
    peer.load_weights(path)
    model = applications.EfficientNetB0(
        weights=None, classes=3, input_shape=(64, 64, 3)
    )
    converters.load_checkpoint(model, path)
    images = pixels(2, 64, 64, 3)
    expected = peer.predict(images, verbose=0)
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(
        model.predict(images, verbose=0), expected, atol=1e-5
    )


@on_one_backend
@pytest.mark.parametrize("name", PEERS)
def test_outputs_without_preprocessing(name, tmp_path):
    peer = random_peer(name)
    model = getattr(keras_efficient, name)(
        input_shape=(64, 96, 3),
        classes=7,
        weights=write_h5(peer, tmp_path / "weights.h5"),
        include_preprocessing=False,
    )
    x = PEERS[name][1](pixels(2, 64, 96, 3))
    assert_same(model, peer, lambda x: x, x)


@on_one_backend
@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50"])
def test_sizes_that_are_odd_at_every_stage(name, tmp_path):
    peer = random_peer(name, input_shape=(63, 91, 3), classes=7)
    file = write_h5(peer, tmp_path / "weights.h5")
    model = getattr(keras_efficient, name)(
        input_shape=(63, 91, 3), classes=7, weights=file
    )
    assert_same(model, peer, PEERS[name][1], pixels(1, 63, 91, 3))


@on_one_backend
@pytest.mark.parametrize("name", PEERS)
def test_layers_and_their_order_are_those_of_keras_applications(name):
    peer = PEERS[name][0](weights=None)
    model = getattr(keras_efficient, name)()

    def shapes(network):
        return [
            (layer.name, [tuple(v.shape) for v in layer.weights])
            for layer in network.layers
            if layer.weights
            and layer.name not in ("preprocessing", "conv_preds", "predictions")
        ]

    assert shapes(model) == shapes(peer)
    assert model.count_params() - 6 == peer.count_params()


@on_one_backend
@pytest.mark.parametrize("name", PEERS)
def test_files_with_other_names_are_loaded_in_order(name, tmp_path):
    peer = random_peer(name)
    path = tmp_path / "weights.h5"
    model = getattr(keras_efficient, name)(
        input_shape=(64, 96, 3),
        classes=7,
        weights=write_h5(peer, path, rename="old_{}".format),
    )
    check_same_weights(model, peer)


@on_one_backend
@pytest.mark.parametrize("name", PEERS)
def test_features_take_files_with_a_classifier(name, tmp_path):
    peer = random_peer(name)
    file = write_h5(peer, tmp_path / "weights.h5")
    model = getattr(keras_efficient, name)(
        include_top=False, data_format="channels_first"
    )
    report = converters.load_checkpoint(model, file)
    classifier = "conv_preds" if name == "MobileNetV1" else "predictions"
    assert all(name.startswith(classifier) for name in report.ignored)
    assert len(report.ignored) == 2
    features = {
        "MobileNetV1": "conv_pw_13_relu",
        "MobileNetV2": "out_relu",
        "ResNet50": "conv5_block3_out",
    }[name]
    body = keras.Model(peer.input, peer.get_layer(features).output)
    x = pixels(1, 64, 96, 3)
    expected = to_numpy(body(PEERS[name][1](x.copy()), training=False))
    found = to_numpy(model(x.transpose(0, 3, 1, 2), training=False))
    found = found.transpose(0, 2, 3, 1)
    assert np.abs(found - expected).max() < 2e-5 * np.abs(expected).max()


@on_one_backend
def test_another_number_of_classes(tmp_path, caplog):
    peer = random_peer("MobileNetV1")
    file = write_h5(peer, tmp_path / "weights.h5")
    model = keras_efficient.MobileNetV1(
        input_shape=(32, 32, 3), classes=5, weights=file
    )
    assert "7 classes, the model 5" in caplog.text
    kernel = peer.get_layer("conv_pw_13").kernel
    np.testing.assert_array_equal(
        to_numpy(model.get_layer("conv_pw_13").kernel), to_numpy(kernel)
    )


@on_one_backend
def test_weights_of_another_network_are_refused(tmp_path):
    peer = random_peer("MobileNetV2")
    file = write_h5(peer, tmp_path / "weights.h5")
    model = keras_efficient.MobileNetV1(input_shape=(32, 32, 3))
    before = [to_numpy(variable) for variable in model.variables]
    with pytest.raises(ValueError, match="does not fit the model"):
        converters.load_checkpoint(model, file)
    with pytest.raises(ValueError, match="does not fit the model"):
        keras_efficient.MobileNetV2(width_coefficient=2.0, weights=file)
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, to_numpy(variable))


@on_one_backend
@pytest.mark.parametrize("name, old", OLD_NAMES.items())
def test_old_names_of_the_classifier(name, old, tmp_path):
    peer = random_peer(name)
    file = write_h5(
        peer,
        tmp_path / "weights.h5",
        rename=lambda layer: old if layer == "predictions" else layer,
    )
    model = getattr(keras_efficient, name)(
        input_shape=(32, 32, 3), classes=5, weights=file
    )
    assert model.output_shape == (None, 5)


@on_one_backend
def test_keras_files_of_this_package(tmp_path):
    trained = keras_efficient.ResNet50(
        input_shape=(32, 32, 3), classes=4, width_coefficient=0.25
    )
    trained.save_weights(tmp_path / "own.weights.h5")
    model = keras_efficient.ResNet50(
        input_shape=(32, 32, 3), classes=4, width_coefficient=0.25
    )
    converters.load_checkpoint(model, tmp_path / "own.weights.h5")
    x = pixels(1, 32, 32, 3)
    np.testing.assert_allclose(
        to_numpy(model(x)), to_numpy(trained(x)), atol=1e-6
    )
