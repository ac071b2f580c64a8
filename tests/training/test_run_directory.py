"""Damaged and incomplete files of a training run."""

import json
import shutil

import numpy as np
import pytest

from keras_efficient.cli.train_config import CompleteConfig
from keras_efficient.cli.train_directory import prepare
from keras_efficient.training import RunDirectory
from keras_efficient.training import read_logs
from tests.faults.scenarios import Training
from tests.marks import on_one_backend

pytestmark = on_one_backend
scenario = Training()


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A run after two of four epochs, and the files of the whole run."""
    folder = tmp_path_factory.mktemp("runs")
    scenario.run(folder / "whole")
    part = Training()
    part.stop_after = 2
    part.run(folder / "part")
    return folder


@pytest.fixture
def folder(interrupted, tmp_path):
    shutil.copytree(interrupted / "part" / "run", tmp_path / "run")
    return tmp_path


def check_resumes(folder, interrupted):
    scenario.run(folder)
    expected = scenario.result(interrupted / "whole")
    for name, value in scenario.result(folder).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(value, expected[name], rtol=1e-5)
        else:
            assert value == expected[name]


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"{", b"epoch,a\n1\n"])
@pytest.mark.parametrize("name", ["log_all.csv", "best.json"])
def test_damaged_files_are_those_of_the_checkpoint(
    folder, interrupted, caplog, name, content
):
    (folder / "run" / name).write_bytes(content)
    check_resumes(folder, interrupted)
    assert f"{name} is missing or damaged, and was restored as of epoch 2" in (
        caplog.text
    )


@pytest.mark.parametrize("name", ["log_all.csv", "best.json"])
def test_missing_files_are_those_of_the_checkpoint(folder, interrupted, name):
    (folder / "run" / name).unlink()
    check_resumes(folder, interrupted)


def test_damaged_log_without_checkpoint(folder, interrupted, caplog):
    shutil.rmtree(folder / "run" / "all_checkpoints")
    (folder / "run" / "log_all.csv").write_text("epoch,loss\nx,y\n")
    check_resumes(folder, interrupted)
    assert "Earlier epochs are not logged" in caplog.text


def test_damaged_best_weights(folder, caplog):
    path = folder / "run" / "best.weights.h5"
    path.write_bytes(path.read_bytes()[:-100])
    scenario.run(folder)
    assert "best.weights.h5 is damaged and was deleted" in caplog.text
    assert RunDirectory(folder / "run", "classification").best.is_saved
    assert json.loads((folder / "run" / "best.json").read_text())["epoch"] > 2


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_damaged_settings(folder, interrupted, caplog, content):
    (folder / "run" / "settings.json").write_text(content)
    check_resumes(folder, interrupted)
    assert "settings.json is damaged and was written again" in caplog.text
    settings = json.loads((folder / "run" / "settings.json").read_text())
    assert settings == {"epochs": 4}


def test_damaged_log_is_named(folder):
    path = folder / "run" / "log_all.csv"
    path.write_text("epoch,loss\n1,2,3\n")
    with pytest.raises(ValueError, match=r"log_all.csv is damaged.*Delete it"):
        read_logs(folder / "run")


def test_leftovers_of_a_killed_process_are_removed(folder, interrupted):
    for name in (".best.json", "all_checkpoints/.epoch_00002.json"):
        (folder / "run" / f"{name}.0123abcd.tmp" / "x").mkdir(parents=True)
    check_resumes(folder, interrupted)
    assert not list((folder / "run").rglob("*.tmp"))


def settings_of(folder):
    run = folder / "run"
    return CompleteConfig(
        data="x", task="classification", model="EfficientNetB0",
        weights="none", directory=str(run), batch_size=4, epochs=4,
    )  # fmt: skip


def test_folder_with_leftovers_of_a_killed_process_is_new(tmp_path):
    run = RunDirectory(tmp_path / "run", "classification")
    (run.path / ".config.yaml.0123abcd.tmp").mkdir(parents=True)
    assert prepare(run, settings_of(tmp_path), overwrite=False)
    (run.path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not a run directory"):
        prepare(run, settings_of(tmp_path), overwrite=False)


def test_interrupted_overwriting_is_finished(folder, monkeypatch):
    run = RunDirectory(folder / "run", "classification")
    (run.path / "config.yaml").write_text(settings_of(folder).to_yaml())
    (run.path / "notes.txt").write_text("mine")
    rmtree = shutil.rmtree

    def killed(path, *arguments, **options):
        if path.name == "all_checkpoints":
            raise KeyboardInterrupt
        rmtree(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(run, settings_of(folder), overwrite=True)
    assert (run.path / "all_checkpoints").exists()
    # The next command does not resume what is left of the old run.
    with pytest.raises(FileExistsError, match="not a run directory"):
        prepare(run, settings_of(folder), overwrite=False)
    assert [path.name for path in run.path.iterdir()] == ["notes.txt"]
