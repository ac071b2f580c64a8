"""Conventions of all examples."""

import ast
import re

import pytest

from tests.examples.running import EXAMPLES

SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def test_table_lists_every_file_once():
    rows = re.findall(
        r"^\| \[(\S+)\]\((\S+)\) \|", (EXAMPLES / "README.md").read_text(), re.M
    )
    assert all(name == target for name, target in rows)
    files = {path.name for path in EXAMPLES.iterdir() if path.is_file()}
    assert sorted(name for name, _ in rows) == sorted(files - {"README.md"})


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_docstring_has_the_command(path):
    documentation = ast.get_docstring(ast.parse(path.read_text()))
    command = "make demo" if path.name == "demo.py" else f"examples/{path.name}"
    assert command in documentation


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_uses_public_names_only(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            is_dunder = node.attr.startswith("__")
            assert is_dunder or not node.attr.startswith("_"), node.attr
        if isinstance(node, ast.ImportFrom) and node.module:
            depth = node.module.count(".")
            assert "keras_efficient" not in node.module or depth <= 1
