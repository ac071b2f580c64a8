"""The command `train`, on data sets of a few small images."""

import json
import pathlib
import sys

import keras
import numpy as np
import pytest
import yaml
from PIL import Image

import keras_efficient
from keras_efficient.cli import train_config
from keras_efficient.cli import train_model
from tests.cli.program import run
from tests.cli.tiny_runs import COLORS
from tests.cli.tiny_runs import cells
from tests.cli.tiny_runs import colored
from tests.cli.tiny_runs import settle
from tests.cli.tiny_runs import small
from tests.cli.tiny_runs import tiny_classifier
from tests.cli.tiny_runs import tiny_detector
from tests.marks import slow_to_compile
from tests.shared import SHARED
from tests.shared import needs_shared


@pytest.fixture
def world(tmp_path, monkeypatch):
    """An empty working directory, with tiny networks."""
    settle(monkeypatch, tmp_path)
    return tmp_path


CLASSIFIER_FILES = {
    "all_checkpoints", "best.json", "best.weights.h5", "class_names.txt",
    "config.yaml", "last.weights.h5", "log_all.csv", "model.keras",
    "predictions.jpg", "results.json", "settings.json", "train_batch.jpg",
}  # fmt: skip
PLOTS = {"curves.png", "confusion_matrix.png"}


@slow_to_compile
def test_classifier(world, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    colored(world / "colors" / "train", 4)
    colored(world / "colors" / "valid", 2, seed=1)
    arguments = ("train", "colors", *small("--learning-rate", "0.02"))
    assert run(monkeypatch, *arguments) == 0
    captured = capsys.readouterr()
    folder = world / "runs" / "colors"
    names = {path.name for path in folder.iterdir()}
    assert names == CLASSIFIER_FILES | PLOTS
    # Not a terminal: complete lines, no control characters.
    assert "\x1b" not in captured.out + captured.err
    lines = [x for x in captured.out.splitlines() if x.startswith("epoch ")]
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    assert "val_accuracy" in lines[0]
    assert (folder / "class_names.txt").read_text() == "blue\ngreen\nred\n"
    results = json.loads((folder / "results.json").read_text())
    assert results["backend"] == keras.backend.backend()
    assert results["command"].endswith("--learning-rate 0.02")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["data"] == "colors" and config["image_size"] == [32, 32]
    assert config["model"] == "EfficientNetB0" and config["epochs"] == 2
    best = json.loads((folder / "best.json").read_text())
    assert results["result"]["accuracy"] == pytest.approx(best["val_accuracy"])
    # `model.keras` has the best weights.
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    other = tiny_classifier(classes=3)
    other.load_weights(folder / "best.weights.h5")
    for one, two in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(two)
        )
    # The other commands accept the run directory.
    picture = "colors/valid/red/0.png"
    assert run(monkeypatch, "classify", picture, "--model", folder) == 0
    assert f"{picture}: " in capsys.readouterr().out

    # A finished run does not train again.
    before = (folder / "model.keras").stat().st_mtime_ns
    assert run(monkeypatch, "train", "--config", folder / "config.yaml") == 0
    assert "is finished" in capsys.readouterr().out
    assert (folder / "model.keras").stat().st_mtime_ns == before
    # Other settings are an error.
    assert run(monkeypatch, *arguments, "--seed", "7") == 2
    assert "seed was 0, is 7" in capsys.readouterr().err
    # `--overwrite` keeps other files in the directory.
    (folder / "notes.txt").write_text("mine")
    assert run(monkeypatch, *arguments, "--epochs", "1", "--overwrite") == 0
    assert (folder / "notes.txt").read_text() == "mine"
    assert len((folder / "log_all.csv").read_text().splitlines()) == 2


@slow_to_compile
def test_without_matplotlib(world, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    colored(world / "colors", 5)
    assert run(monkeypatch, "train", "colors", *small("--epochs", "1")) == 0
    assert "matplotlib is not installed" in capsys.readouterr().out
    names = {path.name for path in (world / "runs" / "colors").iterdir()}
    assert names == CLASSIFIER_FILES


@pytest.mark.slow
def test_detector(world, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    cells(world / "cells")
    arguments = small("--anchor-scale", "12", "--evaluate-every", "2")
    status = run(
        monkeypatch, "train", "cells/data.yaml", *arguments,
        "--image-size", "64x96", "--vertical-flip",
    )  # fmt: skip
    assert status == 0
    out = capsys.readouterr().out
    folder = world / "runs" / "cells"
    names = {path.name for path in folder.iterdir()}
    assert names == CLASSIFIER_FILES | PLOTS | {"precision_recall.png"}
    assert "0% of the boxes of class 'cell' have an anchor" in out
    results = json.loads((folder / "results.json").read_text())
    assert results["best"]["epoch"] == 2
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    assert model.class_names == ("cell",) and model.image_size == (64, 96)
    with Image.open(folder / "train_batch.jpg") as picture:
        assert picture.size[0] > 3 * 96
    status = run(monkeypatch, "evaluate", folder, "cells", "--split", "val")
    assert status == 0 and "AP by size" in capsys.readouterr().out


def test_options_override_the_file(tmp_path):
    file = tmp_path / "cells.yaml"
    file.write_text("data: cells/\nepochs: 60\nimage_size: 240x320\nseed: 3\n")
    config = train_config.read_config(file, {"epochs": 7, "seed": None})
    assert (config.data, config.epochs, config.seed) == ("cells", 7, 3)
    assert config.image_size == (240, 320)
    whole = train_config.complete(config, "detection")
    assert whole.directory == str(pathlib.Path("runs", "cells"))
    assert (whole.model, whole.weights) == ("EfficientDetD0", "coco")
    assert (whole.batch_size, whole.epochs) == (8, 7)
    # The configuration that was written is read unchanged.
    (tmp_path / "again.yaml").write_text(whole.to_yaml())
    again = train_config.read_config(tmp_path / "again.yaml", {})
    assert train_config.complete(again, "detection") == whole


@pytest.mark.parametrize(
    "text, message",
    [
        ("epoch: 3", "unknown key 'epoch'. Did you mean 'epochs'?"),
        ("epochs: three", "--epochs must be of type int. Received: 'three'"),
        ("epochs: true", "--epochs must be of type int. Received: True"),
        ("image_size: large", "--image-size must be a number such"),
        (
            "image_size: [32, 32, 3]",
            "--image-size must be a number such",
        ),
        ("batch_size: 0", "--batch-size must be at least 1"),
        ("learning_rate: -1", "--learning-rate must be above 0"),
        ("val_share: 1", "--val-share must be between 0 and 1"),
        ("task: segmentation", "--task must be one of"),
        ("model: EfficientDetD9", "Did you mean EfficientDetD"),
        ("model: EfficientDetD0", "EfficientDetD0 is not a model for"),
        ("anchor_scale: 2", "--anchor-scale is an option for detection"),
        ("- epochs", "must contain lines such as"),
        ("epochs: [", "is not a YAML file"),
        ("weights: nowhere.h5", "--weights of EfficientNetB0 must be"),
    ],
)
def test_errors_name_the_problem(tmp_path, monkeypatch, capsys, text, message):
    monkeypatch.chdir(tmp_path)
    colored(tmp_path / "colors", 2)
    (tmp_path / "run.yaml").write_text(text)
    status = run(monkeypatch, "train", "colors", "--config", "run.yaml")
    assert status == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "The data set is missing"),
        (("nowhere",), "No such file or folder: nowhere"),
        (("empty",), "neither images with boxes"),
        (("--config", "nowhere.yaml"), "nowhere.yaml"),
        (
            ("colors", "--directory", "colors"),
            "and is not a run directory",
        ),
        (
            ("colors", "--directory", "colors", "--overwrite"),
            "and is not a run directory",
        ),
        (("colors", "--task", "detection"), "colors"),
    ],
)
def test_invalid_data_is_an_error(
    tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    colored(tmp_path / "colors", 2)
    (tmp_path / "empty").mkdir()
    assert run(monkeypatch, "train", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    assert len(list((tmp_path / "colors").rglob("*.png"))) == 6


def test_backbone_weights_exclude_other_weights():
    flags = {"data": "cells", "backbone_weights": "imagenet"}
    config = train_config.read_config(None, flags)
    assert train_config.complete(config, "detection").weights == "none"
    config = train_config.read_config(None, {**flags, "weights": "coco"})
    with pytest.raises(ValueError, match="`weights` is coco. Omit one"):
        train_config.complete(config, "detection")


def test_folder_with_the_name_of_published_weights(world, monkeypatch):
    (world / "coco").mkdir()
    asked = []

    def build(weights, **arguments):
        asked.append(weights)
        return tiny_detector(**arguments)

    monkeypatch.setattr(keras_efficient, "EfficientDetD0", build)
    monkeypatch.setattr(train_model, "announce", lambda *arguments: None)
    config = train_config.read_config(None, {"data": "coco"})
    config = train_config.complete(config, "detection")
    model, _ = train_model.build_model(config, ("cat", "dog"))
    assert asked == ["coco"] and model.class_names == ("cat", "dog")


def test_weights_of_other_classes(world):
    source = tiny_classifier(classes=7)
    source.save_weights(world / "whole.weights.h5")
    colored(world / "colors", 2)
    flags = {"data": "colors", "weights": "whole.weights.h5"}
    config = train_config.read_config(None, flags)
    config = train_config.complete(config, "classification")
    model, missing = train_model.build_model(config, COLORS)
    unfilled = keras_efficient.training.unfilled_layers(model, missing)
    assert unfilled == ["predictions"] and model.output_shape == (None, 3)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(model.get_layer("stem_conv").kernel),
        keras.ops.convert_to_numpy(source.get_layer("stem_conv").kernel),
    )


@needs_shared
def test_partial_weights_of_b0(capsys):
    folder = SHARED / "data" / "efficientnet_b0_imagenet"
    file = str(folder / "state_dict_partial.npz")
    flags = {"data": "x", "weights": file, "image_size": 64}
    strict = train_config.read_config(None, flags)
    strict = train_config.complete(strict, "classification")
    with pytest.raises(ValueError, match="Nothing was loaded"):
        train_model.build_model(strict, COLORS)
    config = train_config.read_config(None, {**flags, "partial": True})
    config = train_config.complete(config, "classification")
    model, missing = train_model.build_model(config, COLORS)
    unfilled = keras_efficient.training.unfilled_layers(model, missing)
    assert unfilled == ["block7a", "predictions", "top_bn", "top_conv"]
    assert "missing" in capsys.readouterr().out
