"""MediaPipe's image classifier returns the probabilities of the model."""

import functools
import io
import zipfile

import numpy as np
import pytest

from keras_efficient import export
from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.export.formats.litert import files
from keras_efficient.export.formats.litert.mediapipe_metadata import (
    make_classification_metadata,
)
from tests.marks import slow_elsewhere
from tests.support.export import colors
from tests.support.export import plain_classifier
from tests.support.export import trained_classifier

pytest.importorskip("tensorflow")
pytest.importorskip("ai_edge_litert")
mediapipe = pytest.importorskip("mediapipe")

SIZE = (64, 96)
NAMES = ("red", "two\nwords", "blue", "Grün", "gray")


@functools.cache
def classifier():
    return trained_classifier()


@pytest.fixture(scope="module")
def float_file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("float") / "model.tflite")


@pytest.fixture(scope="module")
def uint8_file(tmp_path_factory):
    pytest.importorskip("ai_edge_quantizer")
    return write(
        tmp_path_factory.mktemp("uint8") / "model.tflite",
        precision="int8",
        io_dtype="uint8",
        calibration=list(colors(SIZE, 20, seed=2)[0]),
    )


def write(path, **arguments):
    return export.litert(
        classifier(),
        path,
        layout="mediapipe",
        class_names=NAMES,
        preprocessing=ClassificationPreprocessing(SIZE, crop_fraction=None),
        **arguments,
    )


def ask(path, images):
    """Probabilities and names as MediaPipe returns them, sorted by label."""
    vision = mediapipe.tasks.vision
    options = vision.ImageClassifierOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(path)),
    )
    rows, names = [], set()
    with vision.ImageClassifier.create_from_options(options) as task:
        for image in images:
            image = mediapipe.Image(
                image_format=mediapipe.ImageFormat.SRGB,
                data=np.ascontiguousarray(image),
            )
            (head,) = task.classify(image).classifications
            categories = sorted(head.categories, key=lambda x: x.index)
            rows.append([category.score for category in categories])
            names.add(tuple(x.category_name for x in categories))
    return np.array(rows), names


@slow_elsewhere
def test_float_files(float_file):
    images = colors(SIZE, 10, seed=1)[0]
    expected = classifier().predict(images.astype("float32"), verbose=0)
    assert expected.max() > 0.5
    found, names = ask(float_file, images)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    # A label is one line of a file.
    assert names == {("red", "two words", "blue", "Grün", "gray")}


@pytest.mark.slow
def test_integer_files(uint8_file):
    images = colors(SIZE, 10, seed=1)[0]
    found, _ = ask(uint8_file, images)
    expected = export.load(uint8_file).predict(list(images))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@slow_elsewhere
def test_images_are_stretched(float_file):
    image = colors((128, 96), 5, seed=1)[0][2]
    (found,), _ = ask(float_file, [image])
    expected = export.load(float_file).predict(image)
    np.testing.assert_allclose(found, expected[0], atol=0.1)
    assert found.argmax() == expected.argmax()


@slow_elsewhere
def test_labels_and_metadata_are_found_without_mediapipe(float_file):
    content = float_file.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["labels.txt"]
        lines = archive.read("labels.txt").decode().split("\n")
    assert lines == ["red", "two words", "blue", "Grün", "gray"]
    metadata = files.find_metadata(files.unpack(content), b"TFLITE_METADATA")
    assert metadata[4:8] == b"M001"
    assert export.load(float_file).class_names == NAMES


def test_metadata_follows_the_schema():
    schema = pytest.importorskip(
        "mediapipe.tasks.metadata.metadata_schema_py_generated"
    )
    metadata = make_classification_metadata("tiny")
    model = schema.ModelMetadataT.InitFromObj(
        schema.ModelMetadata.GetRootAsModelMetadata(metadata, 0)
    )
    assert model.name == b"tiny"
    (graph,) = model.subgraphMetadata
    (image,) = graph.inputTensorMetadata
    assert image.content.contentProperties.colorSpace == 1
    (unit,) = image.processUnits
    # MediaPipe must not change the pixels: (pixel - 0) / 1.
    assert (list(unit.options.mean), list(unit.options.std)) == ([0], [1])
    (probability,) = graph.outputTensorMetadata
    (labels,) = probability.associatedFiles
    assert labels.name == b"labels.txt"
    assert labels.type == schema.AssociatedFileType.TENSOR_AXIS_LABELS


def test_settings_that_mediapipe_does_not_support(tmp_path):
    model, path = plain_classifier(), tmp_path / "model.tflite"
    for message, arguments in (
        ("one image.*batch_size=2", {"batch_size": 2}),
        (r"omit `image_size`.*\(30, 40\)", {"image_size": (30, 40)}),
        (
            '"float32" or "uint8".*\'int8\'',
            {
                "io_dtype": "int8",
                "precision": "int8",
                "calibration": list(colors((24, 32), 5, seed=0)[0]),
            },
        ),
    ):
        with pytest.raises(ValueError, match=message):
            export.litert(model, path, layout="mediapipe", **arguments)
    assert list(tmp_path.iterdir()) == []
