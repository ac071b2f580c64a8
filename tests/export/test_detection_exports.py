"""Exported detectors find what `detect` finds, on every backend."""

import json

import keras
import numpy as np
import pytest

from keras_efficient import export
from keras_efficient.data import DetectionPreprocessing
from keras_efficient.export.detection_spec import DetectionSpec
from keras_efficient.export.detection_spec import describe_detection
from keras_efficient.export.verification.comparison import difference
from tests.models.detectors import tiny
from tests.support.export import OPTIONS
from tests.support.export import as_rows
from tests.support.export import confident_detector
from tests.support.export import image_files
from tests.support.export import run_signature

tf = pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = confident_detector()
    path = tmp_path_factory.mktemp("served") / "pets" / "1"
    export.saved_model(model, path, **OPTIONS)
    return model, path


@pytest.fixture(scope="module")
def signatures(exported):
    return tf.saved_model.load(str(exported[1])).signatures


def test_image_files_give_what_detect_gives(exported, signatures):
    model, _ = exported
    files = image_files()
    expected = as_rows(model.detect(files, **OPTIONS))
    assert expected["num_detections"].min() > 3
    answer = run_signature(signatures["serving_default"], image_bytes=files)
    assert difference(expected, answer) < 1e-4
    names = answer["class_names"]
    for i, number in enumerate(answer["num_detections"]):
        expected_names = [
            model.class_names[label].encode()
            for label in answer["labels"][i][:number]
        ]
        assert names[i][:number].tolist() == expected_names
        assert set(names[i][number:].tolist()) <= {b""}
        assert set(answer["labels"][i][number:].tolist()) <= {-1}


@pytest.mark.parametrize("size", [(64, 96), (200, 90), (31, 300)])
def test_images_give_what_detect_gives(exported, signatures, size):
    images = np.random.default_rng(3).integers(0, 256, (2, *size, 3), "uint8")
    expected = as_rows(exported[0].detect(images, **OPTIONS))
    answer = run_signature(signatures["images"], images=images)
    assert difference(expected, answer) < 1e-4
    assert answer["boxes"].dtype == np.float32
    assert answer["labels"].dtype == np.int32
    assert (answer["boxes"] <= [size[1], size[0]] * 2).all()


def test_raw_gives_what_the_network_gives(exported, signatures):
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 96, 3))
    images = images.astype("float32")
    expected = exported[0].predict(images, verbose=0)
    answer = run_signature(signatures["raw"], images=images)
    assert difference(expected, answer) < 1e-5


def test_metadata(exported):
    _, path = exported
    file = path / "assets.extra" / "metadata.json"
    metadata = json.loads(file.read_text(encoding="utf-8"))
    assert metadata["task"] == "detection"
    assert metadata["class_names"] == ["cat", "dog", "Vögel"]
    assert metadata["options"]["score_threshold"] == 0.05
    assert metadata["options"]["nms"] == "soft"
    assert metadata["precision"] == "float32"
    assert "anchors" not in metadata


@pytest.mark.slow
@pytest.mark.parametrize("antialias", [False, True])
def test_any_size_hard_suppression_and_averaging(tmp_path, antialias):
    model = confident_detector(input_shape=(None, None, 3))
    letterbox = DetectionPreprocessing((80, 64), antialias)
    options = {"nms": "hard", "class_agnostic": True, **OPTIONS}
    path = export.saved_model(
        model, tmp_path / "1", preprocessing=letterbox, **options
    )
    signatures = tf.saved_model.load(str(path)).signatures
    files = image_files()
    detections = model.detect(files, preprocessing=letterbox, **options)
    answer = run_signature(signatures["serving_default"], image_bytes=files)
    assert difference(as_rows(detections), answer) < 1e-4


def test_spec_survives_json():
    spec = describe_detection(tiny(), None, None, {"nms": "hard"})
    again = DetectionSpec.from_config(json.loads(json.dumps(spec.to_config())))
    np.testing.assert_array_equal(again.anchors, spec.anchors)
    assert again.metadata() == spec.metadata()
    assert again.class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"class_names": ("a", "b")}, "3 names.*2 names"),
        ({"score_threshold": 7}, "score_threshold=7"),
        ({"nms": "fast"}, "nms='fast'"),
        (
            {"preprocessing": DetectionPreprocessing((64, 64))},
            r"\(64, 96\).*\(64, 64\)",
        ),
    ],
    ids=str,
)
def test_bad_arguments_are_named(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        export.saved_model(tiny(), tmp_path / "1", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_arguments_of_no_use(tmp_path):
    with pytest.raises(TypeError, match="`from_logits` is for classifiers"):
        export.saved_model(tiny(), tmp_path / "1", from_logits=True)
    images = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)
    model = keras.Model(images, keras.layers.Dense(2)(x))
    with pytest.raises(TypeError, match="for detectors.*score_threshold"):
        export.saved_model(model, tmp_path / "1", score_threshold=0.5)
