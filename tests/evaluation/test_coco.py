"""The metrics are equal to those of COCO's own code."""

import contextlib
import io
import json
import logging

import numpy as np
import pytest

from keras_efficient.data import load_detection
from keras_efficient.evaluation import evaluate_coco
from keras_efficient.evaluation.coco_result import METRICS
from tests.evaluation.made_up import dataset_of
from tests.evaluation.made_up import detections_for
from tests.evaluation.made_up import found
from tests.evaluation.made_up import random_boxes
from tests.evaluation.made_up import random_dataset
from tests.evaluation.made_up import record
from tests.marks import on_one_backend
from tests.shared import SHARED
from tests.shared import needs_shared

pytestmark = on_one_backend
SQUARE = [10, 20, 60, 70]


def by_pycocotools(truth, dataset, detections):
    """Return the evaluation of COCO's own code, with the ids of the file."""
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    rows = [
        row
        for image, each in zip(dataset.records, detections, strict=True)
        for row in each.to_coco(image.image_id, dataset.category_ids)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        expected = coco.COCO()
        expected.dataset = truth
        expected.createIndex()
        evaluator = cocoeval.COCOeval(expected, expected.loadRes(rows), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator


def as_coco(dataset):
    """Return the annotation file of a data set."""
    annotations = []
    for image in dataset.records:
        for i, box in enumerate(image.boxes.astype("float64")):
            width, height = box[2:] - box[:2]
            area = width * height if image.areas is None else image.areas[i]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image.image_id,
                    "category_id": dataset.category_ids[image.labels[i]],
                    "bbox": [box[0], box[1], width, height],
                    "area": area,
                    "iscrowd": int(image.is_crowd[i]),
                }
            )
    return {
        "images": [{"id": image.image_id} for image in dataset.records],
        "annotations": annotations,
        "categories": [{"id": number} for number in dataset.category_ids],
    }


def check_equal(result, theirs):
    ours = [result.metrics[name] for name in METRICS]
    np.testing.assert_allclose(ours, theirs.stats, rtol=0, atol=1e-12)
    precision = theirs.eval["precision"][..., 0, -1]
    np.testing.assert_allclose(result.precision, precision, rtol=0, atol=1e-12)
    recall = theirs.eval["recall"][..., 0, -1]
    for i, row in enumerate(result.per_class):
        if not row.num_boxes:
            assert (row.ap, row.ap50, row.ap75, row.ar100) == (-1,) * 4
            continue
        assert row.ap == pytest.approx(precision[:, :, i].mean(), abs=1e-12)
        assert row.ap50 == pytest.approx(precision[0, :, i].mean(), abs=1e-12)
        assert row.ap75 == pytest.approx(precision[5, :, i].mean(), abs=1e-12)
        assert row.ar100 == pytest.approx(recall[:, i].mean(), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_equals_pycocotools(seed):
    dataset = random_dataset(seed)
    detections = detections_for(dataset, seed)
    result = evaluate_coco(dataset, detections)
    assert 0.05 < result.metrics["mAP"] < 0.95
    check_equal(result, by_pycocotools(as_coco(dataset), dataset, detections))


def test_equals_pycocotools_with_more_detections_than_count():
    rng = np.random.default_rng(0)
    boxes = random_boxes(rng, 130)
    dataset = dataset_of([record(boxes, [0] * 130)], ["ant"])
    detections = [found(boxes, rng.random(130), [0] * 130)]
    result = evaluate_coco(dataset, detections)
    assert result.metrics["AR100"] == pytest.approx(100 / 130)
    check_equal(result, by_pycocotools(as_coco(dataset), dataset, detections))


@needs_shared
def test_equals_pycocotools_on_photos_of_coco():
    folder = SHARED / "data" / "coco_val_mini"
    dataset = load_detection(folder, check="header")
    truth = json.loads(next(folder.rglob("instances*.json")).read_text())
    detections = detections_for(dataset)
    result = evaluate_coco(dataset, detections)
    assert any(image.is_crowd.any() for image in dataset.records)
    assert max(dataset.category_ids) > len(dataset.class_names)
    assert 0.05 < result.metrics["mAP"] < 0.95
    check_equal(result, by_pycocotools(truth, dataset, detections))


def test_detecting_everything_is_perfect():
    dataset = random_dataset()
    detections = [
        found(image.boxes, [0.5] * len(image.labels), image.labels)
        for image in dataset.records
    ]
    result = evaluate_coco(dataset, detections)
    np.testing.assert_allclose(
        [result.metrics[name] for name in ("mAP", "mAP50", "AR100")], 1
    )


def test_without_any_detection():
    result = evaluate_coco(
        dataset_of([record([SQUARE], [0]), record([], [])], ["ant", "bee"]),
        [found([], [], []), found([], [], [])],
    )
    assert result.metrics["mAP"] == result.metrics["AR100"] == 0
    ant, bee = result.per_class
    assert (ant.ap, ant.num_images, ant.num_boxes) == (0, 1, 1)
    assert (bee.ap, bee.num_images, bee.num_boxes) == (-1, 0, 0)


def test_without_any_box():
    result = evaluate_coco(
        dataset_of([record([], [])], ["ant"]), [found([SQUARE], [0.9], [0])]
    )
    assert set(result.metrics.values()) == {-1}
    assert result.per_class[0].ap == -1


def test_class_without_boxes_does_not_lower_the_mean():
    dataset = dataset_of([record([SQUARE], [1])], ["ant", "bee", "cicada"])
    detections = [found([SQUARE, SQUARE], [0.9, 0.8], [1, 2])]
    result = evaluate_coco(dataset, detections)
    assert [row.ap for row in result.per_class] == pytest.approx([-1, 1, -1])
    assert result.metrics["mAP"] == pytest.approx(1)


def test_detections_inside_a_crowd_are_not_counted():
    crowd = [100, 100, 300, 300]
    inside = [150, 150, 180, 190]
    detections = [found([inside, SQUARE], [0.9, 0.8], [0, 0])]

    def ap(is_crowd):
        image = record([SQUARE, crowd], [0, 0], np.array([False, is_crowd]))
        result = evaluate_coco(dataset_of([image], ["ant"]), detections)
        assert result.per_class[0].num_boxes == 2 - is_crowd
        return result.metrics["mAP"]

    assert ap(True) == pytest.approx(1)
    assert ap(False) < 0.5


def test_size_classes_use_the_given_areas():
    def sizes(areas):
        dataset = dataset_of([record([SQUARE], [0], areas=areas)], ["ant"])
        metrics = evaluate_coco(dataset, [found([SQUARE], [1], [0])]).metrics
        return [metrics[f"mAP_{size}"] for size in ("small", "medium", "large")]

    assert sizes(None) == pytest.approx([-1, 1, -1])
    assert sizes(np.array([900.0])) == pytest.approx([1, -1, -1])


@pytest.mark.parametrize(
    "detections, message",
    [
        ([], "for each image.*Received: 0 entries for 1"),
        ([found([], [], [])] * 2, "for each image.*Received: 2 entries for 1"),
        (
            [found([SQUARE], [0.5], [2])],
            r"must be in \[0, 1\].*Received: label 2 for image 0",
        ),
        ([found([SQUARE], [0.5], [-1])], "padding.*Received: label -1"),
        ([found([SQUARE], [np.nan], [0])], "finite.*score=nan for image 0"),
        (
            [found([SQUARE, [0, 0, np.inf, 9]], [0.5, 0.4], [0, 0])],
            r"finite.*box=\[0.0, 0.0, inf, 9.0\], score=0.4",
        ),
        (
            [found([SQUARE], [0.5, 0.4], [0, 0])],
            "must have a box.*1 boxes, 2 scores, 2 labels for image 0",
        ),
    ],
)
def test_bad_detections(detections, message):
    dataset = dataset_of([record([SQUARE], [0])], ["ant", "bee"])
    with pytest.raises(ValueError, match=message):
        evaluate_coco(dataset, detections)


def test_no_images():
    with pytest.raises(ValueError, match="at least one image"):
        evaluate_coco(dataset_of([], ["ant"]), [])


def test_is_silent(capfd, caplog):
    logger = logging.getLogger("faster_coco_eval")
    with caplog.at_level(logging.DEBUG, "faster_coco_eval"):
        dataset = random_dataset()
        evaluate_coco(dataset, detections_for(dataset))
        assert logger.level == logging.DEBUG
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_arguments_are_not_changed():
    dataset = random_dataset()
    detections = detections_for(dataset)
    before = [each.to_dict() for each in detections]
    boxes = [image.boxes.copy() for image in dataset.records]
    evaluate_coco(dataset, detections)
    assert [each.to_dict() for each in detections] == before
    for image, kept in zip(dataset.records, boxes, strict=True):
        np.testing.assert_array_equal(image.boxes, kept)
