"""HDF5 files of Keras: `.weights.h5` and `.keras`, and the legacy `.h5`.

Keras 1 and 2, and Keras 3 for `model.save("model.h5")`, write `.h5` files that
name layers and variables. `.weights.h5` files, and the one inside a `.keras`
archive, number the layers of each class.
"""

import io
import mmap
import pathlib
import re
import struct
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.converters.naming.scheme import Arrays
from keras_efficient.converters.readers.limits import MAX_COMPRESSION
from keras_efficient.converters.readers.limits import ByteBudget
from keras_efficient.converters.readers.limits import check_members

# Layers of an EfficientNet by name; names of models they are in may precede.
_LAYER = re.compile(
    r"(stem|top)_(conv|bn)|predictions|preprocessing|normalization(_\d+)?"
    r"|block\d+[a-z]+(_\w+)?"
)
_MAGIC = b"\x89HDF\r\n\x1a\n"
# Begin of a collection of texts, version 1, and an entry: number, references
# and length.
_HEAP = b"GCOL\1\0\0\0"
_ENTRY = struct.Struct("<HH4xQ")
_WEIGHTS_IN_ARCHIVE = "model.weights.h5"


def is_hdf5(path: pathlib.Path, head: bytes, members: Sequence[str]) -> bool:
    """Return whether a file is HDF5."""
    return head.startswith(_MAGIC)


def is_weights_h5(
    path: pathlib.Path, head: bytes, members: Sequence[str]
) -> bool:
    """Return whether a file is a `.weights.h5` of Keras 3.

    Args:
        path: Path of the file.
        head: Its first bytes.
        members: Names in the zip archive, not used.

    Returns:
        A boolean.

    Raises:
        ValueError: If it is HDF5, but damaged.
    """
    import h5py

    if not is_hdf5(path, head, members):
        return False
    with (
        open(path, "rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        check_heaps(data, str(path))
    try:
        with h5py.File(path, "r") as file:
            return not _is_legacy(file) and not {"layers", "vars"}.isdisjoint(
                file
            )
    except Exception as error:  # h5py raises many kinds.
        raise ValueError(f"{path} is damaged HDF5: {error}") from error


def check_heaps(data: bytes | mmap.mmap, name: str) -> None:
    """Raise an error if the texts of an HDF5 file are not a chain.

    The HDF5 library never returns from a chain in which an entry of free
    space has the length 0.

    Args:
        data: The content of the file.
        name: Name of the file, for the message.

    Raises:
        ValueError: If the global heap is damaged.

    Reference:
        - [HDF5 file format](https://docs.hdfgroup.org/hdf5/v1_14/_f_m_t3.html),
          "Global Heap".
    """
    start = data.find(_HEAP)
    while start >= 0:
        (size,) = struct.unpack_from("<Q", data, start + len(_HEAP))
        place, end = start + _ENTRY.size, min(start + size, len(data))
        while place + _ENTRY.size <= end:
            index, _, length = _ENTRY.unpack_from(data, place)
            # The length of free space includes the entry.
            step = length if index == 0 else _ENTRY.size + -(-length // 8) * 8
            if step < _ENTRY.size or place + step > end:
                raise ValueError(f"{name} is damaged HDF5: a text has no end")
            place += step
        start = data.find(_HEAP, start + 1)


def is_keras_archive(
    path: pathlib.Path, head: bytes, members: Sequence[str]
) -> bool:
    """Return whether a file is a `.keras` archive."""
    return _WEIGHTS_IN_ARCHIVE in members


def read_weights_h5(path: pathlib.Path | io.BytesIO) -> Arrays:
    """Read a `.weights.h5` file of Keras 3.

    Args:
        path: Path of the file, or its content.

    Returns:
        A dict of path in the file, such as `layers/conv2d/vars/0`, to NumPy
        array. The state of an optimizer is skipped.

    Raises:
        ValueError: If an array is stored in another file, or the arrays need
            more than 1,100 times the bytes of the file.
    """
    import h5py

    if isinstance(path, io.BytesIO):
        budget = ByteBudget(path.getbuffer().nbytes)
    else:
        budget = ByteBudget.of_file(path)
    arrays: Arrays = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer/"):
            arrays[name] = _to_numpy(item, budget)

    with h5py.File(path, "r") as file:
        file.visititems(visit)  # does not follow links to other files
    return arrays


def read_keras_archive(path: pathlib.Path) -> Arrays:
    """Read the weights of a `.keras` archive.

    Args:
        path: Path of the file.

    Returns:
        As `read_weights_h5`.
    """
    with zipfile.ZipFile(path) as archive:
        check_members(archive)
        data = archive.read(_WEIGHTS_IN_ARCHIVE)
    check_heaps(data, _WEIGHTS_IN_ARCHIVE)
    return read_weights_h5(io.BytesIO(data))


def read_legacy(path: pathlib.Path) -> Arrays:
    """Read a legacy `.h5` file, of weights or of a whole model.

    Args:
        path: Path of the file.

    Returns:
        A dict of `"<layer>/<variable>"` to NumPy array.

    Raises:
        ValueError: If the file does not name its layers, or as
            `read_weights_h5`.
    """
    import h5py

    budget = ByteBudget.of_file(path)

    with h5py.File(path, "r") as file:
        if not _is_legacy(file):
            raise ValueError(
                "it is HDF5, but names no layers, as files of Keras do. "
                f"It contains {sorted(file)[:8]}"
            )
        group = file
        if not _has(file, "layer_names"):
            group = _item(file, "model_weights")
        arrays = {}
        for layer in _names(group, "layer_names"):
            weights = _item(group, layer)
            for name in _names(weights, "weight_names"):
                array = _to_numpy(_item(weights, name), budget)
                arrays[_variable_name(layer, name)] = array
        return arrays


def _item(group: Any, path: str) -> Any:
    """Return an item of a group; unlike `group[path]`, follow no links."""
    import h5py

    for part in path.split("/"):
        link = group.get(part, getlink=True)
        if link is None:
            raise ValueError(f"it names {path!r}, which it does not contain")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"its item {path!r} is a link to {link.path!r}")
        group = group[part]
    return group


def _to_numpy(dataset: Any, budget: ByteBudget) -> np.ndarray:
    if not hasattr(dataset, "shape"):
        raise ValueError(f"its item {dataset.name} is not an array")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"its array {dataset.name} is stored in another file")
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > MAX_COMPRESSION * stored:
        raise ValueError(
            f"its array {dataset.name} of shape {dataset.shape} needs "
            f"{dataset.nbytes} bytes, but only {stored} are stored"
        )
    budget.take(dataset.nbytes)
    if dataset.attrs.get("dtype") == "bfloat16":
        import ml_dtypes

        return np.array(dataset, ml_dtypes.bfloat16).astype("float32")
    return np.asarray(dataset)


def _is_legacy(file: Any) -> bool:
    if _has(file, "layer_names"):
        return True
    if file.get("model_weights", getlink=True) is None:
        return False
    return _has(_item(file, "model_weights"), "layer_names")


def _has(group: Any, attribute: str) -> bool:
    return attribute in group.attrs or f"{attribute}0" in group.attrs


def _names(group: Any, attribute: str) -> list[str]:
    """Return a list of names, which Keras splits if it exceeds 64 KB."""
    if attribute in group.attrs:
        chunks = [group.attrs[attribute]]
    else:
        chunks = []
        while f"{attribute}{len(chunks)}" in group.attrs:
            chunks.append(group.attrs[f"{attribute}{len(chunks)}"])
    return [
        name.decode("utf-8") if isinstance(name, bytes) else str(name)
        for chunk in chunks
        for name in chunk
    ]


def _variable_name(layer: str, weight_name: str) -> str:
    parts = re.sub(r":\d+$", "", weight_name).split("/")
    for i, part in enumerate(parts[:-1]):
        if _LAYER.fullmatch(part):
            return "/".join(parts[i:])
    if len(parts) == 1:
        return f"{layer}/{parts[0]}"
    return "/".join(parts)
