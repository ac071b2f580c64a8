"""Checkpoints of PyTorch, in both of its file formats, without PyTorch."""

import io
import os
import pathlib
import zipfile
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import IO
from typing import Any

from keras_efficient.converters.naming.scheme import Arrays
from keras_efficient.converters.readers.limits import MAX_NAME
from keras_efficient.converters.readers.limits import MAX_SHARING
from keras_efficient.converters.readers.limits import ByteBudget
from keras_efficient.converters.readers.limits import check_members
from keras_efficient.converters.readers.torch_pickle import ByteOrder
from keras_efficient.converters.readers.torch_pickle import InertObject
from keras_efficient.converters.readers.torch_pickle import LazyTensor
from keras_efficient.converters.readers.torch_pickle import Storage
from keras_efficient.converters.readers.torch_pickle import TensorUnpickler
from keras_efficient.converters.readers.torch_pickle import check_pickle

# First values of a file before PyTorch 1.6.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
# Keys under which training scripts save the tensors, averages first.
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
# Dicts around the tensors, such as `{"model": {"state_dict": ...}}`.
MAX_DEPTH = 8


def is_zip_file(
    path: pathlib.Path, head: bytes, members: Sequence[str]
) -> bool:
    """Return whether a file was written by PyTorch 1.6 or later."""
    return any(name.split("/")[-1] == "data.pkl" for name in members)


def is_legacy_file(
    path: pathlib.Path, head: bytes, members: Sequence[str]
) -> bool:
    """Return whether a file begins as a pickle of protocol 2 or later."""
    return head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5")


def read_zip_file(path: pathlib.Path) -> Arrays:
    """Read a file that `torch.save` of PyTorch 1.6 or later has written.

    Args:
        path: Path of the file.

    Returns:
        A dict of tensor name to NumPy array.

    Raises:
        ValueError: If the file contains no dict of tensors, or the tensors
            need more than 4 times the bytes of their storages.
    """
    with zipfile.ZipFile(path) as archive:
        check_members(archive)
        folder = _folder_of(archive)
        names = set(archive.namelist())
        if f"{folder}constants.pkl" in names:
            raise ValueError(
                "it is a TorchScript program; save the tensors of its model, "
                "`torch.save(model.state_dict(), path)`"
            )
        byteorder: ByteOrder = "<"
        if f"{folder}byteorder" in names:
            order = archive.read(f"{folder}byteorder").strip()
            byteorder = ">" if order == b"big" else "<"
        file = io.BytesIO(archive.read(f"{folder}data.pkl"))
        check_pickle(file)
        content = TensorUnpickler(file, encoding="utf-8").load()
        size = sum(
            member.file_size
            for member in archive.infolist()
            if member.filename.startswith(f"{folder}data/")
        )
        cache: dict[str, bytes] = {}

        def numbers(storage: Storage) -> bytes:
            if storage.key not in cache:
                cache[storage.key] = archive.read(f"{folder}data/{storage.key}")
            return cache[storage.key]

        return _arrays(content, numbers, byteorder, size)


def read_legacy_file(path: pathlib.Path) -> Arrays:
    """Read a file that `torch.save` before PyTorch 1.6 has written.

    Args:
        path: Path of the file.

    Returns:
        A dict of tensor name to NumPy array.

    Raises:
        ValueError: As `read_zip_file`.
    """
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        for expected in (LEGACY_MAGIC, _LEGACY_PROTOCOL):
            if _load(TensorUnpickler(file), file) != expected:
                raise ValueError("it is a pickle, but not one of `torch.save`")
        system = _load(TensorUnpickler(file), file)
        unpickler = _StorageCollector(file, encoding="utf-8")
        content = _load(unpickler, file)
        keys = _load(TensorUnpickler(file), file)
        byteorder: ByteOrder = "<" if system.get("little_endian", True) else ">"
        places: dict[str, tuple[int, int]] = {}
        for key in map(str, keys):
            if key not in unpickler.storages:
                raise ValueError(f"nothing in it describes the storage {key}")
            count = int.from_bytes(file.read(8), "little")
            storage = unpickler.storages[key]
            if count != storage.size:
                raise ValueError(
                    f"storage {key} has {count} numbers, not {storage.size}"
                )
            length = count * storage.dtype.itemsize
            if length > size - file.tell():
                raise ValueError(f"it ends within the storage {storage.key}")
            places[key] = (file.tell(), length)
            file.seek(length, 1)

        def numbers(storage: Storage) -> bytes:
            start, length = places[storage.key]
            file.seek(start)
            return file.read(length)

        stored = sum(length for _, length in places.values())
        return _arrays(content, numbers, byteorder, stored)


def _load(unpickler: TensorUnpickler, file: IO[bytes]) -> Any:
    """Return the next object of a file that contains several pickles."""
    check_pickle(file)
    return unpickler.load()


class _StorageCollector(TensorUnpickler):
    """Collects the storages; in the old format only the pickle has sizes."""

    def __init__(self, file: IO[bytes], encoding: str):
        super().__init__(file, encoding=encoding)
        self.storages: dict[str, Storage] = {}

    def persistent_load(self, pid: Any) -> Any:
        if isinstance(pid, tuple) and pid[:1] == ("module",) and len(pid) > 1:
            return pid[1]  # a class, here inert, with its source code
        storage = super().persistent_load(pid)
        return self.storages.setdefault(storage.key, storage)


def _folder_of(archive: zipfile.ZipFile) -> str:
    """Return the folder in the archive, which is named after the file."""
    for name in archive.namelist():
        if name == "data.pkl" or name.endswith("/data.pkl"):
            return name.removesuffix("data.pkl")
    raise ValueError("it contains no `data.pkl`")


def _arrays(
    content: Any,
    numbers: Callable[[Storage], bytes],
    byteorder: ByteOrder,
    size: int,
) -> Arrays:
    budget = ByteBudget(size, MAX_SHARING)
    arrays = {}
    for name, tensor in _state_dict(content).items():
        data = numbers(tensor.storage)
        budget.take(tensor.check(data))
        arrays[name] = tensor.to_numpy(data, byteorder)
    return arrays


def _state_dict(content: Any, depth: int = 0) -> Mapping[str, LazyTensor]:
    """Return the dict of tensors in the content of a checkpoint."""
    if depth > MAX_DEPTH:
        raise ValueError(f"its tensors are in more than {MAX_DEPTH} dicts")
    if isinstance(content, InertObject):
        raise ValueError(
            f"it contains a pickled object ({content.path}) instead of a dict "
            "of tensors; save `model.state_dict()` instead"
        )
    if not isinstance(content, Mapping):
        raise ValueError(
            f"it contains a {type(content).__name__} instead of a dict of "
            "tensors"
        )
    tensors = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, LazyTensor)
    }
    inner = next((k for k in _CONTAINERS if _has_tensors(content.get(k))), None)
    if inner is not None:
        return _state_dict(content[inner], depth + 1)
    if not tensors:
        keys = [key[:MAX_NAME] for key in content if isinstance(key, str)]
        raise ValueError(f"it contains no tensors, only {keys[:8]}")
    return _without_prefix(tensors)


def _has_tensors(value: Any) -> bool:
    """Whether a dict, or one in it, has tensors; each is searched once."""
    found: dict[int, Any] = {id(value): value}
    queue = [value]
    while queue:
        value = queue.pop()
        for item in value.values() if isinstance(value, Mapping) else ():
            if isinstance(item, LazyTensor):
                return True
            if id(item) not in found:
                found[id(item)] = item
                queue.append(item)
    return False


def _without_prefix(
    tensors: Mapping[str, LazyTensor],
) -> Mapping[str, LazyTensor]:
    for _ in range(MAX_DEPTH):
        weights = [name for name in tensors if not _is_counter(name)]
        for prefix in _PREFIXES:
            if weights and all(name.startswith(prefix) for name in weights):
                tensors = {
                    k.removeprefix(prefix): v for k, v in tensors.items()
                }
                break
        else:
            break
    return tensors


def _is_counter(name: str) -> bool:
    """Return whether a tensor counts the steps of weight averaging."""
    return name == "n_averaged"
