"""Tests for weights files that are made to cost memory, time or a model."""

import io
import json
import pickle
import tarfile
import time
import zipfile

import h5py
import numpy as np
import pytest

from keras_efficient.converters import load_checkpoint
from keras_efficient.converters import read_checkpoint
from keras_efficient.converters.naming import detection_schemes
from keras_efficient.converters.readers import torch_pickle
from tests.converters import tiny
from tests.marks import on_one_backend

pytestmark = on_one_backend

# Opcodes of a pickle of protocol 2.
EMPTY_TUPLE, MARK, DUPLICATE, PAIR = b")", b"(", b"2", b"\x86"
STORE_AT_2_TO_THE_30 = b"r" + (2**30).to_bytes(4, "little")


def torch_zip(path, pickled, storages=None):
    """Write a file as `torch.save` does, with a pickle made by hand."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", pickled)
        for key, data in (storages or {}).items():
            archive.writestr(f"a/data/{key}", data)
    return path


def tensor_file(path, shapes, number=100):
    """Write tensors of stride 0 that are views of one storage."""
    dtype = b"ctorch\nFloatStorage\n"  # the class that names the type
    items = b""
    for name, shape in shapes.items():
        items += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n" + MARK
        items += MARK + text("storage") + dtype + text("0") + text("cpu")
        items += integer(number) + b"tQ" + integer(0)
        items += MARK + b"".join(map(integer, shape)) + b"t"
        items += MARK + b"".join(integer(0) for _ in shape) + b"t"
        items += b"\x89}tR"
    pickled = b"\x80\x02}" + MARK + items + b"u."
    return torch_zip(path, pickled, {"0": bytes(4 * number)})


def text(value):
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def integer(value):
    return b"\x8a\x08" + value.to_bytes(8, "little")


def refuse(path, message, seconds=2):
    """Check that a file is refused, and soon."""
    start = time.process_time()
    with pytest.raises(ValueError, match=message) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 2000
    assert time.process_time() - start < seconds


def test_tensors_of_the_size_of_their_storage(tmp_path):
    path = tensor_file(tmp_path / "a.pth", {"a": (2, 3), "b": (100,)})
    shapes = {k: v.shape for k, v in read_checkpoint(path).items()}
    assert shapes == {"a": (2, 3), "b": (100,)}


@pytest.mark.parametrize(
    "shapes",
    [
        {"a": (2_000_000_000,)},
        {f"a{i}": (100,) for i in range(1000)},
        {"a": (2**40, 2**40, 0), "b": (2**62,)},
    ],
    ids=["stride 0", "aliases", "overflow"],
)
def test_tensors_far_larger_than_the_file(tmp_path, shapes):
    path = tensor_file(tmp_path / "a.pth", shapes)
    refuse(path, "more than 4 times the|too big|exceeds")


def doubled(times):
    """Return a tuple of two equal tuples of two equal tuples, ..."""
    return EMPTY_TUPLE + (DUPLICATE + PAIR) * times


@pytest.mark.parametrize(
    "pickled",
    [
        b"}" + doubled(60) + b"K\x01s.",  # key of a dict: it is hashed
        doubled(60) + b"Q.",  # reference to a storage: it is printed
        b"cx\ny\n" + doubled(60) + b"R.",
    ],
    ids=["key", "reference", "argument"],
)
@pytest.mark.parametrize("is_zip", [True, False])
def test_doubled_tuples(tmp_path, pickled, is_zip):
    path = tmp_path / "a.pth"
    pickled = b"\x80\x02" + pickled
    if is_zip:
        torch_zip(path, pickled)
    else:
        head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
        head = b"".join(pickle.dumps(x, 2) for x in head)
        path.write_bytes(head + pickled)
    refuse(path, "more than 100 objects for each byte")


def test_high_memo_numbers(tmp_path):
    pickled = b"\x80\x02}" + STORE_AT_2_TO_THE_30 + b"."
    refuse(torch_zip(tmp_path / "a.pth", pickled), "stores object 1073741824")


def test_dicts_within_themselves(tmp_path):
    itself = {}
    itself["state_dict"] = itself["model"] = itself
    path = torch_zip(tmp_path / "a.pth", pickle.dumps(itself, 2))
    refuse(path, r"no tensors, only \['state_dict', 'model'\]")
    wide = {}
    for _ in range(60):
        wide = {"model": {"a": wide, "b": wide}}
    refuse(torch_zip(tmp_path / "b.pth", pickle.dumps(wide, 2)), "no tensors")


def test_pickles_do_not_change_the_reader(tmp_path):
    size = torch_pickle._KNOWN["torch", "Size"]
    # As if the file said `torch.Size.__defaults__ = ((1, 2),)`.
    state = b"N}" + text("__defaults__") + b"K\x01K\x02\x86\x85s\x86b."
    path = torch_zip(tmp_path / "a.pth", b"\x80\x02ctorch\nSize\n" + state)
    refuse(path, "changes a part of a tensor")
    assert size() == ()


def test_long_pickles_are_accepted(tmp_path):
    torch = pytest.importorskip("torch")
    tensors = {f"block.{i}.weight": torch.ones(1) for i in range(3000)}
    torch.save({"state_dict": tensors, "epoch": 3}, tmp_path / "a.pth")
    assert len(read_checkpoint(tmp_path / "a.pth")) == 3000


def test_over_compressed_members(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", bytes(50_000_000))
    refuse(path, "'a.npy' needs 50000000 bytes, but only")


def test_arrays_longer_than_their_data(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (2**40,)}
    )
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header.getvalue())
    refuse(path, "NumPy .npz file")


def test_many_names_of_one_array(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        layer = file.create_group("a")
        layer["w"] = np.zeros(100_000, "float32")
        names = [f"w{i}" for i in range(2000)]
        for name in names:
            layer[name] = layer["w"]
        file.attrs["layer_names"] = ["a"]
        layer.attrs["weight_names"] = names
    refuse(path, "more than 1100 times the")


@pytest.mark.parametrize("name", ["a.h5", "a.weights.h5"])
def test_texts_without_an_end(tmp_path, name):
    """HDF5 would read such a file for ever."""
    path = tmp_path / name
    with h5py.File(path, "w") as file:
        file.create_group("layers")["x"] = np.zeros(3)
        file.attrs["layer_names"] = ["block1a", "block1b", "top"]
    data = path.read_bytes()
    place = data.index(b"GCOL") + 16 + 24  # the second text
    path.write_bytes(data[:place] + bytes(16) + data[place + 16 :])
    refuse(path, "a text has no end")


@pytest.mark.parametrize("size", [2**40, 10**7])
def test_archives_with_sparse_files(tmp_path, size):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("model.ckpt.index")
        # A sparse file: its zeros are not stored.
        member.pax_headers = {
            "GNU.sparse.major": "0",
            "GNU.sparse.minor": "1",
            "GNU.sparse.size": str(size * 100),
            "GNU.sparse.map": "0,1",
        }
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    refuse(path, "more than 1100 times the")


def test_nodes_far_beyond_any_network():
    names = {
        "fpn_cells/cells/0/fnodes/999999999/resample_layers/0/bn/gamma": 1,
        "fpn_cells/cells/0/fnodes/1/resample_layers/77/bn/gamma": 2,
        "fpn_cells/cells/0/fnodes/1/resample_layers/0/bn/gamma": 3,
    }
    prepared = detection_schemes.AUTOML_OBJECTS.prepare(names)
    first, second, third = prepared
    assert [first, second] == list(names)[:2]
    assert third == "fpn_cells/cells/0/fnodes/1/resample_1/bn/gamma"


def test_fusion_weights_of_different_shapes():
    arrays = {"a/WSM": np.zeros(1), "a/WSM_1": np.zeros(2)}
    stacked = detection_schemes.stack_fusion_weights(arrays)
    assert [array.shape for array in stacked.values()] == [(1,), (2,)]


@pytest.mark.parametrize("part", ["/bn", "/", "/bn1_p1", "_resample_1_1_"])
def test_names_that_take_long_to_compare(tmp_path, part):
    path = tmp_path / "a.npz"
    np.savez(path, **{(part * 30_000)[:30_000]: np.zeros(1)})
    refuse(path, "contains a name of 30000 characters")
    start = time.process_time()
    name = (part * 512)[:500] + ".weight"
    for scheme in detection_schemes.SCHEMES:
        scheme.rewrite(name)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("name", ["predictions/kernel", "predictions/bias"])
def test_half_a_classifier_of_other_classes_is_refused(tmp_path, name):
    model = tiny.build()
    weights = tiny.random_weights(model)
    shape = weights[name].shape
    weights[name] = np.ones((*shape[:-1], shape[-1] + 2), "float32")
    np.savez(tmp_path / "a.npz", **weights)
    tiny.check_refused(model, f"{name} is", tmp_path / "a.npz")


@pytest.mark.parametrize("shape", [(), (3, 1), (0,)])
def test_bias_of_another_rank(tmp_path, shape):
    model = tiny.build()
    weights = tiny.random_weights(model)
    weights["predictions/bias"] = np.zeros(shape, "float32")
    np.savez(tmp_path / "a.npz", **weights)
    tiny.check_refused(model, "predictions/bias is", tmp_path / "a.npz")


@pytest.mark.parametrize("value", [1e-300, np.nan, -1.0, 1e-7])
def test_impossible_deviation_changes_nothing(tmp_path, value):
    model = tiny.build()
    weights = tiny.random_weights(model)
    weights["preprocessing/mean"] = np.zeros(3)
    weights["preprocessing/std"] = np.full(3, value)
    np.savez(tmp_path / "a.npz", **weights)
    tiny.check_refused(model, "at least 1e-06", tmp_path / "a.npz")


def test_values_beyond_float32_are_refused(tmp_path):
    model = tiny.build()
    weights = tiny.random_weights(model)
    weights["top_bn/beta"] = np.full(weights["top_bn/beta"].shape, 1e300)
    np.savez(tmp_path / "a.npz", **weights)
    tiny.check_refused(model, "top_bn/beta contains", tmp_path / "a.npz")


class StopError(BaseException):
    pass


@pytest.mark.parametrize("number", [1, 20, 40])
def test_interrupted_loading_changes_nothing(tmp_path, monkeypatch, number):
    model = tiny.build()
    np.savez(tmp_path / "a.npz", **tiny.random_weights(model))
    before = model.get_weights()
    kind = type(model.weights[0])
    assign, calls = kind.assign, []

    def interrupted(self, value):
        calls.append(value)
        if len(calls) == number:
            raise StopError
        return assign(self, value)

    monkeypatch.setattr(kind, "assign", interrupted)
    with pytest.raises(StopError):
        load_checkpoint(model, tmp_path / "a.npz")
    for value, same in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, same)


@pytest.mark.parametrize(
    "config",
    [
        "[" * 100_000,
        json.dumps({"architecture": "x", "pretrained_cfg": [1]}),
        json.dumps({"architecture": "x", "mean": ["a"], "std": [1]}),
    ],
    ids=["nested", "list", "text"],
)
def test_damaged_config_beside_a_file(tmp_path, config):
    model = tiny.build()
    np.savez(tmp_path / "a.npz", **tiny.random_weights(model))
    (tmp_path / "config.json").write_text(config)
    try:
        load_checkpoint(model, tmp_path / "a.npz")
    except ValueError as error:
        assert "Received from config.json" in str(error)
