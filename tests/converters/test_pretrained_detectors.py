"""Tests for `weights="coco"`, with files from a local server."""

import dataclasses
import hashlib

import numpy as np
import pytest

import keras_efficient
from keras_efficient import weights as published
from keras_efficient.weights import download
from keras_efficient.weights import manifest
from tests.converters import detector_files
from tests.marks import on_one_backend
from tests.weights import file_server

pytestmark = on_one_backend

ARGUMENTS = {"input_shape": (64, 96, 3), "backbone_weights": None}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A local server whose URLs replace those of the manifest."""
    monkeypatch.setenv(download.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv(download.MIRROR_VARIABLE, raising=False)
    with file_server.serving() as server:
        entries = tuple(
            dataclasses.replace(
                entry, urls=(f"{server.url}/{entry.file_name}",)
            )
            for entry in manifest.entries()
        )
        monkeypatch.setattr(manifest, "entries", lambda: entries)
        yield server


@pytest.fixture(scope="module")
def arrays():
    model = keras_efficient.EfficientDetD0(weights=None, **ARGUMENTS)
    return detector_files.random_arrays(model)


def stem_of(model):
    return model.backbone.get_layer("stem_conv").get_weights()[0]


def test_coco_weights_of_google_are_tried_first(
    server, arrays, tmp_path, caplog
):
    path = detector_files.write_automl_h5(tmp_path / "d0.h5", arrays)
    server.files["/efficientdet-d0.h5"] = path.read_bytes()
    model = keras_efficient.EfficientDetD0(**ARGUMENTS)
    stem = arrays["efficientnet-b0/stem/conv2d/kernel"]
    np.testing.assert_array_equal(stem_of(model), stem)
    assert [request[0] for request in server.requests] == [
        "/efficientdet-d0.h5"
    ]
    # Another model loads the file from the cache.
    caplog.clear()
    other = keras_efficient.EfficientDetD0(num_classes=3, **ARGUMENTS)
    assert len(server.requests) == 1
    assert "has 90 classes, the model 3" in caplog.text
    np.testing.assert_array_equal(stem_of(other), stem)


def serve_effdet(server, arrays, tmp_path, monkeypatch):
    """Serve the same weights by the names of effdet."""
    torch = pytest.importorskip("torch")
    tensors = {
        key: torch.from_numpy(value)
        for key, value in detector_files.effdet_arrays(arrays).items()
    }
    torch.save(tensors, tmp_path / "d0.pth")
    content = (tmp_path / "d0.pth").read_bytes()
    (entry,) = (
        e for e in manifest.entries() if e.name == "efficientdetd0.coco.effdet"
    )
    server.files[f"/{entry.file_name}"] = content
    return entry, hashlib.sha256(content).hexdigest()


def test_file_of_the_mirror_is_checked_by_its_hash(
    server, arrays, tmp_path, monkeypatch
):
    entry, digest = serve_effdet(server, arrays, tmp_path, monkeypatch)
    with pytest.raises(published.HashMismatchError, match="f153e0cf"):
        keras_efficient.EfficientDetD0(**ARGUMENTS)
    right = dataclasses.replace(entry, hash={"sha256_prefix": digest[:8]})
    entries = tuple(
        right if e.name == entry.name else e for e in manifest.entries()
    )
    monkeypatch.setattr(manifest, "entries", lambda: entries)
    model = keras_efficient.EfficientDetD0(**ARGUMENTS)
    stem = arrays["efficientnet-b0/stem/conv2d/kernel"]
    np.testing.assert_array_equal(stem_of(model), stem)


def test_error_without_network_names_file_and_folder(server):
    with pytest.raises(
        published.DownloadError, match=r"efficientdet-d0\.h5"
    ) as caught:
        keras_efficient.EfficientDetD0(**ARGUMENTS)
    assert "`weights=None` and `backbone_weights=None`" in str(caught.value)


def test_the_backbone_has_weights_of_its_own(server):
    """They are loaded only if the detector has none."""
    with pytest.raises(
        published.DownloadError, match="efficientnetb0"
    ) as caught:
        keras_efficient.EfficientDetD0(weights=None, input_shape=(64, 96, 3))
    assert str(caught.value).endswith(
        "random weights, pass `backbone_weights=None`."
    )
    assert all("efficientnet" in path for path, _ in server.requests)
