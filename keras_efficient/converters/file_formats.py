"""The file formats of checkpoints: how to recognize and read each.

`FORMATS` is the only place that lists them. A format is recognized by its
content, never by the ending of its name.
"""

import dataclasses
import json
import os
import pathlib
import zipfile
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import numpy as np

from keras_efficient.converters.naming import classification_schemes
from keras_efficient.converters.naming import detection_schemes
from keras_efficient.converters.naming.keras_schemes import KERAS_PATHS
from keras_efficient.converters.naming.scheme import Arrays
from keras_efficient.converters.naming.scheme import NamingScheme
from keras_efficient.converters.readers import h5_files
from keras_efficient.converters.readers import numpy_files
from keras_efficient.converters.readers import tensorflow_files
from keras_efficient.converters.readers import torch_files
from keras_efficient.converters.readers.limits import MAX_NAME
from keras_efficient.types import PathLike

# Called with the path, its first 64 bytes (empty if it is no file) and the
# names of its members (empty if it is no zip archive).
Recognizer: TypeAlias = Callable[[pathlib.Path, bytes, Sequence[str]], bool]

# Several libraries use each of these formats. A detector's scheme knows the
# names of its backbone as well: of two schemes that know equally many names,
# the first one is chosen.
_ANY_SCHEME: tuple[NamingScheme, ...] = (
    *classification_schemes.SCHEMES,
    *detection_schemes.SCHEMES,
)


@dataclasses.dataclass(frozen=True)
class FileFormat:
    """A format of checkpoints.

    Attributes:
        name: Name of the format in error messages.
        recognizes: Function of the path, the first bytes of the file and the
            members of the zip archive that returns whether it is of this
            format. May raise a `ValueError` if it is, but damaged.
        read: Function of the path that returns a dict of name to array.
        schemes: The naming schemes that its files may follow.
    """

    name: str
    recognizes: Recognizer
    read: Callable[[pathlib.Path], Arrays]
    schemes: tuple[NamingScheme, ...] = _ANY_SCHEME


FORMATS = (
    FileFormat(
        "a TensorFlow checkpoint",
        tensorflow_files.is_checkpoint,
        tensorflow_files.read_checkpoint,
    ),
    FileFormat(
        "a .weights.h5 file of Keras",
        h5_files.is_weights_h5,
        h5_files.read_weights_h5,
        schemes=(KERAS_PATHS,),
    ),
    FileFormat(
        "a .keras file",
        h5_files.is_keras_archive,
        h5_files.read_keras_archive,
        schemes=(KERAS_PATHS,),
    ),
    FileFormat(
        "a legacy .h5 file of Keras", h5_files.is_hdf5, h5_files.read_legacy
    ),
    FileFormat("a NumPy .npz file", numpy_files.is_npz, numpy_files.read_npz),
    FileFormat(
        "a PyTorch file", torch_files.is_zip_file, torch_files.read_zip_file
    ),
    FileFormat(
        "a file of PyTorch before 1.6",
        torch_files.is_legacy_file,
        torch_files.read_legacy_file,
    ),
    FileFormat(
        "a safetensors file",
        numpy_files.is_safetensors,
        numpy_files.read_safetensors,
    ),
    FileFormat(
        "an archive of a TensorFlow checkpoint",
        tensorflow_files.is_archive,
        tensorflow_files.read_archive,
    ),
)
_ACCEPTED = (
    "Accepted are .h5, .weights.h5 and .keras of Keras; .pth, .pt and "
    ".safetensors of PyTorch; .npz of NumPy; and TensorFlow checkpoints: a "
    "folder, a prefix, an .index file or a .tar.gz archive."
)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint.

    Attributes:
        path: `pathlib.Path` of the file or folder.
        format: Its `FileFormat`.
        arrays: Dict of name in the file to NumPy array.
        config: Content of the `config.json` beside a file of timm.
    """

    path: pathlib.Path
    format: FileFormat
    arrays: Arrays
    config: dict[str, Any] = dataclasses.field(default_factory=dict)


def read_checkpoint(path: PathLike) -> dict[str, np.ndarray]:
    """Read the arrays of a checkpoint, under the names that the file uses.

    Files of PyTorch are read without PyTorch, and no code that they contain
    is run. From a training checkpoint, the averaged weights are read if it
    has them; the state of the optimizer is skipped.

    Args:
        path: Path of the file or folder: `.h5`, `.weights.h5` or `.keras` of
            Keras, `.pth`, `.pt`, `.safetensors`, `.npz`, or a TensorFlow
            checkpoint as a folder, prefix, `.index` file or `.tar.gz`.

    Returns:
        A dict of name to NumPy array. In `.keras` and `.weights.h5` files
        layers are numbered: names are paths such as `layers/conv2d/vars/0`.

    Raises:
        FileNotFoundError: If `path` does not exist.
        ImportError: If the format needs a package that is not installed.
        ValueError: If the file is damaged or its format is unknown.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "weights.npz")
    >>> np.savez(path, **{"stem_conv/kernel": np.zeros((3, 3, 3, 32))})
    >>> arrays = keras_efficient.converters.read_checkpoint(path)
    >>> {name: array.shape for name, array in arrays.items()}
    {'stem_conv/kernel': (3, 3, 3, 32)}
    """
    return open_checkpoint(path).arrays


def open_checkpoint(path: PathLike) -> Checkpoint:
    """Recognize the format of a checkpoint and read it.

    Args:
        path: As for `read_checkpoint`.

    Returns:
        A `Checkpoint`.

    Raises:
        FileNotFoundError: If `path` does not exist.
        ImportError: If the format needs a package that is not installed.
        ValueError: If the file is damaged or its format is unknown.
    """
    path = pathlib.Path(path).expanduser()
    config = read_config(path)
    file_format = _recognize(path)
    try:
        arrays = file_format.read(path)
    except ImportError:
        raise
    except Exception as error:
        reason = str(error)[:MAX_NAME] or type(error).__name__
        raise ValueError(
            f"{path} cannot be read as {file_format.name}: {reason}"
        ) from error
    if not arrays:
        raise ValueError(f"{path} contains no arrays.")
    # No library has such names, and comparing them takes long.
    longest = max(arrays, key=len)
    if len(longest) > MAX_NAME:
        raise ValueError(
            f"{path} is damaged: it contains a name of {len(longest)} "
            f"characters, {longest[:60]!r}... Accepted are names of at most "
            f"{MAX_NAME} characters."
        )
    return Checkpoint(path, file_format, arrays, config)


def is_checkpoint(path: PathLike) -> bool:
    """Return whether a path is a file or a TensorFlow checkpoint.

    Args:
        path: Path of a file or folder, or prefix of a checkpoint.

    Returns:
        A boolean.
    """
    path = pathlib.Path(path).expanduser()
    return path.exists() or tensorflow_files.find_prefix(path) is not None


def read_config(path: pathlib.Path) -> dict[str, Any]:
    """Read the `config.json` that timm writes beside a file.

    Args:
        path: `pathlib.Path` of the file.

    Returns:
        A dict, empty if there is no such file or it names no architecture.
    """
    # The name of a published file is more reliable.
    if "efficientnet" in path.name:
        return {}
    try:
        text = path.with_name("config.json").read_text(encoding="utf-8")
        config = json.loads(text)
        return config if isinstance(config["architecture"], str) else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _recognize(path: pathlib.Path) -> FileFormat:
    head = b""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(64)
    members = _zip_members(path) if head.startswith(b"PK\x03\x04") else ()
    for file_format in FORMATS:
        if file_format.recognizes(path, head, members):
            return file_format
    if path.is_dir():
        raise ValueError(
            f"The folder {path} contains no TensorFlow checkpoint. "
            f"Received: {sorted(os.listdir(path))[:8]}. {_ACCEPTED}"
        )
    if not path.exists():
        raise FileNotFoundError(f"There is no checkpoint at {path}.")
    if not head:
        raise ValueError(f"{path} is empty.")
    raise ValueError(
        f"The format of {path} is unknown, or the beginning of the file is "
        f"damaged. Received: {head[:8]!r}... {_ACCEPTED}"
    )


def _zip_members(path: pathlib.Path) -> Sequence[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except Exception as error:  # zipfile raises many kinds.
        raise ValueError(
            f"{path} is a damaged zip archive; a download may have been "
            f"interrupted ({error})."
        ) from error
