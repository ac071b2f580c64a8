"""Tests for the argument `weights` of the builders."""

import dataclasses
import hashlib

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import weights as published
from keras_efficient.converters.pretrained import load_pretrained
from keras_efficient.weights import download
from keras_efficient.weights import manifest
from tests.converters import checkpoints
from tests.converters import keras_peers
from tests.converters import tiny
from tests.marks import on_one_backend

B0 = "EfficientNetB0"


@pytest.fixture(autouse=True)
def no_network(tmp_path, monkeypatch):
    """Serve files from a folder; no URL can be reached."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv(download.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv(download.MIRROR_VARIABLE, str(folder))
    offline = tuple(
        dataclasses.replace(
            entry,
            # Nothing listens on port 9.
            urls=(f"http://127.0.0.1:9/{entry.file_name}",),
        )
        for entry in manifest.entries()
    )
    monkeypatch.setattr(manifest, "entries", lambda: offline)
    return folder


@pytest.fixture
def publish(no_network, monkeypatch):
    """Write files to the mirror, with their hashes in the manifest."""

    def put(name, write):
        entries = list(manifest.entries())
        (index,) = (i for i, e in enumerate(entries) if e.name == name)
        file = no_network / entries[index].file_name
        write(file)
        digest = hashlib.md5(file.read_bytes()).hexdigest()
        entries[index] = dataclasses.replace(
            entries[index], hash={"md5": digest}
        )
        monkeypatch.setattr(manifest, "entries", lambda: tuple(entries))

    return put


def write_h5(weights):
    return lambda path: checkpoints.write_keras2_h5(
        path, weights, checkpoints.IMAGENET[1]
    )


def test_none_does_not_change_the_model():
    model = tiny.build()
    before = tiny.values(model)
    assert load_pretrained(model, B0, None) is None
    tiny.check_equal(tiny.values(model), before)


def test_imagenet(publish):
    weights = checkpoints.random_weights()
    publish("efficientnetb0.imagenet", write_h5(weights))
    tiny.check_equal(tiny.values(keras_efficient.EfficientNetB0()), weights)


@on_one_backend
@pytest.mark.parametrize("name", keras_peers.PEERS)
def test_imagenet_of_the_other_networks(publish, name):
    peer = keras_peers.random_peer(name)
    publish(
        f"{name.lower()}.imagenet",
        lambda path: keras_peers.write_h5(peer, path),
    )
    model = getattr(keras_efficient, name)(
        weights="imagenet", input_shape=(64, 96, 3), classes=7
    )
    keras_peers.check_same_weights(model, peer)


def test_imagenet_with_other_classes(publish, caplog):
    weights = tiny.random_weights(tiny.build())
    publish("efficientnetb0.imagenet", write_h5(weights))
    model = tiny.build(classes=7)
    load_pretrained(model, B0, "imagenet")
    assert "has 5 classes, the model 7" in caplog.text
    values = tiny.values(model)
    for name in set(weights) - {"predictions/kernel", "predictions/bias"}:
        np.testing.assert_array_equal(values[name], weights[name])


def test_smaller_file_is_loaded_without_a_classifier(publish):
    model = tiny.build(include_top=False)
    weights = tiny.random_weights(model)
    publish("efficientnetb0.imagenet.notop", write_h5(weights))
    load_pretrained(model, B0, "imagenet")
    tiny.check_equal(tiny.values(model), weights)


def test_the_next_file_of_a_set_is_tried(publish):
    """Google's archive is the last; its name implies the normalization."""
    pytest.importorskip("tensorflow")
    model = tiny.build()
    weights = tiny.random_weights(model)

    def write(path):
        prefix = path.parent / "model.ckpt"
        checkpoints.write_google_checkpoint(prefix, weights)
        checkpoints.pack_as_google(prefix, path)

    publish("efficientnetb0.advprop.google", write)
    report = load_pretrained(model, B0, "advprop")
    assert report.source == "tensorflow"
    tiny.check_equal(tiny.values(model), weights)
    layer = model.get_layer("preprocessing")
    for variable in (layer.mean, layer.std):
        values = keras.ops.convert_to_numpy(variable)
        np.testing.assert_array_equal(values, [0.5, 0.5, 0.5])


def test_a_path(tmp_path):
    weights = checkpoints.random_weights(classes=7)
    path = write_h5(weights)(tmp_path / "a.h5")
    model = keras_efficient.EfficientNetB0(classes=7, weights=path)
    tiny.check_equal(tiny.values(model), weights)
    load_pretrained(model, B0, str(path))


def test_folder_with_the_name_of_a_set_is_ignored(tmp_path, monkeypatch):
    (tmp_path / "imagenet").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="could not be downloaded"):
        load_pretrained(tiny.build(), B0, "imagenet")


def test_error_without_network_lists_all_files(tmp_path):
    with pytest.raises(OSError) as caught:
        load_pretrained(tiny.build(), B0, "imagenet")
    message = str(caught.value)
    for entry in published.find(B0, "imagenet"):
        assert f"- {entry.urls[0]}: " in message
    assert f"yourself to {tmp_path / 'cache' / 'efficientnetb0.h5'}" in message
    assert message.endswith(
        "For a model with random weights, pass `weights=None`."
    )


def test_files_of_tensorflow_are_skipped_without_tensorflow(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OSError, match="skipped, since reading it needs Tensor"):
        load_pretrained(tiny.build(), B0, "noisy-student")


def test_wrong_file_is_an_error(publish, no_network):
    publish("efficientnetb0.imagenet", lambda path: path.write_bytes(b"a"))
    (no_network / "efficientnetb0.h5").write_bytes(b"another")
    with pytest.raises(published.HashMismatchError):
        load_pretrained(tiny.build(), B0, "imagenet")


@pytest.mark.parametrize(
    "weights, message",
    [
        ("imagnet", "Did you mean 'imagenet'"),
        ("noisy_student", "Did you mean 'noisy-student'"),
        ("coco", r"one of \('imagenet',.*'advprop'\)\. Received: w.*'coco'"),
        ("nowhere/a.h5", "path of an existing checkpoint"),
        (3, "weights=3"),
        (True, "weights=True"),
    ],
)
def test_neither_a_set_nor_a_path(weights, message):
    with pytest.raises(ValueError, match=message):
        load_pretrained(tiny.build(), B0, weights)


def test_sets_are_those_of_the_variant():
    with pytest.raises(ValueError, match="EfficientNetB6 must be None"):
        load_pretrained(tiny.build(), "EfficientNetB6", "imagenet-randaugment")
