"""Examples with published weights, served by a mirror."""

import dataclasses
import hashlib
import runpy
import sys

import numpy as np
import pytest
from keras.applications import imagenet_utils
from PIL import Image

import keras_efficient
from keras_efficient.weights import download
from keras_efficient.weights import manifest
from tests.converters import checkpoints
from tests.converters import detector_files
from tests.examples.running import EXAMPLES
from tests.examples.running import run
from tests.weights import file_server


def write_photo(path, height=420, width=563):
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, 3))
    Image.fromarray(pixels.astype("uint8")).save(path)
    return path


def publish(name, file, monkeypatch):
    """Replace the hash in the manifest by that of a test file."""
    digest = hashlib.md5(file.read_bytes()).hexdigest()
    entries = tuple(
        dataclasses.replace(entry, hash={"md5": digest})
        if entry.name == name
        else entry
        for entry in manifest.entries()
    )
    monkeypatch.setattr(manifest, "entries", lambda: entries)


@pytest.mark.slow
def test_classify_image(tmp_path, monkeypatch, capsys):
    file = tmp_path / "efficientnetb0.h5"
    checkpoints.write_keras2_h5(
        file, checkpoints.random_weights(), checkpoints.IMAGENET[1]
    )
    publish("efficientnetb0.imagenet", file, monkeypatch)
    monkeypatch.setenv(download.MIRROR_VARIABLE, str(tmp_path))
    monkeypatch.setenv(download.CACHE_VARIABLE, str(tmp_path / "cache"))
    # Keras would download the class names.
    names = {str(i): (f"n{i:08d}", f"class_{i}") for i in range(1000)}
    module = sys.modules[imagenet_utils.decode_predictions.__module__]
    monkeypatch.setattr(module, "CLASS_INDEX", names)
    photo = write_photo(tmp_path / "photo.jpg")
    monkeypatch.setattr(sys, "argv", ["classify_image.py", str(photo)])
    runpy.run_path(str(EXAMPLES / "classify_image.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()[-5:]

    model = keras_efficient.EfficientNetB0(weights=file)
    resize = keras_efficient.data.ClassificationPreprocessing((224, 224))
    image = resize(keras_efficient.data.load_image(photo))
    (expected,) = model.predict(image[None].astype("float32"), verbose=0)
    best = np.argsort(-expected)[:5]
    assert [line.split()[1] for line in lines] == [f"class_{i}" for i in best]
    shares = [float(line.split("%")[0]) / 100 for line in lines]
    np.testing.assert_allclose(shares, expected[best], atol=6e-4)


@pytest.mark.slow
def test_detect_objects(tmp_path):
    model = keras_efficient.EfficientDetD0(
        weights=None, input_shape=(64, 96, 3), backbone_weights=None
    )
    file = detector_files.write_automl_h5(
        tmp_path / "d0.h5", detector_files.random_arrays(model)
    )
    photo = write_photo(tmp_path / "photo.jpg")
    picture = tmp_path / "boxes.png"
    with file_server.serving() as server:
        server.files["/efficientdet-d0.h5"] = file.read_bytes()
        output = run(
            "detect_objects.py",
            *(photo, "--picture", picture, "--score-threshold", "0.1"),
            KERAS_EFFICIENT_MIRROR=server.url,
            KERAS_EFFICIENT_CACHE=str(tmp_path / "cache"),
        )
    assert [path for path, _ in server.requests] == ["/efficientdet-d0.h5"]
    assert "Detections: 100 in 563 x 420 pixels" in output
    # The first printed detection is the first row of the table.
    lines = output.splitlines()
    table = lines.index(next(x for x in lines if x.startswith("Detections")))
    name = lines[table + 1].split("%")[1].split("(")[0].strip()
    edges = lines[table + 1].split("(")[1].rstrip(")").split(", ")
    left, top, right, bottom = (float(edge) for edge in edges)
    said, size = lines[-3].split(": ")
    width, height = (float(x) for x in size.split(" pixels")[0].split(" x "))
    assert said == name
    assert abs(width - (right - left)) <= 1.01
    assert abs(height - (bottom - top)) <= 1.01
    with Image.open(picture) as drawn:
        assert drawn.size == (563, 420)
