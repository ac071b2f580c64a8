"""Tests for recognizing and reading the formats of checkpoints."""

import pathlib
import shutil
import sys
import tarfile

import h5py
import keras
import numpy as np
import pytest

from keras_efficient.converters import read_checkpoint
from keras_efficient.converters.file_formats import is_checkpoint
from tests.converters import checkpoints
from tests.marks import on_one_backend

pytestmark = on_one_backend


def arrays():
    rng = np.random.default_rng(5)
    return {
        "stem_conv/kernel": rng.normal(size=(3, 3, 3, 8)).astype("float32"),
        "block1a_dwconv/kernel": rng.normal(size=(3, 3, 8, 1)),
        "steps": np.array(3),
    }


def check_equal(received, expected):
    assert set(received) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(received[name], value, name)


@pytest.mark.parametrize("name", ["a.npz", "a.pth", "without_ending"])
def test_npz_by_content(tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        np.savez(file, **arrays())
    check_equal(read_checkpoint(str(tmp_path / name)), arrays())


def test_pickles_in_npz_are_not_executed(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{}, None], dtype=object))
    with pytest.raises(ValueError, match="npz.*allow_pickle"):
        read_checkpoint(tmp_path / "a.npz")


def test_safetensors_by_content(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    safetensors.save_file(arrays(), tmp_path / "a.bin")
    check_equal(read_checkpoint(tmp_path / "a.bin"), arrays())


def test_safetensors_of_bfloat16(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    ml_dtypes = pytest.importorskip("ml_dtypes")
    halves = {"a": np.array([1.5, -0.25, 3]).astype(ml_dtypes.bfloat16)}
    safetensors.save_file(halves, tmp_path / "a.safetensors")
    array = read_checkpoint(tmp_path / "a.safetensors")["a"]
    assert array.dtype == "float32"
    assert array.tolist() == [1.5, -0.25, 3]


def test_h5_of_keras_2(tmp_path):
    weights = {"stem_conv/kernel": np.ones((3, 3, 3, 8), "float32")}
    for nested in (False, True):
        path = checkpoints.write_keras2_h5(
            tmp_path / "a.h5", weights, checkpoints.IMAGENET[1], nested
        )
        read = read_checkpoint(path)
        assert set(read) == {
            "stem_conv/kernel",
            "normalization/mean",
            "normalization/variance",
            "normalization/count",
        }


def test_h5_of_a_model_within_a_model(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["layer_names"] = [b"efficientnetb0", b"head"]
        group = file.create_group("efficientnetb0")
        group.attrs["weight_names"] = [b"net/stem_conv/kernel:0"]
        group["net/stem_conv/kernel:0"] = np.ones(3)
        group = file.create_group("head")
        group.attrs["weight_names"] = [b"kernel:0"]
        group["kernel:0"] = np.ones(2)
    assert set(read_checkpoint(tmp_path / "a.h5")) == {
        "stem_conv/kernel",
        "head/kernel",
    }


@pytest.mark.parametrize("name", ["a.keras", "a.weights.h5"])
def test_files_of_keras_3_number_their_layers(tmp_path, name):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.compile("adam", "mse")
    model.fit(np.ones((1, 4)), np.ones((1, 2)), verbose=0)
    save = model.save if name == "a.keras" else model.save_weights
    save(tmp_path / name)
    kernel, bias = model.get_weights()
    check_equal(
        read_checkpoint(tmp_path / name),
        {"layers/dense/vars/0": kernel, "layers/dense/vars/1": bias},
    )


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint at .*none.h5"):
        read_checkpoint(tmp_path / "none.h5")
    assert not is_checkpoint(tmp_path / "none.h5")


def test_folders_without_a_checkpoint(tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(ValueError, match=r"no TensorFlow.*\['photo.jpg'\]"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (
            b"<html>404</html>" * 9,
            "format of .* unknown.*<html>.*Accepted are .h5",
        ),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "damaged HDF5"),
        (b"PK\x03\x04" + bytes(99), "damaged zip archive"),
        (b"\x1f\x8b" + bytes(99), "archive of a TensorFlow checkpoint"),
        (b"\x80\x02" + bytes(99), "PyTorch before 1.6"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_checkpoint(path)


def test_truncated_files(tmp_path):
    np.savez(tmp_path / "a.npz", **arrays())
    paths = [
        tmp_path / "a.npz",
        checkpoints.write_keras2_h5(
            tmp_path / "a.h5", {"a/kernel": np.ones(9999)}, (1, 1, 1)
        ),
    ]
    if "safetensors" in sys.modules:
        import safetensors.numpy

        safetensors.numpy.save_file(arrays(), tmp_path / "a.safetensors")
        paths.append(tmp_path / "a.safetensors")
    for path in paths:
        data = path.read_bytes()
        path.write_bytes(data[: 2 * len(data) // 3])
        with pytest.raises(ValueError, match=path.name):
            read_checkpoint(path)


def test_other_archives_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = np.ones(3)
    with pytest.raises(ValueError, match=r"names no layers.*\['data'\]"):
        read_checkpoint(tmp_path / "a.h5")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a.h5", "data.h5")
    with pytest.raises(ValueError, match="contains no TensorFlow"):
        read_checkpoint(tmp_path / "a.tar.gz")
    shutil.make_archive(tmp_path / "photos", "zip", tmp_path, "a.h5")
    with pytest.raises(ValueError, match="format of .* is unknown"):
        read_checkpoint(tmp_path / "photos.zip")


@pytest.mark.parametrize("package", ["safetensors", "tensorflow"])
def test_missing_packages_are_named(tmp_path, monkeypatch, package):
    if package == "safetensors":
        path = tmp_path / "a.safetensors"
        path.write_bytes((2).to_bytes(8, "little") + b"{}")
    else:
        path = pathlib.Path(tmp_path, "model.ckpt")
        path.with_suffix(".ckpt.index").touch()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r'pip install "keras-efficient\[con'):
        read_checkpoint(path)
