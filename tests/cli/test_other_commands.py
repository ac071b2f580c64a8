"""The commands `convert`, `benchmark` and `evaluate`."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import keras_efficient
from keras_efficient.cli import loading
from tests.cli.program import run
from tests.cli.test_export import plain_classifier
from tests.marks import on_one_backend
from tests.marks import slow_elsewhere
from tests.support.export import confident_detector

TINY = {
    "stages": keras_efficient.variants.EFFICIENTNET_STAGES[:2],
    "width_coefficient": 0.25,
}


@pytest.fixture
def tiny_b0(monkeypatch):
    """Replace `EfficientNetB0` by a network of two stages."""

    def build(weights=None, **arguments):
        assert weights is None
        return keras_efficient.EfficientNet(**TINY, **arguments)

    monkeypatch.setattr(keras_efficient, "EfficientNetB0", build)
    return build


@on_one_backend
@pytest.mark.parametrize("name", ["b0.keras", "b0.weights.h5"])
def test_convert(tiny_b0, tmp_path, monkeypatch, capsys, name):
    source = tiny_b0(classes=3, input_shape=(40, 40, 3))
    source.save_weights(tmp_path / "other.weights.h5")
    path = tmp_path / "new" / name
    arguments = (
        "convert", "efficientnetb0", tmp_path / "other.weights.h5", path,
        "--num-classes", "3", "--image-size", "40", "40",
    )  # fmt: skip
    assert run(monkeypatch, *arguments) == 0
    assert f"Written: {path}" in capsys.readouterr().out
    if name == "b0.keras":
        again = keras.saving.load_model(path, compile=False)
        assert again.input_shape == (None, 40, 40, 3)
    else:
        again = tiny_b0(classes=3, input_shape=(40, 40, 3))
        again.load_weights(path)
    for old, new in zip(source.weights, again.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(old), keras.ops.convert_to_numpy(new)
        )
    assert run(monkeypatch, *arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(monkeypatch, *arguments, "--overwrite") == 0


def test_convert_writes_no_file_after_an_error(
    tiny_b0, tmp_path, monkeypatch, capsys
):
    tiny_b0(classes=3).save_weights(tmp_path / "w.weights.h5")
    (tmp_path / "broken.pth").write_text("no checkpoint")
    for checkpoint, output, message in (
        ("w.weights.h5", "b0.h5", "must end in .keras or .weights.h5"),
        ("nowhere.pth", "b0.keras", "File not found"),
        ("broken.pth", "b0.keras", "broken.pth"),
    ):
        status = run(
            monkeypatch, "convert", "EfficientNetB0", tmp_path / checkpoint,
            tmp_path / output,
        )  # fmt: skip
        assert status == 2
        assert message in capsys.readouterr().err
    load_model = keras.saving.load_model

    def damaged(path, **options):
        model = load_model(path, **options)
        model.weights[0].assign(model.weights[0] + 1)
        return model

    monkeypatch.setattr(keras.saving, "load_model", damaged)
    status = run(
        monkeypatch, "convert", "EfficientNetB0", tmp_path / "w.weights.h5",
        tmp_path / "b0.keras", "--num-classes", "3",
    )  # fmt: skip
    assert (
        status == 2
        and "differs after reading b0.keras" in capsys.readouterr().err
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "w.weights.h5", "broken.pth",
    }  # fmt: skip


@on_one_backend
def test_damaged_models_end_with_one_line(tmp_path, monkeypatch, capsys):
    path = tmp_path / "a.keras"
    plain_classifier().save(path)
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    contents = path.read_bytes()
    statuses = []
    for place in np.random.default_rng(0).integers(len(contents), size=20):
        damaged = bytearray(contents)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        statuses.append(
            run(monkeypatch, "classify", tmp_path / "a.png", "--model", path)
        )
        if statuses[-1] == 2:
            (line,) = capsys.readouterr().err.splitlines()
            assert line.startswith(f"keras-efficient: Keras cannot load {path}")
    # Directories of zip archives contain bytes without a meaning.
    assert set(statuses) <= {0, 2} and statuses.count(2) > 15


def test_convert_with_the_padding_of_pytorch(tmp_path, monkeypatch, capsys):
    built = []
    monkeypatch.setattr(
        keras_efficient.EfficientNet,
        "from_variant",
        lambda row, **x: built.append((row, x)),
    )
    # The names of this package do not say how the weights were trained.
    layers = ("stem_conv", "top_conv", "predictions")
    arrays = {f"{x}/kernel": np.zeros((1, 5), "float32") for x in layers}
    np.savez(tmp_path / "w.npz", **arrays, **{"predictions/bias": np.zeros(5)})
    files = tmp_path / "w.npz", tmp_path / "network.keras"
    run(
        monkeypatch, "convert", "EfficientNetB1", *files,
        "--padding", "symmetric", "--batch-norm-epsilon", "1e-5",
        "--image-size", "50", "60",
    )  # fmt: skip
    ((row, arguments),) = built
    assert row.name == "EfficientNetB1"
    assert arguments == {
        "padding": "symmetric",
        "batch_norm_epsilon": 1e-5,
        "classes": 5,
        "classifier_activation": "softmax",
        "input_shape": (50, 60, 3),
    }


def test_benchmark(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    plain_classifier().save("classifier.keras")
    status = run(
        monkeypatch, "benchmark", "classifier.keras",
        "--batch-size", "1", "--batch-size", "2", "--repeats", "2",
        "--json", "speed.json",
    )  # fmt: skip
    assert status == 0
    text = capsys.readouterr().out
    assert "classifier.keras" in text and "24x32" in text
    assert f"{keras.backend.backend()}, Keras 3" in text
    assert max(map(len, text.splitlines()[:8])) <= 80
    rows = json.loads((tmp_path / "speed.json").read_text())["rows"]
    assert [(row["model"], row["batch_size"]) for row in rows] == [
        ("classifier.keras", 1),
        ("classifier.keras", 2),
    ]
    for row in rows:
        assert 0 < row["milliseconds"] <= row["slowest"]
        assert row["whole_milliseconds"] > 0
    assert run(monkeypatch, "benchmark", "x.keras") == 2
    arguments = ("classifier.keras", "--repeats", "0")
    assert run(monkeypatch, "benchmark", *arguments) == 2


@slow_elsewhere
def test_benchmark_of_a_detector(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    confident_detector(input_shape=(96, 96, 3)).save("detector.keras")
    arguments = ("detector.keras", "--repeats", "2", "--json", "speed.json")
    assert run(monkeypatch, "benchmark", *arguments) == 0
    (row,) = json.loads((tmp_path / "speed.json").read_text())["rows"]
    # Includes suppression and preprocessing.
    assert row["whole_milliseconds"] > row["milliseconds"]
    assert row["batch_size"] == 1 and row["height"] == 96


def test_models_by_name_load_no_backbone_weights(monkeypatch):
    asked = []
    monkeypatch.setattr(
        keras_efficient, "EfficientDetD0", lambda **x: asked.append(x)
    )
    loading.load_model("EfficientDetD0", "none")
    assert asked == [{"weights": None, "backbone_weights": None}]


@pytest.fixture
def cells(tmp_path):
    """Two images with one box each, in the YOLO layout."""
    rng = np.random.default_rng(0)
    for split in ("val",):
        for kind in ("images", "labels"):
            (tmp_path / "cells" / split / kind).mkdir(parents=True)
        for i in range(2):
            folder = tmp_path / "cells" / split
            pixels = rng.integers(0, 256, (60, 80, 3), "uint8")
            Image.fromarray(pixels).save(folder / "images" / f"{i}.png")
            label = folder / "labels" / f"{i}.txt"
            label.write_text("0 0.5 0.5 0.4 0.6\n2 0.2 0.2 0.2 0.3\n")
    names = "names: [cat, dog, Vögel]\n"
    (tmp_path / "cells" / "data.yaml").write_text(names, encoding="utf-8")
    return tmp_path / "cells"


def test_evaluate_a_detector(cells, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    confident_detector(input_shape=(96, 96, 3)).save(
        tmp_path / "detector.keras"
    )
    arguments = ("evaluate", tmp_path / "detector.keras", cells, "--split",
                 "val", "--output", tmp_path / "out")  # fmt: skip
    assert run(monkeypatch, *arguments) == 0
    text = capsys.readouterr().out
    assert "2 images with 4 boxes of 3 classes" in text
    assert "AP by size" in text and "2 images in" in text
    result = json.loads((tmp_path / "out" / "results.json").read_text())
    assert result["num_images"] == 2 and 0 <= result["metrics"]["AR100"] <= 1
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "results.json",
        "precision_recall.png",
        "confusion_matrix.png",
    }
    assert run(monkeypatch, *arguments) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_evaluate_errors_name_the_problem(cells, tmp_path, monkeypatch, capsys):
    plain_classifier().save(tmp_path / "c.keras")
    arguments = ("evaluate", tmp_path / "c.keras", cells)
    assert run(monkeypatch, *arguments, "--nms", "hard") == 2
    assert "--nms is an option for detectors" in capsys.readouterr().err
    assert run(monkeypatch, *arguments, "--split", "tset") == 2
    assert "No such folder" in capsys.readouterr().err


def test_evaluate_a_classifier(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "flowers"
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "d", "e e"):
        (folder / name).mkdir(parents=True)
        pixels = rng.integers(0, 256, (30, 40, 3), "uint8")
        Image.fromarray(pixels).save(folder / name / "0.png")
    plain_classifier().save(tmp_path / "model.keras")
    (tmp_path / "class_names.txt").write_text("e e\na\nb\nc\nd\n")
    status = run(
        monkeypatch, "evaluate", tmp_path, folder, "--output", tmp_path / "out"
    )
    assert status == 0
    assert "(5 images)" in capsys.readouterr().out
    result = json.loads((tmp_path / "out" / "results.json").read_text())
    # Class names are in the order of the model, not of the folders.
    assert [row["name"] for row in result["per_class"]][:2] == ["e e", "a"]
    assert np.sum(result["confusion"]) == 5
