"""Selection of the backend, before Keras is imported.

Keras selects its backend when it is imported, which is before a command line
is parsed in the usual way. The entry point therefore reads `--backend` first.
"""

import importlib.util
import json
import os
import pathlib
import sys
from collections.abc import Sequence

BACKENDS = ("tensorflow", "jax", "torch")
PROGRAM = "keras-efficient"
_VARIABLE = "KERAS_BACKEND"
# Exit status for an invalid command line.
_USAGE_ERROR = 2


def select_backend(arguments: Sequence[str]) -> None:
    """Set the environment variable `KERAS_BACKEND` for this process.

    The option `--backend` takes precedence over `KERAS_BACKEND`, and this over
    Keras' configuration file. If the configured backend is not installed but
    another one is, that one is used and reported.

    Args:
        arguments: Command line without the name of the program.

    Raises:
        SystemExit: If the requested backend is not installed, or none is.
    """
    if "keras" in sys.modules:
        return
    # Start-up messages of TensorFlow are not messages of this program.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    requested = _option(arguments) or os.environ.get(_VARIABLE)
    if requested is not None and requested not in BACKENDS:
        return  # Typer or Keras reports the error.
    backend = requested or _configured()
    if not _is_installed(backend):
        installed = [name for name in BACKENDS if _is_installed(name)]
        if requested or not installed:
            others = f" Or use --backend {installed[0]}." if installed else ""
            print(
                f"{PROGRAM}: the backend {backend} is not installed. Install "
                f'it with `pip install "keras-efficient[{backend}]"`.{others}',
                file=sys.stderr,
            )
            sys.exit(_USAGE_ERROR)
        print(
            f"{PROGRAM}: {backend} is not installed; using {installed[0]}.",
            file=sys.stderr,
        )
        backend = installed[0]
    os.environ[_VARIABLE] = backend


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _option(arguments: Sequence[str]) -> str | None:
    """Return the last value of `--backend`."""
    value = None
    for position, word in enumerate(arguments):
        if word == "--":
            break
        if word.startswith("--backend="):
            value = word.partition("=")[2]
        elif word == "--backend" and position + 1 < len(arguments):
            value = arguments[position + 1]
    return value


def _configured() -> str:
    """Return the backend of Keras' configuration file, or TensorFlow."""
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    try:
        settings = json.loads(pathlib.Path(home, "keras.json").read_text())
        backend = settings.get("backend", "tensorflow")
    except (AttributeError, OSError, ValueError):
        backend = "tensorflow"
    return backend if backend in BACKENDS else "tensorflow"
