"""Running the examples, in a new process or within this one."""

import os
import pathlib
import runpy
import subprocess
import sys

import keras
import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"

# The other backends compile for minutes.
quick_on_torch = pytest.mark.slow
if keras.backend.backend() == "torch":
    quick_on_torch = pytest.mark.filterwarnings()


def start(script, *arguments, **environment):
    """Run an example in a new process on this backend, and return it."""
    return subprocess.run(
        [sys.executable, EXAMPLES / script, *arguments],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "KERAS_BACKEND": keras.backend.backend(),
            "PYTHONPATH": str(EXAMPLES.parent),
            **environment,
        },
    )


def run(script, *arguments, **environment):
    """Return the output of an example that must succeed."""
    process = start(script, *arguments, **environment)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def functions_of(script):
    """Return the names that an example defines."""
    return runpy.run_path(str(EXAMPLES / script))
