"""The option `--backend`, and help without importing Keras."""

import os
import subprocess
import sys

import keras
import pytest

from keras_efficient.cli import backend
from keras_efficient.cli.main import COMMANDS
from tests.cli.program import run
from tests.marks import on_one_backend

pytestmark = on_one_backend

THERE = keras.backend.backend()


@pytest.fixture
def ask(monkeypatch, tmp_path):
    """Return the backend that a new process selects for a command."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "keras")
    installed = {"jax", "torch"}
    monkeypatch.setattr(
        backend.importlib.util,
        "find_spec",
        lambda name: name if name in installed else None,
    )

    def answer(*command):
        backend.select_backend(command)
        return os.environ.get("KERAS_BACKEND")

    return answer


@pytest.mark.parametrize(
    "command",
    [
        ("detect", "--backend", "torch"),
        ("list", "--backend=torch", "x"),
        ("list", "--backend", "jax", "--backend", "torch"),
    ],
)
def test_option_selects_the_backend(ask, command):
    assert ask(*command) == "torch"


def test_words_after_two_dashes_are_not_options(ask):
    assert ask("detect", "--", "--backend", "torch") == "jax"


def test_installed_backend_is_the_default(ask, tmp_path, capsys):
    assert ask("list") == "jax"
    assert "tensorflow is not installed; using jax" in capsys.readouterr().err


def test_settings_of_keras_are_used(ask, tmp_path, capsys):
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    assert ask("list") == "torch"
    assert not capsys.readouterr().err


def test_missing_backend_is_an_error(ask, capsys):
    with pytest.raises(SystemExit) as caught:
        ask("list", "--backend", "tensorflow")
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "keras-efficient[tensorflow]" in error and "--backend jax" in error


def test_option_overrides_the_environment_in_a_new_process(tmp_path):
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
    # On the backend of KERAS_BACKEND, `--backend` would be the error.
    assert output.returncode == 2
    assert "'nothing' is neither a .keras file" in output.stderr


def test_keras_that_already_runs_on_another_backend_is_an_error(
    monkeypatch, capsys
):
    other = "torch" if THERE == "jax" else "jax"
    assert run(monkeypatch, "list", "--backend", other) == 2
    assert (
        f"--backend: Keras already runs on {THERE}" in capsys.readouterr().err
    )
    assert run(monkeypatch, "list", "--backend", THERE, "D0") == 0


@pytest.mark.parametrize("command", [[], *([x] for x in COMMANDS)], ids=str)
def test_help_imports_neither_keras_nor_a_backend(command):
    code = (
        "import sys\n"
        "from keras_efficient.cli.main import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    print(end.code)\n"
        "heavy = ('keras', 'tensorflow', 'jax', 'torch', 'numpy', 'PIL')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code, *command, "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert output.stdout.startswith("Usage: keras-efficient")
    assert output.stdout.endswith("0\n[]\n"), output.stderr
