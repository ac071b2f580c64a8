"""Lazy imports without side effects, and complete lists of public names."""

import ast
import inspect
import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

import keras_efficient
from keras_efficient import saved_classes
from tests.marks import on_one_backend

pytestmark = on_one_backend

HEAVY = ("keras", "tensorflow", "jax", "torch", "numpy", "PIL", "grain")


def in_new_process(code, *arguments, **environment):
    """Return the standard output of Python code in a new process."""
    inherited = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    variables = {**inherited, **environment}
    output = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**variables, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert output.returncode == 0, output.stderr
    return output.stdout


def type_checked_names():
    """Return the names that the block for type checkers imports."""
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
        # As in `pytest keras-efficient/` and `python plot.py keras-efficient`.
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


@pytest.mark.parametrize(
    "imports",
    [
        "import keras; import keras_efficient",
        "import keras_efficient; import keras",
        pytest.param(
            "import keras_efficient; from keras import layers; import keras",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_saved_models_load_before_anything_else_is_used(tmp_path, imports):
    model = keras_efficient.EfficientNet(
        stages=keras_efficient.variants.EFFICIENTNET_STAGES[:1],
        width_coefficient=0.25,
        include_top=False,
    )
    model.save(tmp_path / "model.keras")
    code = (
        f"import sys; {imports}\n"
        "assert 'keras_efficient.models' not in sys.modules\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "print(type(model).__name__, keras.__spec__.loader is not None)"
    )
    backend = keras.backend.backend()
    output = in_new_process(
        code, str(tmp_path / "model.keras"), KERAS_BACKEND=backend
    )
    assert output.endswith("EfficientNet True\n")


def test_every_registered_class_has_a_placeholder():
    for name in keras_efficient.__all__:
        getattr(keras_efficient, name)
    known = keras.saving.get_custom_objects()
    names = {x.partition(">")[2] for x in known if "keras_efficient>" in x}
    assert names == set(saved_classes.CLASSES)
    left = [
        x for x in known.values() if isinstance(x, saved_classes.Placeholder)
    ]
    assert not left, "add the part that registers it to `_PARTS`"
