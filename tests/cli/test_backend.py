"""The option `--backend`, before Keras is imported."""

import os
import subprocess
import sys

import keras
import pytest

from keras_efficient import backend_option
from tests.cli.program import run

THERE = keras.backend.backend()


@pytest.fixture
def ask(monkeypatch, tmp_path):
    """What the backend would be for a command, in a new process."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "keras")
    installed = {"jax", "torch"}
    monkeypatch.setattr(
        backend_option.importlib.util,
        "find_spec",
        lambda name: name if name in installed else None,
    )

    def answer(*command):
        backend_option.obey(command)
        return os.environ.get("KERAS_BACKEND")

    return answer


@pytest.mark.parametrize(
    "command",
    [
        ("python", "/bin/keras-efficient", "detect", "--backend", "torch"),
        ("python", "keras-efficient.exe", "list", "--backend=torch", "x"),
        ("python", "-m", "keras_efficient.cli", "list", "--backend", "torch"),
    ],
)
def test_is_read_from_the_command(ask, command):
    assert ask(*command) == "torch"


def test_other_programs_have_options_of_their_own(ask):
    assert ask("python", "train.py", "--backend", "torch") is None


def test_without_the_option_one_that_is_installed(ask, tmp_path, capsys):
    program = ("python", "keras-efficient", "list")
    assert ask(*program) == "jax"
    assert "tensorflow is not installed, so jax" in capsys.readouterr().err


def test_the_settings_of_keras_count(ask, tmp_path, capsys):
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    assert ask("python", "keras-efficient", "list") == "torch"
    assert not capsys.readouterr().err


def test_one_that_is_not_installed(ask, capsys):
    with pytest.raises(SystemExit) as caught:
        ask("python", "keras-efficient", "list", "--backend", "tensorflow")
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "keras-efficient[tensorflow]" in error and "--backend jax" in error


def test_in_a_process_of_its_own(tmp_path):
    others = {"tensorflow": "jax", "jax": "torch", "torch": "jax"}
    backend = others[THERE]
    output = subprocess.run(
        [
            sys.executable, "-m", "keras_efficient.cli", "benchmark", "nothing",
            "--backend", backend,
        ],
        capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": THERE},
    )  # fmt: skip
    # Had it not been obeyed, the option itself would be the error.
    assert output.returncode == 2
    assert "'nothing' is neither a .keras file" in output.stderr


def test_too_late(monkeypatch, capsys):
    other = "torch" if THERE == "jax" else "jax"
    assert run(monkeypatch, "list", "--backend", other) == 2
    assert (
        f"--backend: Keras already runs on {THERE}" in capsys.readouterr().err
    )
    assert run(monkeypatch, "list", "--backend", THERE, "D0") == 0
