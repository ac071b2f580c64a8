"""Whole answers of exports: from an image file to classes or boxes."""

import io

import numpy as np
import pytest
from PIL import Image

import keras_efficient
from keras_efficient.export.errors import ExportMismatchError
from keras_efficient.export.formats import fixed_size_images
from keras_efficient.export.verification.answers import compare_answers
from keras_efficient.export.verification.comparison import difference
from keras_efficient.export.verification.expected_outputs import ExpectedOutputs
from keras_efficient.export.verification.samples import make_samples
from tests.marks import on_one_backend
from tests.marks import slow_elsewhere
from tests.support.export import confident_classifier
from tests.support.export import confident_detector

SIZES = ((70, 150), (160, 60), (64, 48), (31, 33))


@pytest.fixture(scope="module")
def files():
    """PNG files whose center and edges differ."""
    rng = np.random.default_rng(0)
    found = []
    for height, width in SIZES:
        coarse = rng.integers(0, 256, (7, 9, 3)).astype("uint8")
        image = Image.fromarray(coarse).resize((width, height))
        content = io.BytesIO()
        image.save(content, "PNG")
        found.append(content.getvalue())
    return found


@pytest.fixture(scope="module")
def model():
    return confident_classifier()


def answers_of(model, files):
    prepare = keras_efficient.data.ClassificationPreprocessing((64, 48))
    images = [prepare(keras_efficient.data.load_image(x)) for x in files]
    return model.predict(np.stack(images).astype("float32"), verbose=0)


@slow_elsewhere
@pytest.mark.parametrize(
    "name, size, tolerance",
    [
        ("litert", None, 1e-5),
        pytest.param("litert", (96, 80), 0.1, marks=pytest.mark.slow),
        pytest.param("onnx", (64, 48), 1e-5, marks=pytest.mark.slow),
        pytest.param("onnx", None, 1e-5, marks=pytest.mark.slow),
        pytest.param("openvino", (64, 48), 1e-5, marks=pytest.mark.slow),
    ],
)
def test_classes_of_files(model, files, tmp_path, name, size, tolerance):
    path = tmp_path / {"litert": "a.tflite", "onnx": "a.onnx"}.get(name, "a")
    options = {} if size is None else {"image_size": size}
    getattr(keras_efficient.export, name)(model, path, photos=files, **options)
    found = keras_efficient.export.load(path).predict(files)
    expected = answers_of(model, files)
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, atol=tolerance)


@slow_elsewhere
def test_a_reader_that_crops_twice_is_an_error(
    model, files, tmp_path, monkeypatch
):
    crop = fixed_size_images.network_pixels

    def twice(image, preprocessing):
        return crop(crop(image, preprocessing)[0], preprocessing)

    monkeypatch.setattr(fixed_size_images, "network_pixels", twice)
    with pytest.raises(ExportMismatchError, match="From an image file to the"):
        keras_efficient.export.litert(
            model, tmp_path / "a.tflite", photos=files
        )
    assert list(tmp_path.iterdir()) == []


@slow_elsewhere
def test_answers_are_logged(model, files, tmp_path, caplog):
    with caplog.at_level("INFO"):
        keras_efficient.export.litert(
            model, tmp_path / "a.tflite", photos=files
        )
    assert "from the same image files to the answer, it differs" in caplog.text
    assert "the first answer agrees for 100% of them" in caplog.text


@slow_elsewhere
@pytest.mark.parametrize(
    "name", ["onnx", pytest.param("litert", marks=pytest.mark.slow)]
)
def test_boxes_of_files(files, tmp_path, name, caplog):
    path = tmp_path / {"litert": "a.tflite", "onnx": "a.onnx"}[name]
    with caplog.at_level("INFO"):
        getattr(keras_efficient.export, name)(
            confident_detector(), path, photos=files
        )
    assert "from the same image files to the answer" in caplog.text


class Answers:
    """An export with given answers."""

    def __init__(self, boxes, scores, labels):
        self.found = keras_efficient.inference.Detections(
            boxes=np.array(boxes, "float32").reshape(-1, 4),
            scores=np.array(scores, "float32"),
            labels=np.array(labels, "int32"),
        )

    def detect(self, file):
        return [self.found]


@on_one_backend
@pytest.mark.parametrize(
    "found, is_same",
    [
        (([[0, 0, 10, 10]], [0.9], [1]), True),
        (([[0, 0, 10, 10]], [0.9], [2]), False),
        (([[20, 0, 30, 10]], [0.9], [1]), False),
        (([], [], []), False),
    ],
)
def test_agreement_of_the_best_detection(found, is_same):
    samples = make_samples((32, 32))
    number = len(samples.files)
    answers = {
        "boxes": np.tile(
            np.array([[[0, 0, 10, 9]]], "float32"), (number, 1, 1)
        ),
        "scores": np.full((number, 1), 0.8, "float32"),
        "labels": np.ones((number, 1), "int32"),
        "num_detections": np.ones(number, "int32"),
    }
    expected = ExpectedOutputs(
        samples, {}, (), tolerance=1e-4, answers=answers, is_scaled=True
    )
    result = compare_answers(Answers(*found), expected)
    assert result.agreement == float(is_same)
    assert result.answer_difference >= 0
    same = {k: x.copy() for k, x in answers.items()}
    assert difference(answers, same) == 0
