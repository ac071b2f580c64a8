"""Files that hold nothing but named arrays: `.npz` and `.safetensors`."""

import pathlib
import zipfile
from collections.abc import Sequence

import numpy as np

from keras_efficient.converters.naming.scheme import Arrays
from keras_efficient.converters.readers.limits import check_members


def is_npz(path: pathlib.Path, head: bytes, members: Sequence[str]) -> bool:
    """Return whether a file is an `.npz`, a zip archive of `.npy` files."""
    return bool(members) and all(name.endswith(".npy") for name in members)


def read_npz(path: pathlib.Path) -> Arrays:
    """Read an `.npz` file, without pickles, which may run code.

    Args:
        path: Path of the file.

    Returns:
        A dict of name to NumPy array.

    Raises:
        ValueError: If an array needs more than 1,100 times the bytes that are
            stored.
    """
    with zipfile.ZipFile(path) as archive:
        check_members(archive)
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # NumPy returns its bytes
            raise ValueError(f"its member {name!r} is not an array")
    return arrays


def is_safetensors(
    path: pathlib.Path, head: bytes, members: Sequence[str]
) -> bool:
    """Return whether a file begins with the length of a JSON header."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32


def read_safetensors(path: pathlib.Path) -> Arrays:
    """Read a `.safetensors` file.

    Args:
        path: Path of the file.

    Returns:
        A dict of name to NumPy array; bfloat16 becomes float32.

    Raises:
        ImportError: If `safetensors` is not installed.
    """
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "Reading .safetensors files needs the package `safetensors`. "
            'Install it with `pip install "keras-efficient[convert]"`.'
        ) from error
    with safetensors.safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}
    return {
        name: a.astype("float32") if a.dtype.name == "bfloat16" else a
        for name, a in arrays.items()
    }
