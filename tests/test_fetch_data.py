"""The script that fetches the data of docs/results.md, from localhost."""

import hashlib
import io
import tarfile
import zipfile

import keras
import numpy as np
import pytest
from PIL import Image

from benchmarks import fetch_data
from tests.marks import on_one_backend
from tests.weights.file_server import serving

pytestmark = on_one_backend


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_EFFICIENT_CACHE", str(tmp_path / "cache"))
    with serving() as server:
        yield server


def jpeg(width, height):
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 90, 40)).save(file, "JPEG")
    return file.getvalue()


def test_flowers(server, tmp_path, monkeypatch):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name in ("roses/1.jpg", "roses/2.jpg", "tulips/3.jpg"):
            content = jpeg(500, 400)
            entry = tarfile.TarInfo(f"flower_photos/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    server.files["/flowers.tgz"] = archive.getvalue()
    subset = {"train": {"roses": ["2"], "tulips": ["3"]}, "val": {}}
    monkeypatch.setitem(fetch_data.SUBSETS, "flowers", subset)
    fetch_data.fetch_flowers(
        tmp_path, f"{server.url}/flowers.tgz", tmp_path / "cache"
    )
    found = sorted(
        str(path.relative_to(tmp_path / "flowers"))
        for path in (tmp_path / "flowers").rglob("*.jpg")
    )
    assert found == ["train/roses/2.jpg", "train/tulips/3.jpg"]
    with Image.open(tmp_path / "flowers" / found[0]) as photo:
        assert photo.size == (240, 192)


def test_bccd(server, tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name in (
            "Annotations/1.xml",
            "ImageSets/Main/train.txt",
            "JPEGImages/1.jpg",
        ):
            file.writestr(f"BCCD_Dataset-master/BCCD/{name}", name)
    server.files["/bccd.zip"] = archive.getvalue()
    fetch_data.fetch_bccd(
        tmp_path, f"{server.url}/bccd.zip", tmp_path / "cache"
    )
    path = tmp_path / "bccd" / "ImageSets" / "Main" / "train.txt"
    assert path.read_text() == "ImageSets/Main/train.txt"


def test_cifar100(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 32, 32, 3), np.uint8)
    labels = np.arange(6).reshape(-1, 1)
    monkeypatch.setattr(
        keras.datasets.cifar100,
        "load_data",
        lambda: ((images, labels), (images, labels)),
    )
    hashes = [
        hashlib.sha256(image.tobytes()).hexdigest()[: fetch_data.HASH_DIGITS]
        for image in images
    ]
    subset = {"train": [hashes[4] + hashes[1]], "test": [hashes[2]]}
    monkeypatch.setitem(fetch_data.SUBSETS, "cifar100", subset)
    fetch_data.fetch_cifar100(tmp_path)
    with np.load(tmp_path / "cifar100_subset.npz") as arrays:
        assert arrays["y_train"].tolist() == [4, 1]
        np.testing.assert_array_equal(arrays["x_train"], images[[4, 1]])
        assert arrays["y_test"].tolist() == [2]


def test_photos(server, tmp_path, monkeypatch):
    monkeypatch.setitem(fetch_data.SUBSETS, "coco_val_mini", ["0001"])
    server.files["/0001.jpg"] = jpeg(8, 6)
    fetch_data.fetch_photos(tmp_path, server.url + "/{}.jpg")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == [
        "0001.jpg"
    ]


def test_backbone(server, tmp_path):
    file = io.BytesIO()
    names = (*fetch_data.MISSING_TENSORS, "_conv_stem.weight")
    np.savez(file, **{name: np.ones(2, "float32") for name in names})
    server.files["/b0.npz"] = file.getvalue()
    fetch_data.fetch_backbone(tmp_path, f"{server.url}/b0.npz")
    with np.load(tmp_path / "efficientnet_b0_partial.npz") as arrays:
        assert arrays.files == ["_conv_stem.weight"]


def test_subsets_are_complete():
    flowers = fetch_data.SUBSETS["flowers"]
    assert [len(x) for x in flowers["train"].values()] == [80] * 5
    assert [len(x) for x in flowers["val"].values()] == [30] * 5
    digits = fetch_data.HASH_DIGITS
    cifar = fetch_data.SUBSETS["cifar100"]
    assert len("".join(cifar["train"])) == 3000 * digits
    assert len("".join(cifar["test"])) == 1000 * digits
