"""`check`: the report, pictures and the exit status."""

import numpy as np
import pytest
from PIL import Image

from tests.cli.program import run
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend


def write_set(folder, splits=("train", "val"), seeds=(0, 1)):
    for split, seed in zip(splits, seeds, strict=True):
        rng = np.random.default_rng(seed)
        for i in range(3):
            coarse = rng.integers(0, 255, (6, 8, 3), "uint8")
            image = Image.fromarray(coarse).resize((80, 60))
            path = folder / "images" / split / f"{split}{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
            line = "0 0.5 0.5 0.4 0.4\n"
            write_text(folder / "labels" / split / f"{split}{i}.txt", line)
    write_text(folder / "data.yaml", "names: [cup, key]\n")
    return folder


def test_a_clean_set(tmp_path, monkeypatch, capsys):
    folder = write_set(tmp_path / "set")
    output = tmp_path / "out"
    assert run(monkeypatch, "check", folder, "--output", output) == 0
    text = capsys.readouterr().out
    assert "train: 3 images with 3 boxes" in text
    assert "val: 3 images with 3 boxes" in text
    assert "No problems found." in text
    assert sorted(x.name for x in output.iterdir()) == [
        "images_train.jpg",
        "images_val.jpg",
        "statistics_train.png",
        "statistics_val.png",
    ]
    # Results are not overwritten silently.
    assert run(monkeypatch, "check", folder, "--output", output) == 2


def test_problems_have_exit_status_1(tmp_path, monkeypatch, capsys):
    folder = write_set(tmp_path)
    write_text(folder / "labels" / "train" / "train0.txt", "0 0.5 0.5 0 0.4")
    assert run(monkeypatch, "check", folder) == 1
    text = capsys.readouterr().out
    assert "boxes without area" in text and "problems found" in text
    assert run(monkeypatch, "check", folder, "--split", "val") == 0
    assert run(monkeypatch, "check", folder, "--strict") == 2
    assert "boxes without area" in capsys.readouterr().err


def test_images_in_two_splits(tmp_path, monkeypatch, capsys):
    folder = write_set(tmp_path, seeds=(0, 0))
    assert run(monkeypatch, "check", folder) == 1
    text = capsys.readouterr().out
    assert "duplicates: 3 images of train are in val" in text
    assert "train0.png" in text and "val0.png" in text
    assert run(monkeypatch, "check", folder, "--no-duplicates") == 0


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_other_commands_take_the_same_options(command):
    import inspect

    from keras_efficient.cli import main

    wanted = {"split", "layout", "images", "crowds", "box_frame"}
    wanted |= {"stated_size", "strict"}
    assert wanted <= set(inspect.signature(main.COMMANDS["check"]).parameters)
    assert wanted <= set(inspect.signature(main.COMMANDS[command]).parameters)


def test_a_classification_set(tmp_path, monkeypatch, capsys):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (30, 20)).save(tmp_path / name / "0.png")
    write_text(tmp_path / "dog" / "1.png", "text")
    assert run(monkeypatch, "check", tmp_path) == 1
    assert "dropped: 1 images" in capsys.readouterr().out


def test_trainval_contains_both_splits(tmp_path, monkeypatch, capsys):
    folder = write_set(
        tmp_path, splits=("train", "val", "trainval"), seeds=(0, 1, 0)
    )
    assert run(monkeypatch, "check", folder) == 0
    assert "duplicates" not in capsys.readouterr().out
