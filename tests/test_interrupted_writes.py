"""Processes that are killed while they replace a folder or a file."""

import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest

from keras_efficient import atomic_writes
from keras_efficient.atomic_writes import atomic_file
from keras_efficient.atomic_writes import atomic_folder
from keras_efficient.atomic_writes import restore_folder
from keras_efficient.export import exported_model
from tests.marks import on_one_backend

pytestmark = on_one_backend

OLD = {"a": "old", "only_old": "old"}
NEW = {"a": "new", "inner/b": "new"}

# Kills a process before each system call that changes or syncs files, in turn.
# Prints what the name then holds, and what it holds after `restore_folder`.
KILLS = """
import json, os, pathlib, signal, sys

from keras_efficient import atomic_writes

root, can_exchange = pathlib.Path(sys.argv[1]), sys.argv[2] == "True"
OLD, NEW = json.loads(sys.argv[3]), json.loads(sys.argv[4])
left = 0


def killed_before(function):
    def call(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    return call


def fill(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def content(folder):
    if not folder.exists():
        return None
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def replace(number):
    global left
    for name in ("rename", "mkdir", "fsync", "unlink", "rmdir", "close"):
        setattr(os, name, killed_before(getattr(os, name)))
    exchange = atomic_writes._exchange if can_exchange else lambda a, b: False
    atomic_writes._exchange = killed_before(exchange)
    left = number
    with atomic_writes.atomic_folder(path, overwrite=True) as folder:
        fill(folder, NEW)
    os._exit(0)


states, number, status = [], 0, 1
while status:
    number += 1
    path = root / str(number) / "1"
    path.mkdir(parents=True)
    fill(path, OLD)
    child = os.fork()
    if not child:
        replace(number)
    status = os.waitpid(child, 0)[1]
    at_once = content(path)
    atomic_writes.restore_folder(path)
    names = os.listdir(path.parent)
    states.append([status, at_once, content(path), names])
print(json.dumps(states))
"""


class Crash(BaseException):
    """An interrupt that no handler of errors expects."""


def fill(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def python(script, *arguments, **options):
    """Start a process in which the package can be imported."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        **options,
    )


@pytest.fixture(params=[True, False], ids=["exchange", "two renames"])
def can_exchange(request, monkeypatch, tmp_path):
    """Whether the system can exchange two folders in one step."""
    if request.param:
        (tmp_path / "probe" / "a").mkdir(parents=True)
        if not atomic_writes._exchange(tmp_path / "probe", tmp_path / "probe"):
            pytest.skip("the file system cannot exchange names")
        (tmp_path / "probe" / "a").rmdir()
        (tmp_path / "probe").rmdir()
    else:
        monkeypatch.setattr(atomic_writes, "_exchange", lambda a, b: False)
    return request.param


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_process_leaves_the_old_or_the_new_folder(
    tmp_path, can_exchange
):
    process = python(
        KILLS, tmp_path, can_exchange, json.dumps(OLD), json.dumps(NEW)
    )
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    states = json.loads(output)
    statuses, at_once, restored, names = zip(*states, strict=True)
    assert set(statuses[:-1]) == {9} and statuses[-1] == 0
    assert len(states) > 15
    if can_exchange:
        assert None not in at_once
    else:
        assert at_once.count(None) == 1
    assert all(found in (None, OLD, NEW) for found in at_once)
    assert all(found in (OLD, NEW) for found in restored)
    assert restored[0] == OLD and restored[-1] == NEW
    assert all(found == ["1"] for found in names)


@pytest.mark.parametrize("error", [Crash, KeyboardInterrupt, OSError])
def test_error_at_any_rename_leaves_the_old_or_the_new_folder(
    tmp_path, monkeypatch, can_exchange, error
):
    rename, number = os.rename, 0
    is_finished = False
    while not is_finished:
        number += 1
        path = tmp_path / str(number) / "1"
        fill(path, OLD)
        calls = 0

        def failing(source, target, fails_at=number):
            nonlocal calls
            calls += 1
            if calls == fails_at:
                raise error("at a rename")
            rename(source, target)

        monkeypatch.setattr(os, "rename", failing)
        try:
            with atomic_folder(path, overwrite=True) as folder:
                fill(folder, NEW)
            is_finished = calls < number
        except error:
            pass
        monkeypatch.setattr(os, "rename", rename)
        restore_folder(path)
        assert content(path) in (OLD, NEW)
        assert names_in(path.parent) == ["1"]
    assert content(path) == NEW
    assert number == (1 if can_exchange else 4)


def test_old_folder_is_kept_if_it_cannot_be_moved_back(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_writes, "_exchange", lambda a, b: False)
    path = tmp_path / "1"
    fill(path, OLD)
    rename = os.rename

    def only_away(source, target):
        if pathlib.Path(target) == path:
            raise PermissionError("no")
        rename(source, target)

    monkeypatch.setattr(os, "rename", only_away)
    with pytest.raises(PermissionError):
        with atomic_folder(path, overwrite=True) as folder:
            fill(folder, NEW)
    assert not path.exists()
    monkeypatch.setattr(os, "rename", rename)
    # The next writer restores it before it checks whether it may replace it.
    with pytest.raises(FileExistsError, match="not empty"):
        with atomic_folder(path) as folder:
            raise AssertionError("the check comes first")
    assert content(path) == OLD
    assert names_in(tmp_path) == ["1"]


def test_leftovers_of_dead_processes_only_are_removed(tmp_path):
    script = """
import sys
from keras_efficient.atomic_writes import atomic_folder
with atomic_folder(sys.argv[1], overwrite=True) as folder:
    (folder / "half").write_text("half")
    print(folder.parent.name, flush=True)
    sys.stdin.read()
"""
    path = tmp_path / "1"
    fill(path, OLD)
    processes = [python(script, path, stdin=subprocess.PIPE) for _ in range(2)]
    dead, alive = (x.stdout.readline().strip() for x in processes)
    processes[0].kill()
    processes[0].communicate(timeout=30)
    # Another name, although it begins and ends in the same way.
    (tmp_path / ".1.2.0123abcd.tmp").mkdir()
    assert {dead, alive} < set(names_in(tmp_path))
    with atomic_folder(path, overwrite=True) as folder:
        fill(folder, NEW)
    assert names_in(tmp_path) == sorted([".1.2.0123abcd.tmp", alive, "1"])
    assert content(path) == NEW
    processes[1].communicate("", timeout=30)
    assert content(path) == {"half": "half"}  # it had all it needed
    assert names_in(tmp_path) == [".1.2.0123abcd.tmp", "1"]


def test_leftovers_of_a_file_are_removed(tmp_path):
    script = """
import os, signal, sys
from keras_efficient.atomic_writes import atomic_file
with atomic_file(sys.argv[1]) as path:
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "model.onnx"
    path.write_text("old")
    process = python(script, path)
    process.communicate(timeout=30)
    assert process.returncode == -9
    assert len(names_in(tmp_path)) == 2 and path.read_text() == "old"
    with atomic_file(path) as temporary:
        temporary.write_text("new")
    assert names_in(tmp_path) == ["model.onnx"] and path.read_text() == "new"


def test_writers_of_one_folder_do_not_disturb_each_other(
    tmp_path, can_exchange
):
    path, errors = tmp_path / "1", []
    fill(path, {"a": "0", "b": "0"})

    def write(text):
        try:
            for _ in range(8):
                with atomic_folder(path, overwrite=True) as folder:
                    fill(folder, {"a": text, "b": text})
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(x,)) for x in "123"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    found = content(path)
    assert found["a"] == found["b"] and len(found) == 2
    assert names_in(tmp_path) == ["1"]


def test_system_without_locks_restores_and_deletes_nothing(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(atomic_writes, "fcntl", None)
    workspace = tmp_path / ".1.0123abcd.tmp"
    fill(workspace / "1.replaced", OLD)
    restore_folder(tmp_path / "1")
    assert content(tmp_path / "1") == OLD
    with atomic_folder(tmp_path / "1", overwrite=True) as folder:
        fill(folder, NEW)
    assert content(tmp_path / "1") == NEW
    assert names_in(tmp_path) == [workspace.name, "1"]


def test_loading_restores_an_export(tmp_path):
    workspace = tmp_path / ".1.0123abcd.tmp"
    fill(workspace / "1.replaced", {"saved_model.pb": "old"})
    found = exported_model._find_format(tmp_path / "1")
    assert found.name == "saved_model"
    assert names_in(tmp_path) == ["1"]
