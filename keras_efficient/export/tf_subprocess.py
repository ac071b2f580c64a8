"""Export from other backends: TensorFlow in a process of its own.

Keras has one backend a process. The model travels as a `.keras` file.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import keras

from keras_efficient.export.verification.check import ExportMismatchError

MODEL_FILE = "model.keras"
CHECK_FILE = "check.npz"
REQUEST_FILE = "request.json"
REPLY_FILE = "reply.json"
# How much is told of what a child that broke off wrote.
STDERR_CHARACTERS = 2000


def export_in_child(name, model, spec, path, settings, check) -> dict:
    """`formats.write_and_try` for a model of another backend.

    Args:
        name: String, the format.
        model: A `keras.Model`.
        spec: Its `ClassificationSpec` or `DetectionSpec`.
        path: `pathlib.Path` of the file or folder to write.
        settings: Dict of the format's settings.
        check: A `Check` for the child to run, or `None`.

    Returns:
        What `write_and_try` returns.

    Raises:
        ValueError: If the child cannot load the model.
        ExportMismatchError: If the check finds a difference.
        RuntimeError: If the child breaks off.
    """
    with tempfile.TemporaryDirectory() as workspace:
        workspace = pathlib.Path(workspace)
        model.save(workspace / MODEL_FILE)
        if check is not None:
            check.save(workspace / CHECK_FILE)
        request = {
            "format": name,
            "path": str(path),
            "settings": settings,
            "spec": spec.to_config(),
            "modules": _modules_of_layers(model),
        }
        (workspace / REQUEST_FILE).write_text(json.dumps(request))
        reply = _run_child(workspace)
    error = reply.get("error")
    if error == "load":
        # What follows in Keras' message is the whole config.
        reason = reply["message"].partition(" Full object config")[0]
        raise ValueError(
            "TensorFlow writes the export in a process of its own, which "
            f"cannot load the model: {reason}\nLayers and functions "
            "of your own must be decorated with `@keras.saving."
            "register_keras_serializable()`, and layers be defined in a module "
            "that can be imported, not in a notebook or a main program. Or "
            "load your model with KERAS_BACKEND=tensorflow and export it there."
        )
    if error == "mismatch":
        raise ExportMismatchError(reply["message"])
    return reply


def _modules_of_layers(model: keras.Model) -> list[str]:
    """Modules that the child imports, for what they register with Keras."""
    modules = {type(layer).__module__ for layer in model._flatten_layers()}
    return sorted(modules - {"__main__"})


def _run_child(workspace: pathlib.Path) -> dict:
    child = subprocess.run(
        [
            sys.executable,
            "-m",
            "keras_efficient.export.tf_subprocess_main",
            str(workspace),
        ],
        env=_environment(),
        capture_output=True,
        text=True,
        errors="replace",
    )
    reply = workspace / REPLY_FILE
    if child.returncode != 0 or not reply.exists():
        raise RuntimeError(
            "The process that writes the export with TensorFlow broke off "
            f"(exit status {child.returncode}):\n"
            f"{child.stderr[-STDERR_CHARACTERS:]}"
        )
    return json.loads(reply.read_text())


def _environment() -> dict[str, str]:
    environment = dict(
        os.environ,
        KERAS_BACKEND="tensorflow",
        TF_CPP_MIN_LOG_LEVEL="3",
        # The parent holds the accelerator and its memory.
        CUDA_VISIBLE_DEVICES="-1",
        # Whatever this process can import.
        PYTHONPATH=os.pathsep.join(entry or os.getcwd() for entry in sys.path),
    )
    # JAX's; TensorFlow ends on a flag that it does not know.
    environment.pop("XLA_FLAGS", None)
    return environment
