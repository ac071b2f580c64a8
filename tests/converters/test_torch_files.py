"""Tests for reading PyTorch files, compared with PyTorch."""

import argparse
import collections
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from keras_efficient.converters import read_checkpoint
from keras_efficient.converters.readers.torch_pickle import Dtype
from keras_efficient.converters.readers.torch_pickle import LazyTensor
from keras_efficient.converters.readers.torch_pickle import Storage
from keras_efficient.converters.readers.torch_pickle import TensorUnpickler
from tests.marks import on_one_backend

pytestmark = on_one_backend

torch = pytest.importorskip("torch")
both_formats = pytest.mark.parametrize("is_zip", [True, False])


def tensors():
    generator = torch.Generator().manual_seed(3)
    shared = torch.arange(24.0)
    return collections.OrderedDict(
        transposed=shared.reshape(4, 6).t(),
        # The same storage, from the fifth number on.
        shared=shared[5:17].reshape(3, 4),
        expanded=torch.ones(1, 3).expand(4, 3),
        parameter=torch.nn.Parameter(torch.randn(2, 3, generator=generator)),
        half=torch.randn(3, 5, generator=generator).half(),
        bfloat=torch.randn(7, generator=generator).bfloat16(),
        double=torch.randn(2, dtype=torch.float64, generator=generator),
        scalar=torch.tensor(5),
        flags=torch.tensor([True, False, True]),
        unsigned=torch.tensor([1, 60000], dtype=torch.uint16),
        empty=torch.zeros(0, 3),
    )


def save(content, path, is_zip):
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    return path


def check_all(arrays):
    expected = tensors()
    assert set(arrays) == set(expected)
    for name, tensor in expected.items():
        tensor = tensor.detach()
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.float()
        assert arrays[name].dtype == tensor.numpy().dtype, name
        np.testing.assert_array_equal(arrays[name], tensor.numpy(), name)


@both_formats
def test_all_types_of_tensors(tmp_path, is_zip):
    check_all(read_checkpoint(save(tensors(), tmp_path / "a.pth", is_zip)))


@both_formats
def test_arrays_are_writable(tmp_path, is_zip):
    arrays = read_checkpoint(save(tensors(), tmp_path / "a.pth", is_zip))
    arrays["shared"] += 1
    assert arrays["transposed"][0, 1] == 6


@both_formats
@pytest.mark.parametrize(
    "names",
    [
        ("state_dict",),
        ("model",),
        ("model", "state_dict"),
        ("state_dict", "state_dict_ema"),
        ("model", "model_ema"),
    ],
)
def test_containers(tmp_path, is_zip, names):
    """The last of `names` is the key of the right tensors."""
    *others, right = names
    content = {
        "epoch": 3,
        "best": torch.tensor(0.7),
        "args": argparse.Namespace(lr=0.1, tags=["a"]),
        "optimizer": {"state": {0: {"momentum": torch.ones(3)}}},
        right: tensors(),
    }
    for name in others:
        if right.endswith("_ema"):
            content[name] = {k: torch.ones(3) for k in tensors()}
        else:
            content = {name: content}
    check_all(read_checkpoint(save(content, tmp_path / "a.tar", is_zip)))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module.model."])
def test_prefixes_of_wrappers(tmp_path, prefix):
    content = {f"{prefix}{name}": value for name, value in tensors().items()}
    content["n_averaged"] = torch.tensor(9)
    arrays = read_checkpoint(save(content, tmp_path / "a.pth", True))
    assert arrays.pop("n_averaged") == 9
    check_all(arrays)


class Evil:
    """An object whose pickle runs a command when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@both_formats
def test_nothing_in_a_file_is_executed(tmp_path, is_zip):
    trace = tmp_path / "trace"
    content = {"hook": Evil(trace), "state_dict": {"a": torch.ones(3)}}
    path = save(content, tmp_path / "a.pth", is_zip)
    assert read_checkpoint(path)["a"].tolist() == [1, 1, 1]
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists(), "the file is harmless, and this test too"


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_other_pickles_are_refused_and_not_executed(tmp_path, protocol):
    trace, path = tmp_path / "trace", tmp_path / "a.pth"
    path.write_bytes(pickle.dumps(Evil(trace), protocol=protocol))
    with pytest.raises(ValueError, match="not one of `torch.save`"):
        read_checkpoint(path)
    assert not trace.exists()


def test_dotted_names_are_not_resolved():
    # Protocol 4 allows dots in a name: "os" and "path.join".
    stream = io.BytesIO(b"\x80\x04\x8c\x02os\x8c\x09path.join\x93.")
    assert TensorUnpickler(stream).load().path == "os.path.join"


@both_formats
def test_whole_models_are_refused(tmp_path, is_zip):
    path = save(torch.nn.Linear(2, 3), tmp_path / "a.pth", is_zip)
    with pytest.raises(ValueError, match=r"pickled object \(torch.*Linear\)"):
        read_checkpoint(path)


def test_torchscript_is_refused(tmp_path):
    # The members that `torch.jit.save` writes.
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        for name in ("a/data.pkl", "a/constants.pkl"):
            archive.writestr(name, pickle.dumps(()))
    with pytest.raises(ValueError, match="TorchScript"):
        read_checkpoint(tmp_path / "a.pt")


@both_formats
@pytest.mark.parametrize(
    "content, message",
    [
        ([1, 2], "contains a list"),
        ({"epoch": 3}, r"no tensors, only \['epoch'\]"),
    ],
)
def test_files_without_tensors(tmp_path, is_zip, content, message):
    path = save(content, tmp_path / "a.pth", is_zip)
    with pytest.raises(ValueError, match=message):
        read_checkpoint(path)


@both_formats
@pytest.mark.parametrize("share", [0.3, 0.6, 0.999])
def test_truncated_files(tmp_path, is_zip, share):
    path = save(
        {"a": torch.ones(999), "b": torch.ones(9)}, tmp_path / "a", is_zip
    )
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=str(path)):
        read_checkpoint(path)


def test_damaged_numbers(tmp_path):
    path = save({"a": torch.zeros(9999)}, tmp_path / "a.pth", True)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(ValueError, match="CRC"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "offset, shape, strides",
    [
        (0, (3, 4), (4, 1)),  # 12 of 11 elements
        (8, (4,), (1,)),
        (12, (0,), (1,)),
        (0, (2,), (-1,)),
        (-1, (2,), (1,)),
        (0, (2, 2), (1,)),
        (0, (2.0,), (1,)),
    ],
)
def test_tensors_that_exceed_their_storage(offset, shape, strides):
    dtype = Dtype("f4")
    tensor = LazyTensor(Storage("0", dtype, 11), dtype, offset, shape, strides)
    with pytest.raises(ValueError, match="storage of 11 elements"):
        tensor.to_numpy(bytes(44))


@pytest.mark.parametrize("code", ["f4", "i8", "f2"])
def test_other_byte_order(code):
    numbers = np.array([1, 2, 300], f">{code}")
    dtype = Dtype(code)
    tensor = LazyTensor(Storage("0", dtype, 3), dtype, 1, (2,), (1,))
    array = tensor.to_numpy(numbers.tobytes(), ">")
    np.testing.assert_array_equal(array, [2, 300])
    assert array.dtype == np.dtype(code)
