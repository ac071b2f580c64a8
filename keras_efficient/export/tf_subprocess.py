"""Calls of functions in a process with the TensorFlow backend.

Keras supports one backend per process, and every export is written by
TensorFlow. Models of other backends are saved to a `.keras` file, which a child
process loads. The function, its other arguments and its result are pickled.
"""

import contextlib
import importlib
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Callable
from typing import Any

import keras

from keras_efficient.export.errors import ExportProcessError
from keras_efficient.internals import keras_internals

MODEL_FILE = "model.keras"
CALL_FILE = "call.pickle"
REPLY_FILE = "reply.pickle"
# Length of the excerpt of what a crashed process wrote to standard error.
STDERR_CHARACTERS = 2000
# Length of the excerpt of Keras' message, which ends with the layer's config.
REASON_CHARACTERS = 300
# The signal of the system to the process that uses most memory. Windows has
# none, so that `signal.SIGKILL` is missing there.
SIGKILL = 9
LESS_MEMORY = (
    "An earlier export was not changed. Close other programs, or export a "
    "smaller model or image size. Or load the model with "
    "KERAS_BACKEND=tensorflow and export it there, without a second process."
)


def call_on_tensorflow(
    function: Callable[..., Any], model: keras.Model, *arguments: Any
) -> Any:
    """Call `function(model, *arguments)` on the TensorFlow backend.

    The function runs in this process if its backend is TensorFlow, and in a
    child process otherwise.

    Args:
        function: Function that is defined at the top level of a module of this
            package.
        model: A `keras.Model`, the function's first argument.
        *arguments: The function's other arguments. They and the result must
            support `pickle`.

    Returns:
        The result of the function.

    Raises:
        ValueError: If the child process cannot load the model.
        ExportProcessError: If the child process fails for another reason,
            such as lack of memory or a signal. It is a `RuntimeError`.
        Exception: Built-in exceptions and exceptions of this package that the
            function raises.
    """
    if keras.backend.backend() == "tensorflow":
        return function(model, *arguments)
    with tempfile.TemporaryDirectory() as folder:
        workspace = pathlib.Path(folder)
        model.save(workspace / MODEL_FILE)
        call = {
            "modules": _modules_of_layers(model),
            "function": function,
            "arguments": arguments,
        }
        _write(workspace / CALL_FILE, call)
        reply = _run_child(workspace)
    if "error" in reply:
        raise reply["error"] from RuntimeError(reply["traceback"])
    return reply["result"]


def child_main(workspace: pathlib.Path) -> None:
    """Run the call that is stored in a folder and store the reply there.

    Args:
        workspace: Folder with the files that `call_on_tensorflow` wrote.
    """
    call = pickle.loads((workspace / CALL_FILE).read_bytes())
    try:
        model = _load_model(workspace / MODEL_FILE, call["modules"])
        reply = {"result": call["function"](model, *call["arguments"])}
    except Exception as error:
        reply = {
            "error": _portable(error),
            "traceback": "".join(traceback.format_exception(error)),
        }
    _write(workspace / REPLY_FILE, reply)


def _write(path: pathlib.Path, value: Any) -> None:
    """Pickle a value, without a copy of its arrays in memory."""
    with path.open("wb") as file:
        pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)


def _load_model(path: pathlib.Path, modules: list[str]) -> keras.Model:
    """Load a model after the modules that register its layers with Keras."""
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    try:
        # The parent wrote the file, so that its code is as safe as the parent.
        return keras.saving.load_model(path, compile=False, safe_mode=False)
    except (TypeError, ValueError) as error:
        reason = textwrap.shorten(str(_first_error(error)), REASON_CHARACTERS)
        raise ValueError(
            "TensorFlow writes the export in a process of its own, which "
            f"cannot load the model: {reason}\nDecorate custom layers and "
            "functions with `@keras.saving.register_keras_serializable()`, and "
            "define layers in a module that can be imported, not in a notebook "
            "or a main program. Or load the model with "
            "KERAS_BACKEND=tensorflow and export it there."
        ) from error


def _first_error(error: BaseException) -> BaseException:
    """Return the error of the innermost layer in a chain of Keras errors."""
    while isinstance(error.__context__, TypeError | ValueError):
        error = error.__context__
    return error


def _portable(error: Exception) -> Exception:
    """Return an exception that the parent can unpickle without TensorFlow."""
    module = type(error).__module__
    if isinstance(error, MemoryError):  # that of NumPy has another type
        reason = textwrap.shorten(str(error), REASON_CHARACTERS) or "no details"
        return ExportProcessError(
            f"The export process ran out of memory ({reason}). {LESS_MEMORY}"
        )
    if module == "builtins" or module.startswith("keras_efficient."):
        with contextlib.suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return error
    return ExportProcessError(
        "The process that writes the export with TensorFlow failed: "
        f"{type(error).__name__}: {error}"
    )


def _modules_of_layers(model: keras.Model) -> list[str]:
    """Return the modules that define the layers of a model."""
    layers = [model, *keras_internals.all_layers(model)]
    return sorted({type(layer).__module__ for layer in layers} - {"__main__"})


def _run_child(workspace: pathlib.Path) -> dict[str, Any]:
    """Run `child_main` in a new process and return its reply."""
    code = (
        "import pathlib, sys; "
        "from keras_efficient.export.tf_subprocess import child_main; "
        "child_main(pathlib.Path(sys.argv[1]))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(workspace)],
        env=_environment(),
        capture_output=True,
        text=True,
        errors="replace",
    )
    reply = workspace / REPLY_FILE
    if child.returncode != 0 or not reply.exists():
        raise ExportProcessError(_reason(child.returncode, child.stderr))
    return pickle.loads(reply.read_bytes())


def _reason(status: int, output: str) -> str:
    """Return why the child process ended, in one line if it was killed."""
    if status == -SIGKILL:
        return (
            f"The export process was killed by signal {-status}, probably "
            f"because it ran out of memory. {LESS_MEMORY}"
        )
    if status < 0:
        last = textwrap.shorten(output[-STDERR_CHARACTERS:], REASON_CHARACTERS)
        return (
            f"The export process was ended by signal {-status} "
            f"({_signal_name(-status)}), which may be a lack of memory. An "
            f"earlier export was not changed. Its last output: {last or 'none'}"
        )
    return (
        "The process that writes the export with TensorFlow ended with "
        f"exit status {status}:\n{output[-STDERR_CHARACTERS:]}"
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _environment() -> dict[str, str]:
    environment = dict(
        os.environ,
        KERAS_BACKEND="tensorflow",
        TF_CPP_MIN_LOG_LEVEL="3",
        # The parent uses the accelerator and its memory.
        CUDA_VISIBLE_DEVICES="-1",
        # The modules that this process can import.
        PYTHONPATH=os.pathsep.join(entry or os.getcwd() for entry in sys.path),
    )
    # Without oneDNN, TensorFlow has no convolutions for channels first on CPU.
    environment.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # JAX flags; TensorFlow exits on a flag that it does not know.
    environment.pop("XLA_FLAGS", None)
    return environment
