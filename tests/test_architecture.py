"""Imports between the floors of `docs/architecture.md`."""

import ast
import graphlib
import pathlib

from tests.marks import on_one_backend

pytestmark = on_one_backend

PACKAGE = "keras_efficient"
ROOT = pathlib.Path(__file__).parents[1] / PACKAGE
FLOORS = (
    {
        "atomic_writes",
        "deprecation",
        "log",
        "plotting",
        "saved_classes",
        "types",
        "version",
    },
    {"variant_rows"},
    {"lite_variants"},
    {"variants", "feature_graphs"},
    {"scaling"},
    {"internals"},
    {"counting", "kernels", "weights"},
    {"ops"},
    {"layers", "converters", "data", "losses"},
    {"fusing", "postprocessing"},
    {"inference"},
    {"budgets", "models"},
    {"applications", "evaluation"},
    {"visualization"},
    {"export", "training"},
    {""},  # the package itself, with all public names
    {"cli"},
)
# Floors that import the standard library and each other only.
NUM_GROUND_FLOORS = 3
FLOOR_OF = {part: i for i, parts in enumerate(FLOORS) for part in parts}
BACKENDS = {"tensorflow", "jax", "torch"}
MAY_IMPORT_A_BACKEND = {"converters", "export", "internals", "kernels"}


def module_name(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports_of(module):
    """Yield the full name of everything that `module` imports."""
    for node in ast.walk(ast.parse(SOURCES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: write absolute imports"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(name):
    return name.partition(".")[2].partition(".")[0]


def test_every_part_has_a_floor():
    parts = {part_of(module) for module in set(SOURCES) - {PACKAGE}}
    assert parts <= set(FLOOR_OF), parts - set(FLOOR_OF)


def test_imports_point_to_lower_floors():
    for module in set(SOURCES) - {PACKAGE}:
        for name in imports_of(module):
            if name.split(".")[0] != PACKAGE:
                continue
            below = FLOOR_OF.get(part_of(name), 99) < FLOOR_OF[part_of(module)]
            assert below or part_of(name) == part_of(module), (
                f"{module} imports {name}"
            )


def test_modules_form_no_circle():
    graph = {
        module: {
            name if name in SOURCES else name.rpartition(".")[0]
            for name in imports_of(module)
            if name.startswith(f"{PACKAGE}.")
        }
        for module in set(SOURCES) - {PACKAGE}
    }
    graphlib.TopologicalSorter(graph).prepare()


def test_core_imports_no_backend():
    for module in set(SOURCES) - {PACKAGE}:
        if part_of(module) in MAY_IMPORT_A_BACKEND:
            continue
        roots = {name.split(".")[0] for name in imports_of(module)}
        assert not roots & BACKENDS, f"{module} imports {roots & BACKENDS}"


def test_ground_floor_imports_the_standard_library_only():
    for module in set(SOURCES) - {PACKAGE}:
        if FLOOR_OF[part_of(module)] >= NUM_GROUND_FLOORS:
            continue
        roots = {name.split(".")[0] for name in imports_of(module)}
        assert not roots & {"keras", "numpy"}, module
