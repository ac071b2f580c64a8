"""The option `--backend` of the program, obeyed before Keras is imported.

Keras chooses its backend when it is imported, which is before a command line
can be read in the usual way.
"""

import importlib.util
import json
import os
import pathlib
import sys
from collections.abc import Sequence

BACKENDS = ("tensorflow", "jax", "torch")
PROGRAM = "keras-efficient"
MODULE = "keras_efficient.cli"
_VARIABLE = "KERAS_BACKEND"
# The status that a wrong command line has.
_USAGE_ERROR = 2


def obey(command: Sequence[str]) -> None:
    """Sets the backend where this process is the program.

    Without the option it is the backend of Keras; but one that is not
    installed gives way to one that is, unless the environment asks for it.

    Args:
        command: The whole command of the process, as in `sys.orig_argv`.

    Returns:
        Nothing.

    Raises:
        SystemExit: If a backend is asked for that is not installed.

    Example:
    >>> from keras_efficient.backend_option import obey
    >>> obey(["python", "script.py", "--backend", "jax"])  # another program
    """
    arguments = _arguments(command)
    if arguments is None or "keras" in sys.modules:
        return
    # Start-up messages of TensorFlow are none of the program's.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    asked = _option(arguments) or os.environ.get(_VARIABLE)
    if asked is not None and asked not in BACKENDS:
        return  # Who reads the command line or Keras says what is wrong.
    backend = asked or _configured()
    if importlib.util.find_spec(backend) is None:
        there = [x for x in BACKENDS if importlib.util.find_spec(x) is not None]
        if asked or not there:
            others = f" Or take --backend {there[0]}." if there else ""
            print(
                f"{PROGRAM}: the backend {backend} is not installed. Install "
                f'it by `pip install "keras-efficient[{backend}]"`.{others}',
                file=sys.stderr,
            )
            sys.exit(_USAGE_ERROR)
        print(
            f"{PROGRAM}: {backend} is not installed, so {there[0]} is used.",
            file=sys.stderr,
        )
        backend = there[0]
    os.environ[_VARIABLE] = backend


def _arguments(command):
    """What follows the program's name, or `None` for other programs."""
    command = list(command)
    if MODULE in command and "-m" in command[: command.index(MODULE)]:
        return command[command.index(MODULE) + 1 :]
    for place, word in enumerate(command[:3]):
        if pathlib.PurePath(word).name.split(".")[0] == PROGRAM:
            return command[place + 1 :]
    return None


def _option(arguments):
    """The last value of `--backend`."""
    value = None
    for place, word in enumerate(arguments):
        if word == "--":
            break
        if word.startswith("--backend="):
            value = word.partition("=")[2]
        elif word == "--backend" and place + 1 < len(arguments):
            value = arguments[place + 1]
    return value


def _configured():
    """What Keras would take: its settings file, or TensorFlow."""
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    try:
        settings = json.loads(pathlib.Path(home, "keras.json").read_text())
        backend = settings.get("backend", "tensorflow")
    except (AttributeError, OSError, ValueError):
        backend = "tensorflow"
    return backend if backend in BACKENDS else "tensorflow"


obey(sys.orig_argv)
