"""Any checkpoint as a dict of names and arrays, recognised by its content."""

import os
import pathlib
import tarfile
import zipfile

import numpy as np

from keras_efficient.converters import h5_files
from keras_efficient.converters import tensorflow_files
from keras_efficient.converters import torch_files

# Kinds of files that only Keras reads, into a model.
KERAS_ARCHIVE = "keras"
KERAS_WEIGHTS = "keras_weights_h5"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ACCEPTED = (
    "Accepted are .h5, .weights.h5 and .keras of Keras; .pth, .pt and "
    ".safetensors of PyTorch; .npz of NumPy; and checkpoints of TensorFlow: "
    "a folder, a prefix, an .index file or a .tar.gz archive."
)


def read_checkpoint(path):
    """Reads the arrays of a checkpoint, under the names that the file uses.

    Files of PyTorch are read without PyTorch, and nothing that they hold is
    executed. Of a training checkpoint the averaged weights are taken where
    there are any; what belongs to the optimizer is left out.

    Args:
        path: Path of the file or folder: `.h5` of `keras.applications`,
            `.pth`, `.pt`, `.safetensors`, `.npz`, or a checkpoint of
            TensorFlow as folder, prefix, `.index` file or `.tar.gz`.

    Returns:
        A dict of name to NumPy array.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ImportError: If the format needs a package that is not installed.
        ValueError: If the file is of no known format, or damaged.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "weights.npz")
    >>> np.savez(path, **{"stem_conv/kernel": np.zeros((3, 3, 3, 32))})
    >>> arrays = keras_efficient.converters.read_checkpoint(path)
    >>> {name: array.shape for name, array in arrays.items()}
    {'stem_conv/kernel': (3, 3, 3, 32)}
    """
    path = pathlib.Path(path).expanduser()
    kind = kind_of(path)
    if kind in (KERAS_ARCHIVE, KERAS_WEIGHTS):
        raise ValueError(
            f"{path} counts layers and does not name them; only a model can "
            "take it. Use `load_checkpoint(model, path)`."
        )
    try:
        arrays = _READERS[kind](path)
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as {kind}: {error or type(error).__name__}"
        ) from error
    if not arrays:
        raise ValueError(f"{path} holds no arrays.")
    return arrays


def is_checkpoint(path):
    """Whether there is a file or a checkpoint of TensorFlow at a path.

    Args:
        path: Path of a file, of a folder, or prefix of a checkpoint.

    Returns:
        A boolean.
    """
    path = pathlib.Path(path).expanduser()
    return path.exists() or tensorflow_files.find_prefix(path) is not None


def kind_of(path):
    """Tells the format of a checkpoint by its first bytes.

    Args:
        path: `pathlib.Path` of a file or folder, or prefix of a checkpoint.

    Returns:
        A string: one of `_READERS`, `KERAS_ARCHIVE` or `KERAS_WEIGHTS`.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ValueError: If the file is empty or of no known format.
    """
    if tensorflow_files.find_prefix(path) is not None:
        return "a checkpoint of TensorFlow"
    if path.is_dir():
        raise ValueError(
            f"The folder {path} holds no checkpoint of TensorFlow. "
            f"Received: {sorted(os.listdir(path))[:8]}. {_ACCEPTED}"
        )
    if not path.exists():
        raise FileNotFoundError(f"There is no checkpoint at {path}.")
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise ValueError(f"{path} is empty.")
    kind = _kind_by_content(path, head)
    if kind is None:
        raise ValueError(
            f"{path} is of no known format, or its beginning is damaged. "
            f"Received: {head[:8]!r}... {_ACCEPTED}"
        )
    return kind


def _kind_by_content(path, head):
    if head.startswith(_HDF5_MAGIC):
        return _kind_of_hdf5(path)
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    # Keras' pickles of today, of protocol 2 and above.
    if head[0] == 0x80 and 2 <= head[1] <= 5:
        return "a file of PyTorch before 1.6"
    # The length of a header in JSON, in 8 bytes.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "safetensors"
    if head.startswith(b"\x1f\x8b") or tarfile.is_tarfile(path):
        return "an archive of a TensorFlow checkpoint"
    return None


def _kind_of_hdf5(path):
    try:
        native = h5_files.is_native(path)
    except OSError as error:
        raise ValueError(f"{path} is damaged HDF5: {error}") from error
    return KERAS_WEIGHTS if native else "a legacy .h5 of Keras"


def _kind_of_zip(path):
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{path} is a damaged zip archive; a download may have been "
            f"broken off ({error})."
        ) from error
    if "model.weights.h5" in names:
        return KERAS_ARCHIVE
    if names and all(name.endswith(".npy") for name in names):
        return "an .npz of NumPy"
    if any(name.split("/")[-1] == "data.pkl" for name in names):
        return "a file of PyTorch"
    return None


def _read_npz(path):
    # Never with pickles, in which any code may stand.
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _read_safetensors(path):
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "Reading .safetensors needs the package `safetensors`. Install it "
            'by `pip install "keras-efficient[convert]"`.'
        ) from error
    with safetensors.safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}
    return {
        # NumPy itself knows no bfloat16, and Keras no arrays of it.
        name: a.astype("float32") if a.dtype.name == "bfloat16" else a
        for name, a in arrays.items()
    }


def _read_tensorflow(path):
    return tensorflow_files.read(tensorflow_files.find_prefix(path))


_READERS = {
    "a legacy .h5 of Keras": h5_files.read,
    "a file of PyTorch": torch_files.read_zip,
    "a file of PyTorch before 1.6": torch_files.read_legacy,
    "safetensors": _read_safetensors,
    "an .npz of NumPy": _read_npz,
    "a checkpoint of TensorFlow": _read_tensorflow,
    "an archive of a TensorFlow checkpoint": tensorflow_files.read_archive,
}
