"""SavedModels of detectors return the detections of `detect`."""

import json

import numpy as np
import pytest

from keras_efficient import export
from keras_efficient.data import DetectionPreprocessing
from keras_efficient.export.verification.comparison import difference
from tests.marks import slow_elsewhere
from tests.models.detectors import tiny
from tests.support.export import OPTIONS
from tests.support.export import as_rows
from tests.support.export import confident_detector
from tests.support.export import image_files
from tests.support.export import plain_classifier
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


@slow_elsewhere
def test_signature_of_image_files(exported, signatures):
    model, _ = exported
    files = image_files()
    expected = as_rows(model.detect(files, **OPTIONS))
    assert expected["num_detections"].min() > 3
    outputs = run_signature(signatures["serving_default"], image_bytes=files)
    assert difference(expected, outputs) < 1e-4
    names = outputs["class_names"]
    for i, number in enumerate(outputs["num_detections"]):
        expected_names = [
            model.class_names[label].encode()
            for label in outputs["labels"][i][:number]
        ]
        assert names[i][:number].tolist() == expected_names
        assert set(names[i][number:].tolist()) <= {b""}
        assert set(outputs["labels"][i][number:].tolist()) <= {-1}


@slow_elsewhere
@pytest.mark.parametrize("size", [(64, 96), (200, 90), (31, 300)])
def test_signature_of_images(exported, signatures, size):
    images = np.random.default_rng(3).integers(0, 256, (2, *size, 3), "uint8")
    expected = as_rows(exported[0].detect(images, **OPTIONS))
    outputs = run_signature(signatures["images"], images=images)
    assert difference(expected, outputs) < 1e-4
    assert outputs["boxes"].dtype == np.float32
    assert outputs["labels"].dtype == np.int32
    assert (outputs["boxes"] <= [size[1], size[0]] * 2).all()


@slow_elsewhere
def test_signature_of_raw_images(exported, signatures):
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 96, 3))
    images = images.astype("float32")
    expected = exported[0].predict(images, verbose=0)
    outputs = run_signature(signatures["raw"], images=images)
    assert difference(expected, outputs) < 1e-5


@slow_elsewhere
def test_metadata(exported):
    _, path = exported
    file = path / "assets.extra" / "metadata.json"
    metadata = json.loads(file.read_text(encoding="utf-8"))
    assert metadata["task"] == "detection"
    assert metadata["class_names"] == ["cat", "dog", "Vögel"]
    assert metadata["options"]["score_threshold"] == 0.05
    assert metadata["options"]["nms"] == "soft"
    assert metadata["precision"] == "float32"
    # The arguments of the anchors, not thousands of anchors.
    assert {"num_scales", "anchor_scale"} <= set(metadata["anchors"])


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
    outputs = run_signature(signatures["serving_default"], image_bytes=files)
    assert difference(as_rows(detections), outputs) < 1e-4


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
def test_invalid_arguments_are_rejected(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        export.saved_model(tiny(), tmp_path / "1", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_arguments_of_the_other_task_are_rejected(tmp_path):
    with pytest.raises(TypeError, match="`from_logits` applies to classifiers"):
        export.saved_model(tiny(), tmp_path / "1", from_logits=True)
    model = plain_classifier()
    with pytest.raises(TypeError, match="to detectors only.*score_threshold"):
        export.saved_model(model, tmp_path / "1", score_threshold=0.5)
