"""Ctrl-C during `train`."""

import os
import pathlib
import signal
import subprocess
import sys

import keras
import pytest

from tests.cli.program import run
from tests.cli.tiny_runs import colored
from tests.cli.tiny_runs import settle
from tests.cli.tiny_runs import small
from tests.cli.tiny_runs import tiny_classifier

SCRIPT = """
import os
import time
import keras_efficient
from keras_efficient.cli import main, train_progress
from tests.cli.tiny_runs import tiny_classifier
keras_efficient.EfficientNetB0 = tiny_classifier
end = train_progress.TrainingProgress.on_train_batch_end
def slowly(self, batch, logs=None):
    end(self, batch)
    print("batch", flush=True)
    time.sleep(float(os.environ["PAUSE"]))
train_progress.TrainingProgress.on_train_batch_end = slowly
main.main()
"""


def start(folder, pause, *arguments):
    """Start the program in a new process, with slow training steps."""
    repository = pathlib.Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "train", "colors", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
        env={
            **os.environ,
            "KERAS_BACKEND": keras.backend.backend(),
            "PAUSE": str(pause),
            "PYTHONPATH": str(repository),
        },
    )  # fmt: skip


def wait_for(process, text, times=1):
    """Read the output until a line starts with a given text."""
    seen = []
    for line in process.stdout:
        seen.append(line)
        times -= line.startswith(text)
        if not times:
            return
    raise AssertionError("".join(seen))


@pytest.mark.slow
def test_ctrl_c_saves_a_run_that_can_resume(tmp_path, monkeypatch, capsys):
    """Send SIGINT to a process in its second epoch."""
    settle(monkeypatch, tmp_path)
    colored(tmp_path / "colors", 5)
    process = start(tmp_path, 0.3, *small())
    wait_for(process, "epoch 1/2")
    wait_for(process, "batch")
    process.send_signal(signal.SIGINT)
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 130, out
    assert "Stopping after this step" in out and "Traceback" not in out
    assert "last.weights.h5" in out
    assert "To resume: keras-efficient train --config" in out
    # An epoch has three batches: the rest was not trained.
    assert out.count("batch\n") < 2
    folder = tmp_path / "runs" / "colors"
    other = tiny_classifier(classes=3)
    other.load_weights(folder / "last.weights.h5")
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    assert model.output_shape == (None, 3)
    assert len((folder / "log_all.csv").read_text().splitlines()) == 2
    assert not (folder / "results.json").exists()
    # The same command resumes with the interrupted epoch.
    assert run(monkeypatch, "train", "colors", *small()) == 0
    out = capsys.readouterr().out
    assert "Resuming the run" in out
    assert "epoch 2/2" in out and "epoch 1/2" not in out
    assert len((folder / "log_all.csv").read_text().splitlines()) == 3
    assert (folder / "results.json").exists()


@pytest.mark.slow
def test_second_ctrl_c_ends_immediately(tmp_path):
    colored(tmp_path / "colors", 5)
    process = start(tmp_path, 5, *small("--epochs", "50"))
    wait_for(process, "batch", times=2)
    process.send_signal(signal.SIGINT)
    wait_for(process, "Stopping after")
    process.send_signal(signal.SIGINT)
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 130, out
    assert "Interrupted" in out and "Traceback" not in out
    assert not (tmp_path / "runs" / "colors" / "last.weights.h5").exists()
