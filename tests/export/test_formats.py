"""Every export format, in its own runtime and from every backend."""

import functools
import sys

import numpy as np
import pytest

import keras_efficient
from keras_efficient import export
from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data import classification_from_arrays
from keras_efficient.export.formats.saved_model.format import with_precision
from keras_efficient.export.formats.table import FORMATS
from keras_efficient.export.pipeline import ExportOptions
from keras_efficient.export.pipeline import run_export
from keras_efficient.export.verification.comparison import coarse_difference
from keras_efficient.export.verification.comparison import difference
from tests import golden_fill
from tests.marks import slow_elsewhere
from tests.support.export import CLASS_NAMES
from tests.support.export import IS_TENSORFLOW
from tests.support.export import OPTIONS
from tests.support.export import Unstable
from tests.support.export import as_rows
from tests.support.export import colors
from tests.support.export import confident_classifier
from tests.support.export import confident_detector
from tests.support.export import image_files
from tests.support.export import plain_classifier
from tests.support.export import prepare
from tests.support.export import sharpen_classifier
from tests.support.export import sharpen_detector
from tests.support.export import tensorflow_only
from tests.support.export import trained_classifier

for package in ("tensorflow", "tf2onnx", "onnxruntime", "ai_edge_litert"):
    pytest.importorskip(package)
pytest.importorskip("openvino")

PATHS = {
    "saved_model": "folder/1",
    "onnx": "model.onnx",
    "litert": "model.tflite",
    "openvino": "folder",
}
# Test modules of their own cover SavedModels.
OTHERS = ("onnx", "openvino", "litert")


def formats(*fast_elsewhere):
    """Return formats as parameters; some are slow on other backends."""
    return [
        pytest.param(
            name,
            marks=[pytest.mark.slow]
            * (not IS_TENSORFLOW and name not in fast_elsewhere),
        )
        for name in OTHERS
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


@functools.cache
def int8_classifier():
    return trained_classifier()


def test_every_format_is_tested():
    assert set(PATHS) == set(FORMATS)
    assert all(name == row.name for name, row in FORMATS.items())


@slow_elsewhere
@pytest.mark.parametrize("name", formats("onnx"))
def test_detection(name, tmp_path, caplog):
    path = written(name, tmp_path, detector(), **OPTIONS)
    assert f"{name} in float32" in caplog.text
    exported = export.load(path)
    assert exported.format == name
    assert exported.class_names == ("cat", "dog", "Vögel")
    files = image_files()
    expected = as_rows(detector().detect(files, **OPTIONS))
    found = as_rows(exported.detect(files))
    assert expected["num_detections"].min() > 3
    # Images for a file of fixed size were rounded to integers.
    if name == "litert":
        assert coarse_difference(expected, found) < 0.2
    else:
        assert difference(expected, found) < 1e-4
    size = (64, 96)
    images = np.random.default_rng(3).integers(0, 256, (3, *size, 3), "uint8")
    expected = as_rows(detector().detect(images, **OPTIONS))
    assert difference(expected, exported.signatures["images"](images)) < 1e-4
    with pytest.raises(TypeError, match="model is for detection"):
        exported.predict(files)


@pytest.mark.parametrize("name", formats("openvino"))
def test_classification(name, tmp_path):
    preprocessing = ClassificationPreprocessing((64, 48), crop_fraction=None)
    path = written(
        name,
        tmp_path,
        classifier(),
        class_names=CLASS_NAMES,
        preprocessing=preprocessing,
    )
    exported = export.load(path)
    files = image_files()
    expected = classifier().predict(prepare(files, preprocessing), verbose=0)
    assert expected.max() > 0.5
    # The same pixels in each format: resizing twice equals resizing once.
    np.testing.assert_allclose(exported.predict(files), expected, atol=1e-5)
    assert exported.metadata["class_names"] == list(CLASS_NAMES)
    with pytest.raises(TypeError, match="model is for classification"):
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
    resize = ClassificationPreprocessing((224, 224))
    inputs = np.stack([resize(x) for x in images.astype("uint8")])
    expected = model.predict(inputs.astype("float32"), verbose=0)
    found = export.load(path).predict(list(images.astype("uint8")))
    assert expected.max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
@slow_elsewhere
def test_fixed_batch_and_size(name, tmp_path):
    model = plain_classifier()
    path = written(name, tmp_path, model, batch_size=2, image_size=(70, 90))
    exported = export.load(path)
    assert exported.metadata["fixed_image_size"] == [70, 90]
    images = np.random.default_rng(0).integers(0, 256, (3, 70, 90, 3), "uint8")
    outputs = exported.signatures["images"](images)
    preprocessing = ClassificationPreprocessing((24, 32))
    inputs = np.stack([preprocessing(image) for image in images])
    expected = model.predict(inputs.astype("float32"), verbose=0)
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=1e-5)
    assert outputs["label"].tolist() == expected.argmax(-1).tolist()


@pytest.mark.parametrize("name", OTHERS)
@slow_elsewhere
def test_a_difference_is_an_error_and_keeps_the_old_export(name, tmp_path):
    path = tmp_path / PATHS[name]
    if FORMATS[name].is_folder:
        path.mkdir()
        (path / "old").write_text("old")
    else:
        path.write_text("old")
    model = plain_classifier(Unstable())
    with pytest.raises(export.ExportMismatchError, match="'images'"):
        written(name, tmp_path, model, overwrite=True)
    file = path / "old" if path.is_dir() else path
    assert file.read_text() == "old"
    assert [x.name for x in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", OTHERS)
def test_missing_packages_are_named(name, tmp_path, monkeypatch):
    package = FORMATS[name].packages[-1]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"{package}.*\[export\]"):
        written(name, tmp_path, plain_classifier())
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_not_replaced(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("old")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        export.onnx(plain_classifier(), path)
    with pytest.raises(FileExistsError, match="is a folder"):
        export.litert(plain_classifier(), tmp_path)
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
def test_invalid_arguments_are_rejected(name, arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        written(name, tmp_path, plain_classifier(), **arguments)
    assert list(tmp_path.iterdir()) == []


def test_load_reports_what_it_cannot_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.onnx"):
        export.load(tmp_path / "nothing.onnx")
    with pytest.raises(ValueError, match="saved_model.pb"):
        export.load(tmp_path)
    (tmp_path / "model.xml").write_text("<net/>")
    with pytest.raises(ValueError, match="another program"):
        export.load(tmp_path)


# Largest mean difference of probabilities from those of the float32 model.
MEAN_CHANGES = {"float16": 1e-3, "bfloat16": 0.01, "int8": 0.1}
PRECISIONS = [
    (name, precision)
    for name, row in FORMATS.items()
    for precision in row.precisions
    if precision != "float32"
]


def skip_without_int8(name, precision):
    for package in FORMATS[name].int8_packages:
        if precision == "int8":
            pytest.importorskip(package)


@pytest.mark.parametrize(
    "name, precision",
    [
        pytest.param(*row, marks=[pytest.mark.slow] * (row != ("onnx", "int8")))
        for row in PRECISIONS
    ],
    ids=str,
)
@slow_elsewhere
def test_precisions_of_classifiers(name, precision, tmp_path):
    skip_without_int8(name, precision)
    model = int8_classifier()
    images, labels = colors((64, 96), 40, seed=1)
    expected = model.predict(images.astype("float32"), verbose=0)
    # Five classes occur equally often, so that a constant would fail.
    assert (expected.argmax(-1) == labels).mean() > 0.9
    arguments = {"precision": precision}
    if precision == "int8":
        arguments["calibration"] = list(colors((64, 96), 10, seed=2)[0])
    preprocessing = ClassificationPreprocessing((64, 96), crop_fraction=None)
    path = written(
        name, tmp_path, model, preprocessing=preprocessing, **arguments
    )
    exported = export.load(path)
    assert exported.metadata["precision"] == precision
    found = exported.predict(list(images))
    # Chance is 0.2. Random weights make int8 less exact than trained ones do.
    accuracy = 0.7 if precision == "int8" else 0.95
    assert (found.argmax(-1) == labels).mean() > accuracy
    change = np.abs(found - expected)
    assert 0 < change.mean() < MEAN_CHANGES[precision]


@tensorflow_only
def test_fused_networks_in_half_precision():
    fused = classifier().fused()
    half = with_precision(fused, "bfloat16")
    assert [x.shape for x in half.weights] == [x.shape for x in fused.weights]
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 48, 3))
    expected = fused.predict(images.astype("float32"), verbose=0)
    change = np.abs(
        half.predict(images.astype("float32"), verbose=0) - expected
    )
    assert 0 < change.max() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name, precision", PRECISIONS, ids=str)
def test_precisions_of_detectors(name, precision, tmp_path):
    skip_without_int8(name, precision)
    arguments = {"precision": precision}
    files = image_files()
    if precision == "int8":
        arguments["calibration"] = files
    path = written(name, tmp_path, detector(), **arguments, **OPTIONS)
    exported = export.load(path)
    assert exported.metadata["precision"] == precision
    expected = as_rows(detector().detect(files, **OPTIONS))
    found = as_rows(exported.detect(files))
    assert coarse_difference(expected, found) < 0.5


@slow_elsewhere
def test_accuracies_are_measured(tmp_path):
    model = plain_classifier()
    images = np.random.default_rng(0).integers(0, 256, (6, 24, 32, 3), "uint8")
    preprocessing = ClassificationPreprocessing((24, 32))
    inputs = np.stack([preprocessing(x) for x in images]).astype("float32")
    labels = model.predict(inputs, verbose=0).argmax(-1)
    labels[0] = (labels[0] + 1) % 5
    dataset = classification_from_arrays(
        images, labels, class_names=CLASS_NAMES
    )
    options = ExportOptions(validation=dataset)
    report = run_export("onnx", model, tmp_path / "a.onnx", options)
    assert report.model_metrics == {"accuracy": pytest.approx(5 / 6)}
    assert report.export_metrics == report.model_metrics
