"""Run every Python block of the README and the pages, in order."""

import pathlib
import shutil

import keras
import numpy as np
import pytest

import keras_efficient
from tests.docs import world
from tests.docs.blocks import PAGES
from tests.docs.blocks import blocks
from tests.marks import BACKEND

# Packages that the code of a page requires in addition to the core.
NEEDED = {
    "README.md": ("ai_edge_quantizer", "openvino", "tf2onnx"),
    "keras_cv.md": ("keras_cv",),
    "serving.md": (
        "ai_edge_quantizer",
        "openvino",
        "tf2onnx",
        "mediapipe",
        "tensorflow_serving",
    ),
    "training.md": ("matplotlib",),
}
# Backends on which a page runs in seconds, without long compilation.
QUICK = {
    "README.md": (),
    "data.md": (),
    "index.md": (),
    "keras_cv.md": (),
    "migration.md": ("torch",),
    "models.md": ("torch",),
    "scaling.md": (),
    "serving.md": (),
    "training.md": (),
}


def _cases():
    for page in PAGES:
        if blocks(page, "python"):
            is_quick = BACKEND in QUICK.get(page.name, ())
            marks = () if is_quick else (pytest.mark.slow,)
            yield pytest.param(page, id=page.name, marks=marks)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", _cases())
def test_code_runs(page, tmp_path, monkeypatch, capsys):
    for package in NEEDED.get(page.name, ()):
        pytest.importorskip(package)
    world.settle(tmp_path, monkeypatch)
    names = _before(page, monkeypatch)
    for line, code in blocks(page, "python"):
        source = "\n" * (line - 1) + code
        exec(compile(source, str(page), "exec"), names)
    left = {path.name for path in tmp_path.iterdir()}
    assert LEFT_BEHIND.get(page.name, set()) <= left


# Files and folders that the code of a page writes.
LEFT_BEHIND = {
    "README.md": {"dogs_boxes.png", "cells_run", "served", "cells.tflite"},
    "index.md": {"dogs_boxes.png", "cells_run", "served"},
    "scaling.md": {"search.jsonl"},
    "serving.md": {"served", "cells.onnx", "cells_openvino", "cells.tflite"},
    "training.md": {"train_batch.jpg", "cells_run", "flowers_run"},
}


def _before(page, monkeypatch):
    """Return names that a page uses without defining them."""
    names = {"keras_efficient": keras_efficient}
    if page.name == "README.md":
        names["images"] = np.zeros((2, 128, 128, 3), "float32")
        world.write_timm_checkpoint("tf_efficientnet_b0.pth")
    if page.name == "serving.md":
        names["detector"] = world.small_detector()
        names["classifier"] = keras_efficient.EfficientNetB0(
            weights=None, classes=len(world.FLOWERS)
        )
        shutil.copy("cat.jpg", "flower.jpg")
        world.serve(monkeypatch, pathlib.Path("served/cells/1").absolute())
    if page.name == "scaling.md":
        names |= {"build": _build, "train_and_evaluate": _rate}
    return names


def _build(c):
    """Build a user's network with the cost of MobileNetV2."""
    return keras_efficient.MobileNetV2(
        width_coefficient=c.width,
        depth_coefficient=c.depth,
        resolution=c.scale_resolution(224),
        classes=10,
    )


def _rate(model):
    assert isinstance(model, keras.Model)
    return 1 / len(model.layers)


def test_every_page_with_code_is_listed():
    with_code = {page.name for page in PAGES if blocks(page, "python")}
    assert with_code == set(QUICK)
