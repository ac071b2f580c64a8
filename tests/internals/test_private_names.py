"""Private names of other libraries stay in `keras_efficient.internals`."""

import ast
import pathlib

import pytest

from tests.marks import on_one_backend

pytestmark = on_one_backend

ROOT = pathlib.Path(__file__).parents[2] / "keras_efficient"
LIBRARIES = {
    "PIL",
    "grain",
    "jax",
    "keras",
    "numpy",
    "onnx",
    "openvino",
    "tensorflow",
    "tf2onnx",
    "torch",
    "typer",
}
# Attributes that these libraries give to their objects, and that are private.
PRIVATE_ATTRIBUTES = {
    "_clip_gradients",
    "_flatten_layers",
    "_inbound_nodes",
    "_keras_history",
    "_layers",
    "_model_variables_moving_average",
    "_operations",
    "_trainable_variables",
    "_update_model_variables_moving_average",
    "_use_weight_decay",
}
PRIVATE_MODULES = (
    "jax._src",
    "keras.src",
    "tensorflow.python",
    "tf2onnx.tf_loader",
    "tf2onnx.tfonnx",
)
PATHS = sorted(
    path
    for path in ROOT.rglob("*.py")
    if path.relative_to(ROOT).parts[0] != "internals"
)


def dotted(node):
    """Return `a.b.c` for nested attributes of a name, or an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def private_names(path):
    """Yield the private names of other libraries that a module uses."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{name}" for name in names]
            for name in names:
                is_private = any(
                    part.startswith("_") and not part.startswith("__")
                    for part in name.split(".")
                )
                if name.split(".")[0] in LIBRARIES and is_private:
                    yield name
                if name.startswith(PRIVATE_MODULES):
                    yield name
        elif isinstance(node, ast.Attribute):
            if node.attr in PRIVATE_ATTRIBUTES:
                yield node.attr
            name = dotted(node)
            parts = name.split(".")
            is_library = parts[0] in LIBRARIES | {"np", "tf"}
            private = [x for x in parts[1:] if x.startswith("_")]
            if is_library and any(not x.startswith("__") for x in private):
                yield name
            if is_library and name.startswith(
                ("tf.raw_ops", "torch.jit", *PRIVATE_MODULES)
            ):
                yield name


@pytest.mark.parametrize(
    "path", PATHS, ids=lambda path: str(path.relative_to(ROOT))
)
def test_module_uses_no_private_name_of_a_library(path):
    assert not set(private_names(path))


def test_the_check_finds_private_names(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import torch\n"
        "from keras.src import backend\n"
        "torch._foreach_norm(x)\n"
        "layer._flatten_layers()\n"
        "torch.jit.trace(f)\n"
    )
    assert {
        "keras.src.backend",
        "torch._foreach_norm",
        "_flatten_layers",
        "torch.jit.trace",
    } <= set(private_names(path))
