"""Checkpoints of TensorFlow 1 and 2, as they lie or in Google's archives."""

import pathlib
import re
import shutil
import tarfile
import tempfile

import numpy as np

# Google evaluates, and all others have converted, these running averages; the
# second form is that of an optimizer of TensorFlow 2.
_AVERAGED = re.compile(
    r"/(ExponentialMovingAverage|\.OPTIMIZER_SLOT/\w+/average)$"
)
# What an optimizer keeps beside each variable.
_SLOTS = re.compile(
    r"/((RMSProp|Momentum|Adam|Adagrad|Ftrl|LARS|LARSOptimizer)(_\d+)?"
    r"|\.OPTIMIZER_SLOT/\w+/\w+)$"
)
_DATA_FILE = re.compile(r"(\.index|\.meta|\.data-\d+-of-\d+)$")


def find_prefix(path):
    """The prefix of a checkpoint, from whatever names it.

    Args:
        path: Path of a folder, of one of the checkpoint's files, or the
            prefix itself.

    Returns:
        The prefix as a `pathlib.Path`, or `None` if there is no checkpoint.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        return _newest(path)
    name = _DATA_FILE.sub("", path.name)
    prefix = path.with_name(name) if name else path
    return prefix if _index(prefix).is_file() else None


def read(prefix):
    """Reads a checkpoint: the averaged weights where it has them.

    Args:
        prefix: Path of the checkpoint, without `.index`.

    Returns:
        A dict of variable name to NumPy array.

    Raises:
        ImportError: If TensorFlow is not installed.
    """
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            "Reading a checkpoint of TensorFlow needs TensorFlow, whatever "
            "the backend of Keras. Install it by "
            '`pip install "keras-efficient[convert]"`.'
        ) from error
    reader = tf.train.load_checkpoint(str(prefix))
    dtypes = reader.get_variable_to_dtype_map()
    names = {
        key: _variable_name(key)
        for key, dtype in dtypes.items()
        if dtype.is_floating  # steps are counted in integers
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


def read_archive(path):
    """Reads a checkpoint within a `.tar` or `.tar.gz` archive.

    Only the checkpoint's own files are taken out, under names of ours.

    Args:
        path: Path of the archive.

    Returns:
        A dict of variable name to NumPy array.

    Raises:
        ImportError: If TensorFlow is not installed.
        ValueError: If the archive holds no checkpoint.
    """
    with tempfile.TemporaryDirectory() as folder:
        folders = {}
        with tarfile.open(path) as archive:
            for member in archive:
                name = pathlib.PurePosixPath(member.name)
                if member.isfile() and _is_of_checkpoint(name.name):
                    place = folders.setdefault(
                        name.parent, pathlib.Path(folder, str(len(folders)))
                    )
                    place.mkdir(exist_ok=True)
                    with (place / name.name).open("wb") as file:
                        shutil.copyfileobj(archive.extractfile(member), file)
        prefixes = filter(None, map(_newest, folders.values()))
        prefix = next(prefixes, None)
        if prefix is None:
            raise ValueError("it holds no checkpoint of TensorFlow")
        return read(prefix)


def _newest(folder):
    """The checkpoint that the folder names, else the one of the last step."""
    state = folder / "checkpoint"
    if state.is_file():
        found = re.search(
            r'^model_checkpoint_path:\s*"(.+)"', state.read_text(), re.MULTILINE
        )
        # Paths within are those of the machine that has written it.
        name = pathlib.PurePosixPath(found[1]).name if found else ""
        if name and _index(folder / name).is_file():
            return folder / name
    prefixes = [path.with_suffix("") for path in folder.glob("*.index")]
    return max(prefixes, key=_step, default=None)


def _step(prefix):
    numbers = re.findall(r"\d+", prefix.name)
    return (int(numbers[-1]) if numbers else -1, prefix.name)


def _index(prefix):
    return prefix.with_name(f"{prefix.name}.index")


def _is_of_checkpoint(name):
    # macOS adds a "._" twin to each file of an archive.
    return not name.startswith("._") and (
        name == "checkpoint" or _DATA_FILE.search(name) is not None
    )


def _variable_name(key):
    """The name of a variable, which TensorFlow 2 wraps and escapes."""
    suffix = "/.ATTRIBUTES/VARIABLE_VALUE"
    if not key.endswith(suffix):
        return key
    escapes = {"..": ".", ".S": "/"}
    return re.sub(
        r"\.\.|\.S", lambda m: escapes[m[0]], key.removesuffix(suffix)
    )
