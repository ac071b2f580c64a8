"""Importing the package has no side effects, and hides nothing."""

import ast
import inspect
import json
import os
import pathlib
import subprocess
import sys

import pytest

import keras_efficient

HEAVY = ("keras", "tensorflow", "jax", "torch", "numpy", "PIL", "grain")


def in_new_process(code, *arguments, **environment):
    """Standard output of Python code in a process of its own."""
    variables = {**os.environ, **environment}
    variables.pop("KERAS_BACKEND", None)
    output = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**variables, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert output.returncode == 0, output.stderr
    return output.stdout


def type_checked_names():
    """Names that the block for type checkers imports."""
    tree = ast.parse(inspect.getsource(keras_efficient))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return [alias.name for node in block.body for alias in node.names]


def test_every_public_name_resolves():
    for name in keras_efficient.__all__:
        assert getattr(keras_efficient, name) is not None
    assert set(keras_efficient.__all__) <= set(dir(keras_efficient))
    assert len(set(keras_efficient.__all__)) == len(keras_efficient.__all__)


def test_type_checkers_see_the_same_names():
    names = type_checked_names()
    assert sorted(["__version__", *names]) == sorted(keras_efficient.__all__)


def test_every_subpackage_with_public_names_is_listed():
    folder = pathlib.Path(keras_efficient.__file__).parent
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    internal = {"cli", "internals", "kernels"}
    assert packages - internal <= set(keras_efficient.__all__)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'EfficientNetB9'"):
        _ = keras_efficient.EfficientNetB9


@pytest.mark.parametrize(
    "statement",
    [
        "import keras_efficient; keras_efficient.__version__",
        "from keras_efficient import variants, scaling, feature_graphs",
    ],
)
def test_import_loads_no_backend_and_changes_nothing(statement):
    code = (
        "import json, os, sys; before = dict(os.environ)\n"
        f"{statement}\n"
        f"loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        "print(json.dumps([loaded, dict(os.environ) == before]))"
    )
    assert json.loads(in_new_process(code)) == [[], True]


@pytest.mark.parametrize(
    "command",
    [
        # As of `pytest keras-efficient/` and `python plot.py keras-efficient`.
        ["keras-efficient/", "--backend", "nonsense"],
        ["plot.py", "keras-efficient", "--backend", "nonsense"],
    ],
)
def test_import_reads_no_command_line(command):
    code = "import keras_efficient, os; print(os.environ.get('KERAS_BACKEND'))"
    assert in_new_process(code, *command) == "None\n"


def test_names_are_loaded_when_they_are_used():
    code = (
        "import sys, keras_efficient\n"
        "keras_efficient.variants.EFFICIENTNET_VARIANTS\n"
        "assert 'keras' not in sys.modules\n"
        "from keras_efficient import EfficientDetD0\n"
        "assert 'keras' in sys.modules\n"
        "print(EfficientDetD0.__name__)"
    )
    assert in_new_process(code).endswith("EfficientDetD0\n")
