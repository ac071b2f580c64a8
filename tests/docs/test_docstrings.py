"""Run the Python blocks in docstrings, which doctest does not run.

`pytest --doctest-modules` runs examples with `>>>`. The blocks require data and
trained models, of which `world` provides small ones.
"""

import ast
import pathlib
import re
import textwrap

import keras
import numpy as np
import pytest

import keras_efficient
from tests.docs import world
from tests.docs.blocks import REPOSITORY
from tests.marks import BACKEND
from tests.marks import has_slow_examples

PACKAGE = REPOSITORY / "keras_efficient"
FENCED = re.compile(r"```python\n(.*?)```", re.DOTALL)
# Examples that other tests run, and which.
ELSEWHERE = {
    "weights/download.py": "a server is needed: tests/weights",
    "models/imagenet.py": "names are downloaded: tests/examples",
    "export/exported_model.py": "an export is needed: tests/export",
}
# Training, whose compilation takes long on backends other than PyTorch.
TRAINS = re.compile(r"\.fit\(|finetune_|evaluate")


def _examples():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            kinds = (ast.ClassDef, ast.FunctionDef, ast.Module)
            docstring = isinstance(node, kinds) and ast.get_docstring(node)
            for i, code in enumerate(FENCED.findall(docstring or "")):
                title = getattr(node, "name", "module")
                yield name, f"{name}::{title}{i or ''}", code


def _cases():
    for name, title, code in _examples():
        is_slow = BACKEND != "torch" and TRAINS.search(code)
        is_slow = is_slow or has_slow_examples(pathlib.PurePath(name))
        is_slow = is_slow or "epochs=50" in code
        marks = [pytest.mark.slow] if is_slow else []
        if name in ELSEWHERE:
            marks.append(pytest.mark.skip(reason=ELSEWHERE[name]))
        yield pytest.param(code, id=title, marks=marks)


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Names that the examples use without defining them."""
    world.settle(tmp_path, monkeypatch)
    pathlib.Path("run").mkdir()
    log = pathlib.Path("runs/cells/log_all.csv")
    log.parent.mkdir(parents=True)
    log.write_text("epoch,loss,val_mAP50\n1,2.5,nan\n2,1.5,0.25\n")
    for name in ("a.jpg", "b.jpg"):
        pathlib.Path(name).symlink_to("dogs.jpg")
    cells = pathlib.Path("cells")
    (cells / "test").symlink_to("val")
    pathlib.Path("bccd").symlink_to("cells")
    load = keras_efficient.data.load_detection
    train, val = load("cells", "train"), load("cells", "val")
    model = world.small_detector()
    recipe = keras_efficient.training.detection_recipe(steps=9, batch_size=4)
    model.compile(**recipe)
    return {
        "keras": keras,
        "keras_efficient": keras_efficient,
        "np": np,
        "model": model,
        "dataset": train,
        "validation": val,
        "batches": train.batches(model.image_size, 4, training=True),
        "images": np.zeros((2, 224, 224, 3), "float32"),
        "FollowEpochs": keras_efficient.training.FollowEpochs,
        "Throughput": keras_efficient.training.Throughput,
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("code", _cases())
def test_example_runs(code, names, capsys):
    source = textwrap.dedent(code)
    if "..." in source:
        # "..." stands for arguments of the user: parse the example only.
        ast.parse(source)
        return
    if "BestWeights" in source or "finetune_classification" in source:
        names |= _classification(names)
    exec(compile(source, "docstring", "exec"), names)


def _classification(names):
    """Return a classifier of five flowers in place of the detector."""
    load = keras_efficient.data.load_classification
    train, val = load("flowers", "train"), load("flowers", "val")
    model = keras_efficient.EfficientNetB0(weights=None, classes=5)
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return {
        "model": model,
        "train": train,
        "val": val,
        "batches": train.batches(224, 8, training=True),
        "validation": val.batches(224, 8),
    }


def test_examples_are_found():
    assert len(list(_examples())) >= 20
