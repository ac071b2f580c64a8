"""The commands `detect` and `classify`."""

import csv
import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import keras_efficient
from keras_efficient.cli import main
from keras_efficient.cli import videos
from keras_efficient.cli.sources import expand
from tests.cli.program import run
from tests.cli.test_export import plain_classifier
from tests.marks import on_one_backend
from tests.support.export import confident_detector

pytestmark = on_one_backend


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    confident_detector(input_shape=(96, 96, 3)).save(folder / "detector.keras")
    (folder / "run").mkdir()
    plain_classifier().save(folder / "run" / "model.keras")
    (folder / "run" / "class_names.txt").write_text("a\nb\nc\nd\ne e\n")
    return folder


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(24)
    for name in ("7.png", "a.jpg", "deep/a.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (7, 9, 3), "uint8")
        image = Image.fromarray(pixels).resize((90, 70), Image.NEAREST)
        image.save(path, quality=95)
    (tmp_path / "photos" / "notes.txt").write_text("no image")
    return tmp_path / "photos"


def test_sources(photos):
    (photos / "film.mp4").touch()
    sources = expand(["photos", "photos/a.jpg", "photos/**/a.*", "0"])
    assert [(source.name, source.kind) for source in sources] == [
        ("7", "image"),
        ("a", "image"),
        ("deep/a", "image"),
        ("film", "video"),
        ("camera0", "camera"),
    ]
    names = [source.name for source in expand(["photos/a.jpg", "photos/*/a.*"])]
    assert names == ["a", "a-2"]
    for bad in ("nowhere", "photos/notes.txt", "photos/*.gif"):
        with pytest.raises(
            (FileNotFoundError, ValueError), match=r"not found|neither|No "
        ):
            expand([bad])


def test_detect_writes_pictures_and_numbers(
    models, photos, monkeypatch, capsys
):
    (photos / "b.png").write_text("broken")
    arguments = ("--model", models / "detector.keras", "--csv", "--coco")
    status = run(monkeypatch, "detect", "photos", *arguments)
    captured = capsys.readouterr()
    assert status == main.FAILURE
    assert "Skipped: photos/b.png" in captured.err
    folder = photos.parent / "detections"
    assert {path.name for path in folder.rglob("*.jpg")} == {"7.jpg", "a.jpg"}
    assert (folder / "deep" / "a.jpg").exists()
    rows = json.loads((folder / "detections.json").read_text())
    assert [row["file"] for row in rows] == [
        "photos/7.png", "photos/a.jpg", "photos/deep/a.png",
    ]  # fmt: skip
    number = sum(len(row["scores"]) for row in rows)
    assert number > 0 and f"{number} objects in 3 images" in captured.out
    with open(folder / "detections.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == number
    assert float(lines[0]["score"]) == pytest.approx(rows[0]["scores"][0], 1e-3)
    coco = json.loads((folder / "coco_results.json").read_text())
    assert {row["image_id"] for row in coco} == {7, "a.jpg", "a.png"}


def test_second_run_keeps_earlier_results(models, photos, monkeypatch, capsys):
    arguments = ("photos/a.jpg", "--model", models / "detector.keras")
    assert run(monkeypatch, "detect", *arguments, "--no-draw") == 0
    first = (photos.parent / "detections" / "detections.json").read_text()
    (row,) = json.loads(first)
    best, score = row["names"][0], row["scores"][0]
    options = ("--only", best, "--score-threshold", score - 1e-4, "--no-draw")
    assert run(monkeypatch, "detect", *arguments, *options) == 0
    second = (photos.parent / "detections-2" / "detections.json").read_text()
    (row,) = json.loads(second)
    assert set(row["names"]) == {best} and min(row["scores"]) >= score - 1e-3
    assert set(json.loads(first)[0]["names"]) > {best}
    assert run(monkeypatch, "detect", *arguments, "--output", "detections") == 2
    assert "--overwrite" in capsys.readouterr().err


def test_image_ids_come_from_annotations(models, photos, monkeypatch, capsys):
    images = [{"file_name": "a.jpg", "id": 42}]
    path = photos.parent / "instances.json"
    path.write_text(json.dumps({"images": images}))
    arguments = ("--model", models / "detector.keras", "--coco", "--no-draw",
                 "--annotations", path)  # fmt: skip
    assert run(monkeypatch, "detect", "photos/a.jpg", *arguments) == 0
    file = photos.parent / "detections" / "coco_results.json"
    assert {row["image_id"] for row in json.loads(file.read_text())} == {42}
    assert run(monkeypatch, "detect", "photos/7.png", *arguments) == 2
    assert "but not 7.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("nowhere.jpg",), "File or folder not found: nowhere.jpg"),
        (("photos", "--model", "EfficientDetD9"), "Did you mean Efficient"),
        (("photos", "--model", "photos"), "has no model.keras"),
        (("photos", "--model", "{run}"), "is not a detector"),
        (
            ("photos", "--model", "{detector}", "--only", "ant"),
            "has no class 'ant'",
        ),
        (("photos", "--model", "{detector}", "--every", "0"), "--every must"),
        (
            ("photos", "--model", "{detector}", "--weights", "coco"),
            "--weights requires the name of a model",
        ),
        (
            ("photos", "--model", "{detector}", "--score-threshold", "2"),
            "--score-threshold",
        ),
    ],
)
def test_errors_name_the_problem(
    models, photos, monkeypatch, capsys, arguments, message
):
    names = {"run": models / "run", "detector": models / "detector.keras"}
    arguments = [argument.format(**names) for argument in arguments]
    assert run(monkeypatch, "detect", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (photos.parent / "detections").exists()


@pytest.mark.slow
def test_model_names_ignore_case(monkeypatch, photos, capsys):
    # Without weights, nothing is downloaded.
    status = run(
        monkeypatch, "detect", "photos/a.jpg", "--model", "efficientdetd0",
        "--weights", "none", "--no-draw",
    )  # fmt: skip
    assert status == 0
    assert "0 objects in 1 images: no objects" in capsys.readouterr().out


def film(path, number=7):
    cv2 = pytest.importorskip("cv2")
    code = cv2.VideoWriter_fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), code, 10, (90, 70))
    for i in range(number):
        frame = np.zeros((70, 90, 3), "uint8")
        frame[:, :, 2] = 30 * i  # OpenCV's red
        writer.write(frame)
    writer.release()
    return path


def test_pictures_of_a_video(tmp_path):
    frames = list(videos.Video(film(tmp_path / "film.mp4"), every=3))
    assert len(frames) == 3 and frames[0].shape == (70, 90, 3)
    red, green, blue = frames[2].mean((0, 1))
    assert red == pytest.approx(180, abs=12) and green < 12 and blue < 12


def test_video(models, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "film.mp4")
    arguments = ("--model", models / "detector.keras", "--every", "2", "--csv")
    assert run(monkeypatch, "detect", "film.mp4", *arguments) == 0
    folder = tmp_path / "detections"
    rows = json.loads((folder / "detections.json").read_text())
    assert [row["frame"] for row in rows] == [0, 2, 4, 6]
    drawn = videos.Video(folder / "film.mp4")
    # 320 pixels at least, so that names can be read.
    assert drawn.rate == 5 and next(iter(drawn)).shape == (280, 360, 3)


def test_camera_until_ctrl_c(models, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cv2 = pytest.importorskip("cv2")
    path = film(tmp_path / "film.mp4")
    capture = cv2.VideoCapture
    asked = []

    class Camera:
        """A camera that plays a video, then raises `KeyboardInterrupt`."""

        def __init__(self, number):
            asked.append(number)
            self.film = capture(str(path))

        def grab(self):
            if not self.film.grab():
                raise KeyboardInterrupt
            return True

        def __getattr__(self, name):
            return getattr(self.film, name)

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    status = run(
        monkeypatch, "detect", "0", "--model", models / "detector.keras"
    )
    assert status == 0 and asked == [0]
    assert "Press Ctrl-C to stop" in capsys.readouterr().err
    rows = json.loads((tmp_path / "detections/detections.json").read_text())
    # One image is always in progress.
    assert len(rows) >= 5 and (tmp_path / "detections/camera0.mp4").exists()


def test_invalid_video_is_an_error(models, tmp_path, monkeypatch, capsys):
    pytest.importorskip("cv2")
    (tmp_path / "film.mp4").write_text("no film")
    monkeypatch.chdir(tmp_path)
    arguments = ("film.mp4", "--model", models / "detector.keras")
    assert run(monkeypatch, "detect", *arguments) == 2
    assert "cannot open film.mp4" in capsys.readouterr().err


def test_ctrl_c_keeps_results(models, photos, monkeypatch, capsys):
    detect_each = keras_efficient.inference.detect_each

    def broken_off(*args, **kwargs):
        found = detect_each(*args, **kwargs)
        yield next(found)
        raise KeyboardInterrupt

    monkeypatch.setattr(keras_efficient.inference, "detect_each", broken_off)
    status = run(
        monkeypatch, "detect", "photos", "--model", models / "detector.keras"
    )
    assert status == 130
    assert "results so far have been written" in capsys.readouterr().err
    file = photos.parent / "detections" / "detections.json"
    assert len(json.loads(file.read_text())) == 1


def test_classify(models, photos, monkeypatch, capsys):
    status = run(
        monkeypatch, "classify", "photos/*", "--model", models / "run",
        "--top", "2", "--json", "out/found.json", "--csv", "found.csv",
    )  # fmt: skip
    assert status == 0
    rows = json.loads((photos.parent / "out" / "found.json").read_text())
    assert [row["file"] for row in rows] == ["photos/7.png", "photos/a.jpg"]
    assert set(rows[0]["names"]) <= {"a", "b", "c", "d", "e e"}
    best = f"{rows[0]['names'][0]} {rows[0]['probabilities'][0]:.1%}"
    assert f"photos/7.png: {best}" in capsys.readouterr().out
    lines = (photos.parent / "found.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * 2 and lines[0].startswith("file,rank,label")


def test_classify_rejects_detectors_and_wrong_numbers_of_names(
    models, photos, monkeypatch, capsys
):
    arguments = ("classify", "photos", "--model")
    assert run(monkeypatch, *arguments, models / "detector.keras") == 2
    assert "is a detector" in capsys.readouterr().err
    (photos / "two.txt").write_text("a\nb\n")
    status = run(
        monkeypatch, *arguments, models / "run",
        "--class-names", photos / "two.txt",
    )  # fmt: skip
    assert status == 2
    assert "--class-names must have 5 names" in capsys.readouterr().err


def test_names_of_imagenet(photos, monkeypatch, capsys):
    asked = []

    def decode_predictions(preds, top):
        asked.append(preds.shape)
        order = np.argsort(-preds[0])[:top]
        return [[(f"n{i}", f"name {i}", preds[0, i]) for i in order]]

    path = "keras_efficient.cli.classify."
    monkeypatch.setattr(
        keras_efficient, "decode_predictions", decode_predictions
    )
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1000, activation="softmax"),
        ]
    )
    monkeypatch.setattr(f"{path}load_model", lambda name, weights: model)
    arguments = ("classify", "photos/a.jpg", "--top", "1", "--json", "x.json")
    assert run(monkeypatch, *arguments) == 0
    assert asked == [(1, 1000)]
    (row,) = json.loads((photos.parent / "x.json").read_text())
    assert row["names"] == [f"name {row['labels'][0]}"]


@pytest.mark.slow
def test_ctrl_c_in_a_process(models, photos):
    """Send SIGINT to a process that reads many images."""
    process = subprocess.Popen(
        [
            sys.executable, "-c",
            "from keras_efficient import inference\n"
            "from keras_efficient.cli import main\n"
            "import itertools\n"
            "each = inference.detect_each\n"
            "inference.detect_each = lambda m, images, **o: each(\n"
            "    m, itertools.cycle(images), **o)\n"
            "main.main()",
            "detect", "photos/7.png", "photos/a.jpg",
            "--model", models / "detector.keras",
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )  # fmt: skip
    for _ in range(5):
        assert process.stdout.readline().startswith("photos/")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    file = photos.parent / "detections" / "detections.json"
    assert len(json.loads(file.read_text())) >= 5
