"""MediaPipe returns the detections of `detect` for an exported file."""

import io
import zipfile

import numpy as np
import pytest

from keras_efficient import export
from keras_efficient.data import DetectionPreprocessing
from keras_efficient.export.formats.litert.mediapipe_metadata import (
    append_labels,
)
from keras_efficient.export.formats.litert.mediapipe_metadata import (
    make_metadata,
)
from tests.marks import slow_elsewhere
from tests.support.export import confident_detector

pytest.importorskip("tensorflow")
pytest.importorskip("ai_edge_litert")
mediapipe = pytest.importorskip("mediapipe")

OPTIONS = {"score_threshold": 0.3, "max_detections": 15}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = confident_detector(input_shape=(96, 96, 3))
    path = tmp_path_factory.mktemp("mediapipe") / "model.tflite"
    write(model, path)
    return model, path


def write(model, path, **arguments):
    return export.litert(
        model, path, layout="mediapipe", **arguments, **OPTIONS
    )


def squares(height, width, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 12, width // 12, 3), "uint8")
    return coarse.repeat(12, axis=0).repeat(12, axis=1)


def ask(path, image, **options):
    """Boxes, scores and names as MediaPipe returns them."""
    vision = mediapipe.tasks.vision
    options = vision.ObjectDetectorOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(path)),
        **options,
    )
    image = mediapipe.Image(
        image_format=mediapipe.ImageFormat.SRGB,
        data=np.ascontiguousarray(image),
    )
    with vision.ObjectDetector.create_from_options(options) as detector:
        detections = detector.detect(image).detections
    boxes = [
        (
            detection.bounding_box.origin_x,
            detection.bounding_box.origin_y,
            detection.bounding_box.origin_x + detection.bounding_box.width,
            detection.bounding_box.origin_y + detection.bounding_box.height,
        )
        for detection in detections
    ]
    categories = [detection.categories[0] for detection in detections]
    scores = [category.score for category in categories]
    return boxes, scores, [category.category_name for category in categories]


def assert_same(model, image, outputs, tolerance):
    boxes, scores, names = outputs
    expected = model.detect(image[None], **OPTIONS)[0]
    assert len(boxes) == len(expected) > 3
    np.testing.assert_allclose(scores, expected.scores, atol=tolerance)
    assert names == [model.class_names[label] for label in expected.labels]
    # MediaPipe truncates origin and sides to whole pixels.
    difference = expected.boxes - np.array(boxes)
    assert difference.min() > -0.01
    assert difference.max() < 2


@slow_elsewhere
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_image_of_the_input_size(exported, seed):
    model, path = exported
    image = squares(96, 96, seed)
    assert_same(model, image, ask(path, image), 1e-3)


@slow_elsewhere
def test_padding_is_not_reported(exported):
    model, path = exported
    image = squares(96, 96)
    expected = model.detect(image[None], **OPTIONS)[0]
    threshold = float(np.sort(expected.scores)[-4:-2].mean())
    _, scores, _ = ask(path, image, score_threshold=threshold)
    assert len(scores) == 3
    image = np.full((96, 96, 3), 124, "uint8")
    expected = model.detect(image[None], **OPTIONS)[0]
    assert len(expected) < OPTIONS["max_detections"]
    assert len(ask(path, image)[0]) == len(expected)


@pytest.mark.slow
def test_images_of_the_aspect_ratio_of_a_camera(tmp_path):
    model = confident_detector(input_shape=(96, 96, 3))
    write(model, tmp_path / "model.tflite", image_size=(72, 96))
    image = squares(72, 96)
    outputs = ask(tmp_path / "model.tflite", image)
    assert_same(model, image, outputs, 1e-3)


def test_invalid_arguments_are_rejected(tmp_path):
    model = confident_detector(input_shape=(96, 96, 3))
    path = tmp_path / "model.tflite"
    with pytest.raises(ValueError, match="antialias=False.*image_size=.72"):
        letterbox = DetectionPreprocessing((96, 96), antialias=True)
        write(model, path, preprocessing=letterbox, image_size=(72, 96))
    with pytest.raises(ValueError, match="one image.*batch_size=2"):
        write(model, path, batch_size=2)
    with pytest.raises(ValueError, match="'mediapipe'.*layout='tasks'"):
        export.litert(model, path, layout="tasks")
    assert list(tmp_path.iterdir()) == []


@slow_elsewhere
def test_files_can_be_loaded(exported):
    model, path = exported
    image = squares(96, 96)
    (found,) = export.load(path).detect(image)
    (expected,) = model.detect(image[None], **OPTIONS)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.01)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    assert found.names == expected.names


def test_metadata_follows_the_schema():
    schema = pytest.importorskip(
        "mediapipe.tasks.metadata.metadata_schema_py_generated"
    )
    metadata = make_metadata("tiny", 0.25)
    assert schema.ModelMetadata.ModelMetadataBufferHasIdentifier(metadata, 0)
    model = schema.ModelMetadataT.InitFromObj(
        schema.ModelMetadata.GetRootAsModelMetadata(metadata, 0)
    )
    assert model.name == b"tiny"
    (graph,) = model.subgraphMetadata
    (image,) = graph.inputTensorMetadata
    assert image.content.contentProperties.colorSpace == 1
    location, category, score, number = graph.outputTensorMetadata
    assert list(location.content.contentProperties.index) == [1, 0, 3, 2]
    assert category.associatedFiles[0].name == b"labels.txt"
    assert score.processUnits[0].options.globalScoreThreshold == 0.25
    assert number.name == b"number of detections"


def test_labels_are_appended_to_the_model():
    content = append_labels(b"model", ("cat", "two\nwords", "Vögel"))
    assert content.startswith(b"model")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        lines = archive.read("labels.txt").decode().split("\n")
    assert lines == ["cat", "two words", "Vögel"]
