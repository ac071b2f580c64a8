"""Evaluation of detection models, with classes matched by their names."""

import dataclasses

import pytest

from keras_efficient.data import DetectionPreprocessing
from keras_efficient.evaluation import evaluate_detection
from tests.evaluation.fake_detector import ants
from tests.evaluation.fake_detector import fake_detector


def test_metrics_of_the_detections():
    model = fake_detector(weight=0.82)
    result = evaluate_detection(model, ants())
    # An IoU of 0.82 reaches 7 of the 10 thresholds.
    assert result.metrics["mAP"] == pytest.approx(0.7)
    assert result.metrics["mAP50"] == pytest.approx(1)
    assert result.num_images == 2
    assert model.asked == [{"batch_size": 8, "score_threshold": 0.001}]


def test_options_are_passed_on():
    model = fake_detector(weight=1.0)
    options = {"batch_size": 3, "score_threshold": 0.2, "nms": "hard"}
    evaluate_detection(model, ants(), **options, max_detections=7)
    assert model.asked == [{**options, "max_detections": 7}]


def test_classes_are_matched_by_name():
    model = fake_detector(weight=1.0)
    model.class_names = ("ant", "bee")
    metrics = evaluate_detection(model, ants(("bee", "ant"))).metrics
    assert metrics["mAP"] == pytest.approx(1)


def test_detections_of_classes_that_the_data_set_lacks_are_ignored():
    model = fake_detector(weight=1.0)
    model.class_names = ("bee", "ant")  # the model mistakes ants for bees
    result = evaluate_detection(model, ants(("ant",)))
    assert result.metrics["mAP"] == 0


def test_labels_count_if_the_model_has_no_names():
    model = fake_detector(weight=1.0)
    # The model detects label 0, which is a bee here.
    metrics = evaluate_detection(model, ants(("bee", "ant"))).metrics
    assert metrics["mAP"] == 0


def test_unknown_class():
    model = fake_detector()
    model.class_names = ("ant", "wasp")
    with pytest.raises(
        ValueError, match="Received: the classes 'bee', unknown to.*'wasp'"
    ):
        evaluate_detection(model, ants())


def test_other_number_of_classes():
    with pytest.raises(ValueError, match="the 3 classes.*with 2 classes"):
        evaluate_detection(fake_detector(), ants(("ant", "bee", "wasp")))


def test_an_empty_data_set():
    dataset = dataclasses.replace(ants(), records=())
    with pytest.raises(ValueError, match="at least one image"):
        evaluate_detection(fake_detector(), dataset)


def test_options_of_the_model_are_passed_on_if_set():
    model = fake_detector(weight=1.0)
    evaluate_detection(model, ants(), image_size=64, dtype="bfloat16")
    assert model.asked == [
        {
            "batch_size": 8,
            "score_threshold": 0.001,
            "preprocessing": DetectionPreprocessing((64, 64)),
            "dtype": "bfloat16",
        }
    ]
