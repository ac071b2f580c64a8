"""Checkpoints of PyTorch, in both of its file formats, without PyTorch."""

import zipfile
from collections.abc import Mapping

from keras_efficient.converters.torch_pickle import InertObject
from keras_efficient.converters.torch_pickle import LazyTensor
from keras_efficient.converters.torch_pickle import TensorUnpickler

# What the pickles of the format before PyTorch 1.6 begin with.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
# Where training scripts keep the tensors, the moving averages first.
_CONTAINERS = (
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
)
_PREFIXES = ("module.", "model.", "_orig_mod.")


def read_zip(path):
    """Reads what `torch.save` has written since PyTorch 1.6.

    Args:
        path: Path of the file.

    Returns:
        A dict of tensor name to NumPy array.

    Raises:
        ValueError: If the file holds no dict of tensors.
    """
    with zipfile.ZipFile(path) as archive:
        folder = _folder_of(archive)
        names = set(archive.namelist())
        if f"{folder}constants.pkl" in names:
            raise ValueError(
                "it is a TorchScript program; save the tensors of its model, "
                "`torch.save(model.state_dict(), path)`"
            )
        byteorder = "<"
        if f"{folder}byteorder" in names:
            order = archive.read(f"{folder}byteorder").strip()
            byteorder = ">" if order == b"big" else "<"
        with archive.open(f"{folder}data.pkl") as file:
            content = TensorUnpickler(file, encoding="utf-8").load()
        cache = {}

        def numbers(storage):
            if storage.key not in cache:
                cache[storage.key] = archive.read(f"{folder}data/{storage.key}")
            return cache[storage.key]

        return _arrays(content, numbers, byteorder)


def read_legacy(path):
    """Reads what `torch.save` wrote before PyTorch 1.6.

    Args:
        path: Path of the file.

    Returns:
        A dict of tensor name to NumPy array.

    Raises:
        ValueError: If the file holds no dict of tensors.
    """
    with open(path, "rb") as file:
        for expected in (LEGACY_MAGIC, _LEGACY_PROTOCOL):
            if TensorUnpickler(file).load() != expected:
                raise ValueError("it is a pickle, but not one of `torch.save`")
        system = TensorUnpickler(file).load()
        unpickler = _StorageCollector(file, encoding="utf-8")
        content = unpickler.load()
        keys = TensorUnpickler(file).load()
        byteorder = "<" if system.get("little_endian", True) else ">"
        places = {}
        for key in map(str, keys):
            if key not in unpickler.storages:
                raise ValueError(f"nothing in it describes the storage {key}")
            count = int.from_bytes(file.read(8), "little")
            storage = unpickler.storages[key]
            if count != storage.size:
                raise ValueError(
                    f"storage {key} has {count} numbers, not {storage.size}"
                )
            places[key] = (file.tell(), count * storage.dtype.itemsize)
            file.seek(places[key][1], 1)

        def numbers(storage):
            start, length = places[storage.key]
            file.seek(start)
            data = file.read(length)
            if len(data) != length:
                raise ValueError(f"it ends within the storage {storage.key}")
            return data

        return _arrays(content, numbers, byteorder)


class _StorageCollector(TensorUnpickler):
    """Remembers the storages, whose sizes the old format tells only here."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.storages = {}

    def persistent_load(self, pid):
        if isinstance(pid, tuple) and pid[:1] == ("module",) and len(pid) > 1:
            return pid[1]  # a class, here inert, with its source code
        storage = super().persistent_load(pid)
        return self.storages.setdefault(storage.key, storage)


def _folder_of(archive):
    """The folder within the archive, which is named after the file."""
    for name in archive.namelist():
        if name == "data.pkl" or name.endswith("/data.pkl"):
            return name.removesuffix("data.pkl")
    raise ValueError("it holds no `data.pkl`")


def _arrays(content, numbers, byteorder):
    return {
        name: tensor.to_numpy(numbers(tensor.storage), byteorder)
        for name, tensor in _state_dict(content).items()
    }


def _state_dict(content):
    """The dict of tensors in whatever a training script has saved."""
    if isinstance(content, InertObject):
        raise ValueError(
            f"it holds a pickled object ({content.path}) and no dict of "
            "tensors; save `model.state_dict()` instead"
        )
    if not isinstance(content, Mapping):
        raise ValueError(
            f"it holds a {type(content).__name__} and no dict of tensors"
        )
    tensors = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, LazyTensor)
    }
    inner = next((k for k in _CONTAINERS if _has_tensors(content.get(k))), None)
    if inner is not None:
        return _state_dict(content[inner])
    if not tensors:
        raise ValueError(f"it holds no tensors, only {list(content)[:8]}")
    return _without_prefix(tensors)


def _has_tensors(value):
    if not isinstance(value, Mapping):
        return False
    return any(
        isinstance(item, LazyTensor) or _has_tensors(item)
        for item in value.values()
    )


def _without_prefix(tensors):
    for prefix in _PREFIXES:
        weights = [name for name in tensors if not _is_counter(name)]
        if weights and all(name.startswith(prefix) for name in weights):
            return _without_prefix(
                {k.removeprefix(prefix): v for k, v in tensors.items()}
            )
    return tensors


def _is_counter(name):
    """Whether a tensor counts steps of the averaging of the weights."""
    return name == "n_averaged"
