"""Commands with one output, several labels and other channels."""

import json

import numpy as np
import pytest

from tests.cli.program import run
from tests.cli.tiny_runs import cells
from tests.cli.tiny_runs import colored
from tests.cli.tiny_runs import settle
from tests.cli.tiny_runs import small
from tests.marks import slow_to_compile


@pytest.fixture
def world(tmp_path, monkeypatch):
    """An empty folder to work in, where networks take no time."""
    settle(monkeypatch, tmp_path)
    return tmp_path


@slow_to_compile
def test_one_output_for_gray_images(world, monkeypatch, capsys):
    for part in ("train", "valid"):
        colored(world / "colors" / part, 3)
        for path in (world / "colors" / part / "blue").iterdir():
            path.unlink()
        (world / "colors" / part / "blue").rmdir()
    arguments = small("--binary", "--channels", "1")
    assert run(monkeypatch, "train", "colors", *arguments) == 0
    folder = world / "runs" / "colors"
    assert "binary: true" in (folder / "config.yaml").read_text()
    capsys.readouterr()
    assert run(monkeypatch, "evaluate", folder, "colors/valid") == 0
    assert "accuracy" in capsys.readouterr().out
    photos = sorted((world / "colors" / "valid" / "red").iterdir())
    for threshold, name in (("0", "red"), ("1", "green")):
        status = run(
            monkeypatch, "classify", *photos, "--model", folder,
            "--threshold", threshold, "--json", "found.json",
            "--csv", "found.csv",
        )  # fmt: skip
        assert status == 0
        rows = json.loads((world / "found.json").read_text())
        assert {row["names"][0] for row in rows} == {name}
        assert rows[0]["predicted"] == [True, False]
        assert f".png: {name} " in capsys.readouterr().out
    lines = (world / "found.csv").read_text().splitlines()
    assert lines[0].endswith("probability,predicted")


@slow_to_compile
def test_several_labels(world, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    arrays = {"class_names": ["cat", "dog"]}
    for split, count in (("train", 8), ("test", 4)):
        images = rng.integers(0, 256, (count, 36, 44, 3), "uint8")
        arrays[f"x_{split}"] = images
        arrays[f"y_{split}"] = rng.integers(0, 2, (count, 2))
    np.savez(world / "tags.npz", **arrays)
    assert run(monkeypatch, "train", "tags.npz", *small()) == 0
    assert "mAP" in capsys.readouterr().out
    folder = world / "runs" / "tags"
    command = ("evaluate", folder, "tags.npz", "--split", "test")
    assert run(monkeypatch, *command, "--threshold", "0") == 0
    assert "threshold 0)" in capsys.readouterr().out
    assert run(monkeypatch, "train", "tags.npz", *small("--binary"),
               "--directory", "other") == 2  # fmt: skip
    assert "--binary requires images of one" in capsys.readouterr().err


@slow_to_compile
def test_a_detector_for_gray_images(world, monkeypatch):
    cells(world / "cells")
    arguments = small("--channels", "1", "--image-size", "64")
    assert run(monkeypatch, "train", "cells", *arguments) == 0
    folder = world / "runs" / "cells"
    assert run(monkeypatch, "evaluate", folder, "cells", "--split", "val") == 0
    status = run(
        monkeypatch, "detect", "cells/val/images", "--model", folder,
        "--output", "found",
    )  # fmt: skip
    assert status == 0
