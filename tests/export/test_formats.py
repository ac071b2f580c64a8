"""ONNX, LiteRT and OpenVINO: run by their own runtimes, from every backend."""

import functools
import sys

import numpy as np
import pytest

import keras_efficient
from keras_efficient import export
from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data import classification_from_arrays
from keras_efficient.data import load_image
from keras_efficient.export.formats import table
from keras_efficient.export.verification import check
from keras_efficient.export.verification.comparison import coarse_difference
from keras_efficient.export.verification.comparison import difference
from tests import golden_fill
from tests.marks import slow_elsewhere
from tests.models.detectors import tiny
from tests.support.export import CLASS_NAMES
from tests.support.export import IS_TENSORFLOW
from tests.support.export import OPTIONS
from tests.support.export import as_rows
from tests.support.export import confident_classifier
from tests.support.export import confident_detector
from tests.support.export import image_files
from tests.support.export import sharpen_classifier
from tests.support.export import sharpen_detector

for package in ("tensorflow", "tf2onnx", "onnxruntime", "ai_edge_litert"):
    pytest.importorskip(package)
pytest.importorskip("openvino")

PATHS = {
    "saved_model": "folder/1",
    "onnx": "model.onnx",
    "litert": "model.tflite",
    "openvino": "folder",
}
ALL = ("onnx", "openvino", "litert")
# One of them shows that the child process works.
FORMATS = [
    pytest.param(name, marks=[pytest.mark.slow] * is_slow)
    for name, is_slow in zip(
        ALL, (False, *[not IS_TENSORFLOW] * 2), strict=True
    )
]


def written(name, folder, model, **arguments):
    path = folder / PATHS[name]
    return getattr(export, name)(model, path, **arguments)


@functools.cache
def detector():
    return confident_detector()


@functools.cache
def d0():
    model = keras_efficient.EfficientDetD0(
        weights=None, backbone_weights=None, input_shape=(256, 256, 3)
    )
    return sharpen_detector(model)


@functools.cache
def b0():
    model = keras_efficient.EfficientNetB0(weights=None)
    return sharpen_classifier(golden_fill.fill(model))


@functools.cache
def classifier():
    return confident_classifier()


@pytest.mark.parametrize("name", FORMATS)
def test_detector_finds_what_detect_finds(name, tmp_path, capsys):
    path = written(name, tmp_path, detector(), **OPTIONS)
    assert f"{name} in float32" in capsys.readouterr().out
    exported = export.load(path)
    assert exported.format == name
    assert exported.class_names == ("cat", "dog", "Vögel")
    files = image_files()
    expected = as_rows(detector().detect(files, **OPTIONS))
    found = as_rows(exported.detect(files))
    assert expected["num_detections"].min() > 3
    # A file of one size gets images that were rounded to whole numbers.
    if name == "litert":
        assert coarse_difference(expected, found) < 0.2
    else:
        assert difference(expected, found) < 1e-4
    size = (64, 96)
    images = np.random.default_rng(3).integers(0, 256, (3, *size, 3), "uint8")
    expected = as_rows(detector().detect(images, **OPTIONS))
    assert difference(expected, exported.signatures["images"](images)) < 1e-4
    with pytest.raises(TypeError, match="made for detection"):
        exported.predict(files)


@pytest.mark.parametrize("name", FORMATS)
def test_classifier_says_what_the_model_says(name, tmp_path):
    letterbox = ClassificationPreprocessing((64, 48), crop_fraction=None)
    path = written(
        name,
        tmp_path,
        classifier(),
        class_names=CLASS_NAMES,
        preprocessing=letterbox,
    )
    exported = export.load(path)
    files = image_files()
    inputs = np.stack([letterbox(load_image(file)) for file in files])
    expected = classifier().predict(inputs.astype("float32"), verbose=0)
    assert expected.max() > 0.5
    # PIL's whole result is that of its parts: the same pixels in each format.
    np.testing.assert_allclose(exported.predict(files), expected, atol=1e-5)
    assert exported.metadata["class_names"] == list(CLASS_NAMES)
    with pytest.raises(TypeError, match="made for classification"):
        exported.detect(files)


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHS)
def test_d0(name, tmp_path):
    model = d0()
    path = written(name, tmp_path, model, **OPTIONS)
    image = np.random.default_rng(3).integers(0, 256, (256, 256, 3), "uint8")
    expected = as_rows(model.detect([image], **OPTIONS))
    assert expected["num_detections"].min() > 3
    found = as_rows(export.load(path).detect([image]))
    assert difference(expected, found) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHS)
def test_b0(name, tmp_path):
    model = b0()
    path = written(name, tmp_path, model)
    images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3))
    whole = ClassificationPreprocessing((224, 224))
    inputs = np.stack([whole(x) for x in images.astype("uint8")])
    expected = model.predict(inputs.astype("float32"), verbose=0)
    found = export.load(path).predict(list(images.astype("uint8")))
    assert expected.max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
@slow_elsewhere
def test_fixed_batch_and_size(name, tmp_path):
    path = written(
        name, tmp_path, classifier(), batch_size=2, image_size=(70, 90)
    )
    exported = export.load(path)
    assert exported.metadata["fixed_image_size"] == [70, 90]
    images = np.random.default_rng(0).integers(0, 256, (3, 70, 90, 3), "uint8")
    answer = exported.signatures["images"](images)
    preprocessing = ClassificationPreprocessing((64, 48))
    inputs = np.stack([preprocessing(image) for image in images])
    expected = classifier().predict(inputs.astype("float32"), verbose=0)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    assert answer["label"].tolist() == expected.argmax(-1).tolist()


@pytest.mark.parametrize(
    "name", ["onnx", "litert", pytest.param("openvino", marks=pytest.mark.slow)]
)
@slow_elsewhere
def test_a_difference_is_an_error_and_leaves_the_old(
    name, tmp_path, monkeypatch
):
    path = tmp_path / PATHS[name]
    if name == "openvino":
        path.mkdir()
        (path / "old").write_text("old")
    else:
        path.write_text("old")
    for tolerance in ("TOLERANCE", "RESAMPLING_TOLERANCE"):
        monkeypatch.setattr(check, tolerance, -1.0)
    with pytest.raises(export.ExportMismatchError, match="'images'"):
        written(name, tmp_path, classifier(), overwrite=True)
    file = path / "old" if path.is_dir() else path
    assert file.read_text() == "old"
    assert [x.name for x in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "name",
    ["onnx", *(pytest.param(x, marks=pytest.mark.slow) for x in ALL[1:])],
)
@slow_elsewhere
def test_a_network_that_finds_nothing_is_compared(name, tmp_path, monkeypatch):
    model = tiny()
    assert len(model.detect(image_files()[0])[0]) == 0
    # No detections differ by nothing, but numbers always do.
    monkeypatch.setattr(check, "DETECTOR_TOLERANCE", 0.0)
    with pytest.raises(export.ExportMismatchError, match="'network'"):
        written(name, tmp_path, model)


@pytest.mark.parametrize("name", ALL)
def test_what_is_missing_is_named(name, tmp_path, monkeypatch):
    package = table.FORMATS[name][1][-1]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"{package}.*\[export\]"):
        written(name, tmp_path, classifier())
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_replaced(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("old")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        export.onnx(classifier(), path)
    with pytest.raises(FileExistsError, match="is a folder"):
        export.litert(classifier(), tmp_path)
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    "name, arguments, message",
    [
        ("onnx", {"precision": "bfloat16"}, "'float16', 'int8'.*bfloat16"),
        ("litert", {"precision": "int8"}, "needs `calibration`"),
        ("onnx", {"calibration": [1]}, "no other precision.*float32"),
        ("onnx", {"batch_size": 0}, "batch_size.*0"),
        ("openvino", {"image_size": (0, 3)}, r"\(0, 3\)"),
        (
            "litert",
            {"precision": "int8", "calibration": []},
            "at least one image",
        ),
    ],
    ids=str,
)
def test_bad_arguments_are_named(name, arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        written(name, tmp_path, classifier(), **arguments)
    assert list(tmp_path.iterdir()) == []


def test_load_says_what_it_cannot_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.onnx"):
        export.load(tmp_path / "nothing.onnx")
    with pytest.raises(ValueError, match="saved_model.pb"):
        export.load(tmp_path)
    (tmp_path / "model.xml").write_text("<net/>")
    with pytest.raises(ValueError, match="another program"):
        export.load(tmp_path)


PRECISIONS = [
    ("saved_model", "bfloat16"),
    ("saved_model", "float16"),
    *((name, precision) for name in ALL for precision in ("float16", "int8")),
]


@pytest.mark.parametrize("kind", ["classifier", "detector"])
@pytest.mark.parametrize("name, precision", PRECISIONS, ids=str)
@pytest.mark.slow
def test_precisions(name, precision, kind, tmp_path):
    for package in table.PRECISION_PACKAGES.get((name, precision), ()):
        pytest.importorskip(package)
    arguments = {"precision": precision}
    files = image_files()
    if precision == "int8":
        arguments["calibration"] = files
    if kind == "classifier":
        path = written(name, tmp_path, classifier(), **arguments)
        exported = export.load(path)
        assert exported.predict(files).shape == (3, 5)
    else:
        path = written(name, tmp_path, detector(), **arguments, **OPTIONS)
        exported = export.load(path)
        expected = as_rows(detector().detect(files, **OPTIONS))
        found = as_rows(exported.detect(files))
        assert coarse_difference(expected, found) < 0.5
    assert exported.metadata["precision"] == precision


@slow_elsewhere
def test_accuracy_is_measured_and_printed(tmp_path, capsys):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 64, 48, 3), "uint8")
    preprocessing = ClassificationPreprocessing((64, 48))
    inputs = np.stack([preprocessing(x) for x in images]).astype("float32")
    labels = classifier().predict(inputs, verbose=0).argmax(-1)
    labels[0] = (labels[0] + 1) % 5
    dataset = classification_from_arrays(
        images, labels, class_names=CLASS_NAMES
    )
    export.onnx(classifier(), tmp_path / "a.onnx", validation=dataset)
    output = capsys.readouterr().out
    assert "On 6 images: accuracy 0.833 in Keras; accuracy 0.833 as onnx" in (
        output
    )
