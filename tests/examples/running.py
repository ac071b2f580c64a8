"""How the examples are run: as a user would, or within this process."""

import os
import pathlib
import runpy
import subprocess
import sys

import keras
import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"

# Others compile for minutes what the tests of the package compile, too.
quick_on_torch = pytest.mark.slow
if keras.backend.backend() == "torch":
    quick_on_torch = pytest.mark.filterwarnings()


def start(script, *arguments, **environment):
    """An example, run to its end in a process of its own on this backend."""
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
    """Output of an example that is to end well."""
    process = start(script, *arguments, **environment)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def functions_of(script):
    """The names that an example defines."""
    return runpy.run_path(str(EXAMPLES / script))
