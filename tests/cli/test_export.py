"""The command `export`."""

import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from PIL import Image

import keras_efficient
from tests.cli.program import run
from tests.marks import slow_elsewhere
from tests.support.export import Unregistered
from tests.support.export import Unstable
from tests.support.export import confident_classifier
from tests.support.export import confident_detector
from tests.support.export import plain_classifier

pytest.importorskip("tensorflow")
pytest.importorskip("ai_edge_litert")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    plain_classifier().save(folder / "classifier.keras")
    confident_detector(input_shape=(96, 96, 3)).save(folder / "detector.keras")
    (folder / "names.txt").write_text("a\nb\nc\nd\ne e\n\n", encoding="utf-8")
    (folder / "two.txt").write_text("a\nb\n")
    (folder / "latin.txt").write_bytes("Vögel".encode("latin-1"))
    (folder / "broken.keras").write_text("no model")
    with zipfile.ZipFile(folder / "other.keras", "w") as archive:
        archive.writestr("a", "b")
    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, Unregistered()(inputs)).save(folder / "layers.keras")
    (folder / "there.onnx").touch()
    (folder / "there").mkdir()
    (folder / "there" / "file").touch()
    (folder / "empty").mkdir()
    (folder / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 3), "uint8")
    Image.fromarray(pixels).save(folder / "photos" / "one.png")
    return folder


@slow_elsewhere
def test_file_has_the_class_names(folder, tmp_path, monkeypatch, capsys):
    path = tmp_path / "model.tflite"
    status = run(
        monkeypatch, "export", folder / "classifier.keras", path,
        "--format", "litert", "--class-names", folder / "names.txt",
        "--photo", folder / "photos" / "one.png",
    )  # fmt: skip
    output = capsys.readouterr().out
    assert status == 0, output
    assert "litert in float32" in output
    assert f"Written: {path}" in output
    exported = keras_efficient.export.load(path)
    assert exported.class_names == ("a", "b", "c", "d", "e e")


@pytest.mark.slow
def test_options_are_stored_in_the_file(folder, tmp_path):
    path = tmp_path / "model.tflite"
    process = subprocess.run(
        [
            sys.executable, "-m", "keras_efficient.cli", "export",
            folder / "detector.keras", path, "--format", "litert",
            "--precision", "float16",
            "--layout", "mediapipe", "--image-size", "72", "96",
            "--score-threshold", "0.2", "--max-detections", "7",
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    metadata = keras_efficient.export.load(path).metadata
    assert metadata["precision"] == "float16"
    assert metadata["fixed_image_size"] == [72, 96]
    assert metadata["class_names"] == ["cat", "dog", "Vögel"]
    assert metadata["options"]["score_threshold"] == 0.2
    assert metadata["options"]["max_detections"] == 7


@pytest.mark.slow
def test_int8(folder, tmp_path, monkeypatch, capsys):
    confident_classifier().save(tmp_path / "model.keras")
    path = tmp_path / "model.tflite"
    status = run(
        monkeypatch, "export", tmp_path / "model.keras", path,
        "--format", "litert", "--precision", "int8",
        "--calibration", folder / "photos",
    )  # fmt: skip
    output = capsys.readouterr().out
    assert status == 0, output
    assert "litert in int8" in output


@slow_elsewhere
def test_overwrite(folder, tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_text("old")
    arguments = [folder / "classifier.keras", path, "--format", "litert"]
    assert run(monkeypatch, "export", *arguments) == 2
    assert path.read_text() == "old"
    assert run(monkeypatch, "export", *arguments, "--overwrite") == 0
    assert keras_efficient.export.load(path).format == "litert"


def test_help(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(monkeypatch, "--help") == 0
    assert "Export a model for serving" in capsys.readouterr().out
    assert run(monkeypatch, "export", "--help") == 0
    output = capsys.readouterr().out
    assert "--format <saved_model|onnx|litert|openvino>" in output
    assert "--image-size <height> <width>" in output
    assert max(map(len, output.splitlines())) <= 80


# Arguments of `export` and messages; C is a classifier, D a detector.
WRONG = {
    "none.keras a.onnx --format onnx": "File not found: none.keras",
    "broken.keras a.onnx --format onnx": "broken.keras is damaged or not",
    "other.keras a.onnx --format onnx": "cannot load other.keras: There is no",
    "layers.keras a.onnx --format onnx": "cannot load layers.keras: Could not",
    "ResNet51 a.onnx --format onnx": "Did you mean ResNet50",
    "EfficientNetB0 a.onnx --format onnx --weights x": "--weights of",
    "C a.onnx --format onnx --weights imagenet": "requires the name of a model",
    "C a.onnx --format onnx --precision bfloat16": "'float16', 'int8'",
    "C a.tflite --format litert --precision int8": "needs --calibration",
    "C a.tflite --format litert --calibration photos": "no other precision",
    "C a.tflite --format litert --precision int8 --calibration empty": (
        "no images found in empty"
    ),
    "C a --format saved_model --batch-size 2": "not support --batch-size",
    "C a --format saved_model --image-size 20 30": "not support --image-size",
    "C a.onnx --format onnx --layout mediapipe": "not support --layout",
    "C a.onnx --format onnx --io-dtype int8": "not support --io-dtype",
    "C a.tflite --format litert --io-dtype int8": "and --calibration, a data",
    "D a.tflite --format litert --layout mediapipe --io-dtype float32": (
        "Omit --io-dtype, or omit"
    ),
    "C a.tflite --format litert --layout mediapipe --batch-size 2": (
        "one image at a time"
    ),
    "D a.tflite --format litert --layout x": "--layout must be one of",
    "C a.onnx --format onnx --nms hard": "--nms is an option for detectors",
    "D a.onnx --format onnx --score-threshold -3": "score-threshold must be in",
    "C a.onnx --format onnx --batch-size 0": "--batch-size must be at least 1",
    "C a.onnx --format onnx --split val": "--split requires --validation",
    "C a.onnx --format onnx --strict": "--strict requires --validation",
    "C a.onnx --format onnx --validation none": "No such folder: none",
    "C a.onnx --format onnx --photo names.txt": "names.txt is not an image",
    "C a.onnx --format onnx --class-names none.txt": "none.txt",
    "C a.onnx --format onnx --class-names two.txt": "--class-names must have 5",
    "C a.onnx --format onnx --class-names latin.txt": "not UTF-8 text",
    "C a.bin --format onnx": "must end in .onnx",
    "C there.onnx --format onnx": "Pass --overwrite",
    "C there --format saved_model": "Pass --overwrite",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_errors_are_one_line(folder, monkeypatch, capsys, arguments):
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    files = {"C": "classifier.keras", "D": "detector.keras"}
    words = [files.get(word, word) for word in arguments.split()]
    assert run(monkeypatch, "export", *words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("keras-efficient: ")
    assert WRONG[arguments] in line
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("a.keras a.onnx --format coreml", "coreml"),
        ("a.keras a.onnx", "--format"),
        ("a.keras a.onnx --format onnx --batch-size x", "integer"),
    ],
)
def test_invalid_option_values(monkeypatch, capsys, arguments, message):
    assert run(monkeypatch, "export", *arguments.split()) == 2
    assert message in capsys.readouterr().err


@slow_elsewhere
def test_differing_export_has_status_1(tmp_path, monkeypatch, capsys):
    plain_classifier(Unstable()).save(tmp_path / "unstable.keras")
    path = tmp_path / "model.tflite"
    arguments = [tmp_path / "unstable.keras", path, "--format", "litert"]
    assert run(monkeypatch, "export", *arguments) == 1
    assert "differs from the model" in capsys.readouterr().err
    assert not path.exists()


def test_names_of_models(monkeypatch, capsys, tmp_path):
    built = []

    def build(weights=None):
        built.append(weights)
        return keras.Sequential([keras.Input((8, 8, 3))])

    monkeypatch.setattr(keras_efficient, "EfficientNetB3", build)
    status = run(
        monkeypatch, "export", "EfficientNetB3", tmp_path / "a.onnx",
        "--format", "onnx", "--weights", "noisy-student",
    )  # fmt: skip
    assert status == 2
    assert built == ["noisy-student"]
