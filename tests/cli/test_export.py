"""`keras-efficient export`, as it is typed."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import keras_efficient
from keras_efficient.cli import main
from keras_efficient.export import verification
from tests.export.test_detector_exports import confident
from tests.export.test_saved_models import IS_TENSORFLOW
from tests.export.test_saved_models import slow_elsewhere
from tests.export.test_saved_models import tiny_efficientnet

pytest.importorskip("tensorflow")
pytest.importorskip("ai_edge_litert")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    tiny_efficientnet().save(folder / "classifier.keras")
    confident(input_shape=(96, 96, 3)).save(folder / "detector.keras")
    (folder / "names.txt").write_text("a\nb\nc\nd\ne e\n\n", encoding="utf-8")
    (folder / "broken.keras").write_text("no model")
    (folder / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 3), "uint8")
    Image.fromarray(pixels).save(folder / "photos" / "one.png")
    return folder


def run(monkeypatch, *arguments):
    """Exit status of the program."""
    arguments = [str(argument) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["keras-efficient", *arguments])
    with pytest.raises(SystemExit) as caught:
        main.main()
    return caught.value.code


@slow_elsewhere
def test_a_file_with_names(folder, tmp_path, monkeypatch, capsys):
    path = tmp_path / "model.tflite"
    status = run(
        monkeypatch, "export", folder / "classifier.keras", path,
        "--format", "litert", "--class-names", folder / "names.txt",
        "--photo", folder / "photos" / "one.png",
    )  # fmt: skip
    output = capsys.readouterr().out
    assert status == 0, output
    assert "litert in float32" in output and f"Written: {path}" in output
    exported = keras_efficient.export.load(path)
    assert exported.class_names == ("a", "b", "c", "d", "e e")


@pytest.mark.slow
def test_options_reach_the_file(folder, tmp_path):
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
    path = tmp_path / "model.tflite"
    status = run(
        monkeypatch, "export", folder / "classifier.keras", path,
        "--format", "litert", "--precision", "int8",
        "--calibration", folder / "photos",
    )  # fmt: skip
    output = capsys.readouterr().out
    assert status == 0, output
    assert output.startswith("litert in int8")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["none.keras", "a.onnx", "--format", "onnx"], "no file"),
        (["broken.keras", "a.onnx", "--format", "onnx"], "broken.keras"),
        (["ResNet50", "a.onnx", "--format", "onnx"], "EfficientNetB0 to B7"),
        (
            ["classifier.keras", "a.onnx", "--format", "onnx",
             "--precision", "bfloat16"],
            "'float16', 'int8'",
        ),
        (
            ["classifier.keras", "a.tflite", "--format", "litert",
             "--precision", "int8"],
            "calibration",
        ),
        (
            ["classifier.keras", "a", "--format", "saved_model",
             "--batch-size", "2"],
            "--batch-size is not for saved_model",
        ),
        (
            ["classifier.keras", "a.onnx", "--format", "onnx",
             "--split", "val"],
            "--split goes with --validation",
        ),
        (
            ["classifier.keras", "a.onnx", "--format", "onnx",
             "--nms", "hard"],
            "nms",
        ),
        (
            ["classifier.keras", "a.onnx", "--format", "onnx",
             "--weights", "imagenet"],
            "goes with a name",
        ),
        (["classifier.keras", "names.txt", "--format", "onnx"], "overwrite"),
        (["classifier.keras", "a.onnx", "--format", "coreml"], "coreml"),
    ],
    ids=str,
)  # fmt: skip
def test_errors_are_told_in_a_line(
    folder, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    assert run(monkeypatch, "export", *arguments) == 2
    assert message in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


@pytest.mark.skipif(not IS_TENSORFLOW, reason="the child has its own tolerance")
def test_a_difference_is_another_status(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verification, "TOLERANCE", -1.0)
    path = tmp_path / "model.tflite"
    arguments = [folder / "classifier.keras", path, "--format", "litert"]
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
