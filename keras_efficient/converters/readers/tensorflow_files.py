"""Checkpoints of TensorFlow 1 and 2, as files or in Google's archives."""

import math
import os
import pathlib
import re
import shutil
import tarfile
import tempfile
from collections.abc import Sequence

import numpy as np

from keras_efficient.converters.naming.scheme import Arrays
from keras_efficient.converters.readers.limits import ByteBudget

# Google evaluates these moving averages, and all other libraries converted
# them; the second form is that of an optimizer of TensorFlow 2.
_AVERAGED = re.compile(
    r"/(ExponentialMovingAverage|\.OPTIMIZER_SLOT/\w+/average)$"
)
# State of an optimizer for each variable.
_SLOTS = re.compile(
    r"/((RMSProp|Momentum|Adam|Adagrad|Ftrl|LARS|LARSOptimizer)(_\d+)?"
    r"|\.OPTIMIZER_SLOT/\w+/\w+)$"
)
_DATA_FILE = re.compile(r"(\.index|\.meta|\.data-\d+-of-\d+)$")


def is_checkpoint(
    path: pathlib.Path, head: bytes, members: Sequence[str]
) -> bool:
    """Return whether a path names a checkpoint."""
    return find_prefix(path) is not None


def is_archive(path: pathlib.Path, head: bytes, members: Sequence[str]) -> bool:
    """Return whether a file is a tar archive, possibly compressed."""
    return bool(head) and (
        head.startswith(b"\x1f\x8b") or tarfile.is_tarfile(path)
    )


def find_prefix(path: pathlib.Path) -> pathlib.Path | None:
    """Return the prefix of a checkpoint.

    Args:
        path: Path of a folder, of one of the checkpoint's files, or the
            prefix itself.

    Returns:
        The prefix as a `pathlib.Path`, or `None` if there is no checkpoint.
    """
    if path.is_dir():
        return _newest(path)
    name = _DATA_FILE.sub("", path.name)
    prefix = path.with_name(name) if name else path
    return prefix if _index(prefix).is_file() else None


def read_checkpoint(path: pathlib.Path) -> Arrays:
    """Read a checkpoint, with the averaged weights if it has them.

    Args:
        path: As for `find_prefix`.

    Returns:
        A dict of variable name to NumPy array.

    Raises:
        ImportError: If TensorFlow is not installed.
        ValueError: If the arrays need more bytes than the files have.
    """
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            "Reading a TensorFlow checkpoint needs TensorFlow, whatever the "
            "backend of Keras. Install it with "
            '`pip install "keras-efficient[convert]"`.'
        ) from error
    # A path that is no checkpoint is not passed to this function.
    prefix = find_prefix(path) or path
    reader = tf.train.load_checkpoint(str(prefix))
    dtypes = reader.get_variable_to_dtype_map()
    budget = ByteBudget(_stored_bytes(prefix), 1)
    for key, shape in reader.get_variable_to_shape_map().items():
        budget.take(math.prod(shape) * dtypes[key].size)
    names = {
        key: _variable_name(key)
        for key, dtype in dtypes.items()
        if dtype.is_floating  # integers are step counters
    }
    averaged = {
        _AVERAGED.sub("", name)
        for name in names.values()
        if _AVERAGED.search(name)
    }
    return {
        _AVERAGED.sub("", name): np.asarray(reader.get_tensor(key))
        for key, name in names.items()
        if _AVERAGED.search(name)
        or not (_SLOTS.search(name) or name in averaged)
    }


def read_archive(path: pathlib.Path) -> Arrays:
    """Read a checkpoint in a `.tar` or `.tar.gz` archive.

    Only the checkpoint's own files are extracted, into a temporary folder.

    Args:
        path: Path of the archive.

    Returns:
        A dict of variable name to NumPy array.

    Raises:
        ImportError: If TensorFlow is not installed.
        ValueError: If the archive contains no checkpoint, or its files need
            more than 1,100 times the bytes of the archive.
    """
    budget = ByteBudget.of_file(path)
    with tempfile.TemporaryDirectory() as temporary:
        folders: dict[pathlib.PurePosixPath, pathlib.Path] = {}
        with tarfile.open(path) as archive:
            for member in archive:
                name = pathlib.PurePosixPath(member.name)
                content = archive.extractfile(member)
                if content is None or not _is_of_checkpoint(name.name):
                    continue
                folder = folders.setdefault(
                    name.parent, pathlib.Path(temporary, str(len(folders)))
                )
                folder.mkdir(exist_ok=True)
                budget.take(member.size)
                with (folder / name.name).open("wb") as file:
                    shutil.copyfileobj(content, file)
        for folder in folders.values():
            if _newest(folder) is not None:
                return read_checkpoint(folder)
        raise ValueError("it contains no TensorFlow checkpoint")


def _newest(folder: pathlib.Path) -> pathlib.Path | None:
    """Return the prefix that a folder names, or the one of the last step."""
    state = folder / "checkpoint"
    if state.is_file():
        found = re.search(
            r'^model_checkpoint_path:\s*"(.+)"', state.read_text(), re.MULTILINE
        )
        # Its paths are those of the machine that wrote it.
        name = pathlib.PurePosixPath(found[1]).name if found else ""
        if name and _index(folder / name).is_file():
            return folder / name
    prefixes = [path.with_suffix("") for path in folder.glob("*.index")]
    return max(prefixes, key=_step, default=None)


def _step(prefix: pathlib.Path) -> tuple[int, str]:
    numbers = re.findall(r"\d+", prefix.name)
    return (int(numbers[-1]) if numbers else -1, prefix.name)


def _stored_bytes(prefix: pathlib.Path) -> int:
    return sum(
        os.stat(path).st_size
        for path in prefix.parent.iterdir()
        if path.name.startswith(f"{prefix.name}.data-")
    )


def _index(prefix: pathlib.Path) -> pathlib.Path:
    return prefix.with_name(f"{prefix.name}.index")


def _is_of_checkpoint(name: str) -> bool:
    # macOS adds a "._" twin to each file of an archive.
    return not name.startswith("._") and (
        name == "checkpoint" or _DATA_FILE.search(name) is not None
    )


def _variable_name(key: str) -> str:
    """Return the name of a variable, which TensorFlow 2 wraps and escapes."""
    suffix = "/.ATTRIBUTES/VARIABLE_VALUE"
    if not key.endswith(suffix):
        return key
    escapes = {"..": ".", ".S": "/"}
    return re.sub(
        r"\.\.|\.S", lambda m: escapes[m[0]], key.removesuffix(suffix)
    )
