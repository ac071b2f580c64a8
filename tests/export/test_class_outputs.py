"""Exports of classifiers and detectors with other outputs and channels."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import keras_efficient
from keras_efficient import export
from keras_efficient.data import classification_from_arrays
from keras_efficient.evaluation import evaluate_classification
from keras_efficient.export.specs import describe
from tests.marks import on_one_backend
from tests.marks import slow_elsewhere
from tests.models.detectors import tiny
from tests.support.export import confident_classifier
from tests.support.export import confident_detector
from tests.support.export import encode
from tests.support.export import run_signature
from tests.support.export import sharpen_detector

tf = pytest.importorskip("tensorflow")

PATHS = {
    "saved_model": "folder/1",
    "onnx": "model.onnx",
    "litert": "model.tflite",
    "openvino": "folder",
}
OPTIONS = {"score_threshold": 0.05, "max_detections": 15}


def small(classes, activation, channels=3):
    """The smallest classifier with convolutions."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((24, 32, channels)),
            keras.layers.Rescaling(1 / 64),
            keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(classes, activation),
        ]
    )


def pixels(channels, count=3):
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (count, 24, 32, channels), "uint8")


def write(name, folder, model, **options):
    """Exports a model, which compares the export with it, and loads it."""
    path = folder / PATHS[name]
    getattr(export, name)(model, path, **options)
    return export.load(path)


def check_same(model, exported, images, threshold=None):
    """Results of a model and its export are equal."""
    found = keras_efficient.inference.classify(
        model, list(images), threshold=threshold, top=9
    )
    other = exported.classify(list(images), threshold=threshold, top=9)
    for one, two in zip(found, other, strict=True):
        assert one.labels.tolist() == two.labels.tolist()
        assert one.names == two.names
        assert one.predicted.tolist() == two.predicted.tolist()
        np.testing.assert_allclose(
            one.probabilities, two.probabilities, atol=1e-4
        )


@slow_elsewhere
@pytest.mark.parametrize("name", PATHS)
def test_one_output_and_one_channel(name, tmp_path):
    if name != "saved_model":
        pytest.importorskip(name if name == "openvino" else "tf2onnx")
    model = small(1, None, channels=1)
    images = pixels(1)
    exported = write(
        name, tmp_path, model, threshold=0.8, class_names=("cat", "dog")
    )
    stored = exported.metadata
    assert (stored["channels"], stored["exclusive"]) == (1, False)
    assert (stored["threshold"], stored["from_logits"]) == (0.8, True)
    model.class_names = ("cat", "dog")
    check_same(model, exported, images, 0.8)
    # The threshold is part of the file.
    outputs = exported.signatures["images"](images[:1])
    share = outputs["probabilities"][0, 0]
    assert outputs["label"].tolist() == [int(share >= 0.8)]
    dataset = classification_from_arrays(images, [0, 1, 1], ("cat", "dog"))
    own = evaluate_classification(model, dataset, threshold=0.8)
    other = evaluate_classification(exported, dataset)
    assert own.confusion.tolist() == other.confusion.tolist()


@slow_elsewhere
@pytest.mark.parametrize("name", ["saved_model", "onnx"])
def test_several_labels_and_four_channels(name, tmp_path):
    pytest.importorskip("tf2onnx")
    model = small(4, "sigmoid", channels=4)
    model.class_names = ("a", "b", "c", "d")
    images = pixels(4)
    shares = model.predict(images, verbose=0)
    threshold = float(np.median(shares))
    exported = write(name, tmp_path, model, threshold=threshold)
    check_same(model, exported, images, threshold)
    outputs = exported.signatures["images"](images)
    expected = (shares >= threshold).astype(int)
    assert outputs["predicted"].tolist() == expected.tolist()
    assert 0 < expected.sum() < expected.size
    dataset = classification_from_arrays(images, np.eye(4, dtype=int)[:3])
    dataset = classification_from_arrays(
        images, np.eye(4, dtype=int)[:3], model.class_names
    )
    result = evaluate_classification(exported, dataset)
    own = evaluate_classification(model, dataset, threshold=threshold)
    assert result.counts.tolist() == own.counts.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("channels", [1, 2, 4, 6])
@pytest.mark.parametrize(
    ("classes", "activation"),
    [(1, "sigmoid"), (3, "sigmoid"), (3, None), (3, "softmax")],
)
def test_each_combination(name, channels, classes, activation, tmp_path):
    model = small(classes, activation, channels)
    exported = write(name, tmp_path, model)
    check_same(model, exported, pixels(channels))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "litert", "openvino"])
def test_int8(name, tmp_path):
    model = confident_classifier(classifier_activation="sigmoid")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 64, 48, 3), "uint8")
    exported = write(
        name, tmp_path, model, precision="int8", calibration=images
    )
    assert exported.predict(list(images)).shape == (4, 5)


@slow_elsewhere
@pytest.mark.parametrize("channels", [1, 4])
def test_files(channels, tmp_path):
    """The pixels of a SavedModel are those of `load_image`."""
    model = small(3, "softmax", channels)
    path = tmp_path / "1"
    export.saved_model(model, path)
    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 4), "uint8")
    image = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 6
    files = [
        encode(image, "PNG"),
        encode(image.convert("RGB"), "PNG"),
        encode(image.convert("L"), "PNG"),
        encode(image.convert("RGB"), "JPEG", exif=exif),
        encode(image.convert("L"), "JPEG"),
        encode(image.convert("P"), "PNG", transparency=bytes(range(256))),
        encode(image, "PNG", exif=exif),
        encode(image.convert("RGB"), "BMP"),
        encode(image, "WEBP", lossless=True),
    ]
    found = run_signature(signature, image_bytes=files)["probabilities"]
    results = keras_efficient.inference.classify(model, files, top=3)
    expected = [x.probabilities[np.argsort(x.labels)] for x in results]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(found, axis=0).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("channels", [1, 4])
def test_detectors(name, channels, tmp_path):
    keras.utils.set_random_seed(0)
    number = 1 if channels == 1 else 3
    shape = (64, 64, channels)
    model = sharpen_detector(tiny(input_shape=shape, num_classes=number))
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (90, 70, channels), "uint8")
    exported = write(name, tmp_path, model, **OPTIONS)
    assert exported.metadata["channels"] == channels
    (found,) = exported.detect(image)
    assert set(found.labels) <= set(range(model.num_classes))


@on_one_backend
def test_descriptions():
    spec = describe(small(1, "sigmoid", 1))
    assert spec.channels == 1 and spec.class_names == ("0",)
    assert spec.output_names == ["probabilities", "predicted"]
    spec = describe(small(1, "sigmoid"), class_names=("cat", "dog"))
    assert spec.output_names == ["probabilities", "label"]
    spec = describe(small(3, None), options={"exclusive": False})
    assert spec.metadata()["threshold"] == 0.5
    json.dumps(spec.metadata())
    with pytest.raises(ValueError, match="`threshold` is for models"):
        describe(small(3, "softmax"), options={"threshold": 0.5})
    with pytest.raises(TypeError, match="detectors only.*nms"):
        describe(small(3, "softmax"), options={"nms": "hard"})
    with pytest.raises(TypeError, match="classifiers only.*threshold"):
        describe(confident_detector(), options={"threshold": 0.5})
    with pytest.raises(ValueError, match="1 or 2 names"):
        describe(small(1, "sigmoid"), class_names=("a", "b", "c"))
