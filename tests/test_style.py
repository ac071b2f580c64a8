"""Sizes of files and functions, docstrings and annotations."""

import ast
import inspect
import pathlib

import pytest

import keras_efficient
from tests.marks import on_one_backend

pytestmark = on_one_backend

REPOSITORY = pathlib.Path(__file__).parents[1]
PACKAGE = REPOSITORY / "keras_efficient"
MAX_FILE_LINES = 400
MAX_BODY_LINES = 60
PATHS = sorted(
    path
    for folder in ("keras_efficient", "examples", "benchmarks", "tests")
    for path in (REPOSITORY / folder).rglob("*.py")
)


def public_objects():
    values = [getattr(keras_efficient, x) for x in keras_efficient.__all__]
    modules = [value for value in values if inspect.ismodule(value)]
    for module in modules:
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and getattr(value, "__module__", None) == module.__name__
        ]
        for name in names:
            if callable(getattr(module, name)):
                yield pytest.param(
                    getattr(module, name), id=f"{module.__name__}.{name}"
                )


def body_lines(node):
    docstring = ast.get_docstring(node, clean=False) or ""
    signature = node.body[0].lineno - node.lineno
    return node.end_lineno - node.lineno - signature - docstring.count("\n")


@pytest.mark.parametrize(
    "path", PATHS, ids=lambda path: str(path.relative_to(REPOSITORY))
)
def test_sizes(path):
    source = path.read_text()
    assert source.count("\n") <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert body_lines(node) <= MAX_BODY_LINES, node.name


@pytest.mark.parametrize("symbol", public_objects())
def test_docstring_names_every_argument(symbol):
    docstring = inspect.getdoc(symbol) or ""
    # Of the variants of a family, the first one documents the arguments.
    if "\nSee `" in docstring:
        return
    if isinstance(symbol, type) and issubclass(symbol, BaseException):
        return
    # A dataclass of results documents its attributes.
    is_record = "\nAttributes:" in docstring
    # A faster version of a layer of Keras has the arguments of Keras.
    is_keras_own = "\n    *args: As for `keras.layers." in docstring
    parameters = {} if is_keras_own else inspect.signature(symbol).parameters
    for name, parameter in parameters.items():
        stars = {
            parameter.VAR_KEYWORD: r"**",
            parameter.VAR_POSITIONAL: "*",
        }.get(parameter.kind, "")
        assert f"\n    {stars}{name}: " in docstring, name
    if not is_record and not isinstance(symbol, type):
        returns = inspect.signature(symbol).return_annotation
        if returns not in (None, "None"):
            assert "\nReturns:" in docstring or "\nYields:" in docstring
    if not is_record:
        assert "\nExample" in docstring


def public_functions(tree):
    """Yield public functions, and public methods of all classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from public_functions(node)
        elif isinstance(node, ast.FunctionDef):
            if not node.name.startswith("_") or node.name == "__init__":
                yield node


@pytest.mark.parametrize(
    "path",
    [path for path in PATHS if path.is_relative_to(PACKAGE)],
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_public_functions_are_annotated(path):
    missing = []
    for function in public_functions(ast.parse(path.read_text())):
        given = function.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
        arguments += [x for x in (given.vararg, given.kwarg) if x is not None]
        names = [x.arg for x in arguments if x.annotation is None]
        names = [name for name in names if name not in ("self", "cls")]
        # The return value of a constructor needs no annotation.
        is_open = function.returns is None and function.name != "__init__"
        if names or is_open:
            missing.append((function.name, names))
    assert not missing
