"""Short runs of the fuzzer; `python -m tests.fuzz` runs for longer."""

import importlib.util
import random

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.execution import execute_range
from tests.fuzz.execution import files_of
from tests.fuzz.mutations import mutate_bytes
from tests.fuzz.targets import TARGETS
from tests.fuzz.targets import Target
from tests.fuzz.targets import target_named
from tests.fuzz.tree_mutations import mutate_json
from tests.marks import on_one_backend

pytestmark = on_one_backend

EXECUTIONS = 150


def marked(target):
    # Importing TensorFlow takes seconds.
    marks = [pytest.mark.slow] if target.module else []
    return pytest.param(target, id=target.name, marks=marks)


@pytest.mark.parametrize("target", map(marked, TARGETS))
def test_changed_files_are_read_or_refused_in_one_line(target):
    if target.module and importlib.util.find_spec(target.module) is None:
        pytest.skip(f"{target.module} is not installed")
    summary = execute_range(target, 0, range(EXECUTIONS))
    text = "\n".join(x.command() + x.details for x in summary.findings)
    assert not summary.findings, text
    assert sum(summary.counts.values()) == EXECUTIONS
    # The files are neither all valid nor all broken.
    assert 0 < summary.counts["ok"] < EXECUTIONS


def fake(run, **more):
    def make_seed(rng):
        return {"a.json": b'{"a": [1, 2, 3]}'}

    return Target("fake", make_seed, run, **more)


def after_first(function):
    """Execution 0 and those that prepare it succeed."""
    calls = []

    def run(folder):
        calls.append(folder)
        if len(calls) > 3:
            function(folder)

    return run


def raises(error):
    def run(folder):
        raise error

    return run


def waits(folder):
    while True:
        pass


def writes(folder):
    (folder / "new.txt").write_text("x")


def reads_outside(folder):
    (folder.parent / "outside" / "canary.png").read_bytes()


def grows(folder):
    b"x" * (1 << 28)


@pytest.mark.parametrize(
    "run, kind",
    [
        (raises(KeyError("a")), "KeyError"),
        (raises(ValueError("no name")), "message without a file"),
        (raises(ValueError("a.json" + "x" * 10_000)), "long message"),
        (waits, "Interrupted"),
        (writes, "outside the folder"),
        (reads_outside, "outside the folder"),
        (grows, "memory"),
    ],
)
def test_defects_are_found(run, kind):
    target = fake(after_first(run), max_seconds=0.2 if run is waits else 9)
    summary = execute_range(target, 0, range(2))
    (finding,) = summary.findings
    assert finding.kind.startswith(kind), finding
    assert summary.counts == {"ok": 1, "finding": 1}
    assert "--reader fake --seed 0 --first 1 --exec" in finding.command()


def test_accepted_errors_are_counted():
    target = fake(after_first(raises(ValueError("a.json is broken"))))
    summary = execute_range(target, 0, range(3))
    assert summary.counts == {"ok": 1, "ValueError": 2}


def test_a_number_determines_the_files():
    target = target_named("coco")
    assert files_of(target, 3, 5) == files_of(target, 3, 5)
    assert files_of(target, 3, 5) != files_of(target, 4, 5)
    with pytest.raises(ValueError, match="must be one of coco, voc.*'cocoa'"):
        target_named("cocoa")


def test_changes():
    rng = random.Random(0)
    data = b'{"a": [1, 2, {"b": "c"}]}'
    assert len({mutate_json(data, rng) for _ in range(50)}) > 20
    assert len({mutate_bytes(data, rng) for _ in range(50)}) > 20


def test_the_command_prints_counts(capfd):
    arguments = "--reader yolo_rows --executions 20 --seed 1".split()
    assert main(arguments) == 0
    assert capfd.readouterr().out.startswith("yolo_rows: 20 executions in")
