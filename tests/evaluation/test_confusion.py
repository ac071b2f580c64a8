"""Confusion matrices of detections, and their picture."""

import numpy as np
import pytest

from keras_efficient.evaluation import detection_confusion
from keras_efficient.evaluation import evaluate_coco
from keras_efficient.visualization import plot_confusion_matrix
from tests.evaluation.made_up import dataset_of
from tests.evaluation.made_up import found
from tests.evaluation.made_up import record
from tests.marks import on_one_backend

pytestmark = on_one_backend

ANT, BEE, BACKGROUND = 0, 1, 2
A, B = [0, 0, 100, 50], [200, 100, 260, 180]


def confusion(records, detections, **options):
    dataset = dataset_of(records, ("ant", "bee"))
    return detection_confusion(dataset, detections, **options)


def cells(matrix):
    return {(int(i), int(j)): int(matrix[i, j]) for i, j in np.argwhere(matrix)}


def test_correct_mislabeled_missed_and_false_detections():
    records = [record([A, B], [ANT, BEE]), record([A], [BEE]), record([], [])]
    detections = [
        found([A, B], [0.9, 0.8], [ANT, ANT]),
        found([], [], []),
        found([B], [0.7], [BEE]),
    ]
    assert cells(confusion(records, detections)) == {
        (ANT, ANT): 1,
        (BEE, ANT): 1,
        (BEE, BACKGROUND): 1,
        (BACKGROUND, BEE): 1,
    }


def test_the_highest_score_is_matched_first():
    detections = [found([A, A], [0.4, 0.9], [ANT, BEE])]
    assert cells(confusion([record([A], [ANT])], detections)) == {
        (ANT, BEE): 1,
        (BACKGROUND, ANT): 1,
    }


def test_thresholds():
    near = [0, 0, 100, 40]  # overlaps A by 0.8
    records = [record([A], [ANT])]
    detections = [found([near], [0.5], [ANT])]
    missed = {(ANT, BACKGROUND): 1}
    assert cells(confusion(records, detections)) == {(ANT, ANT): 1}
    assert cells(confusion(records, detections, iou_threshold=0.81)) == {
        **missed,
        (BACKGROUND, ANT): 1,
    }
    assert cells(confusion(records, detections, score_threshold=0.51)) == missed


def test_crowds_are_not_counted():
    records = [record([A, B], [ANT, BEE], is_crowd=np.array([True, False]))]
    within = [10, 10, 30, 30]
    detections = [found([within, B], [0.9, 0.8], [ANT, BEE])]
    assert cells(confusion(records, detections)) == {(BEE, BEE): 1}


def test_the_number_of_detections_must_be_equal():
    with pytest.raises(ValueError, match="1 images. Received: 0"):
        confusion([record([A], [ANT])], [])


@pytest.mark.parametrize("number, has_numbers", [(2, True), (100, False)])
def test_picture_of_few_and_of_many_classes(number, has_numbers):
    pytest.importorskip("matplotlib")
    matrix = np.eye(number, dtype=int) * 7
    matrix[0, 1] = 21
    names = [f"a class with quite a long name {i}" for i in range(number)]
    axes = plot_confusion_matrix(matrix, names).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts == (["25%", "75%", "100%"] if has_numbers else [])
    counts = plot_confusion_matrix(matrix, names, normalize=False).axes[0]
    if has_numbers:
        assert [x.get_text() for x in counts.texts] == ["7", "21", "7"]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) <= 60 and len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 24


def test_background_is_named():
    pytest.importorskip("matplotlib")
    axes = plot_confusion_matrix(np.eye(3), ["ant", "bee"]).axes[0]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["ant", "bee", "background"]
    with pytest.raises(ValueError, match=r"shape \(3, 3\), 4 names"):
        plot_confusion_matrix(np.eye(3), list("abcd"))


def test_result_of_an_evaluation_has_a_matrix(tmp_path):
    records = [record([A, B], [ANT, BEE])]
    dataset = dataset_of(records, ("ant", "bee"))
    result = evaluate_coco(dataset, [found([A, B], [0.9, 0.2], [ANT, BEE])])
    assert cells(result.confusion) == {(ANT, ANT): 1, (BEE, BACKGROUND): 1}
    assert result.to_dict()["confusion"] == result.confusion.tolist()
    pytest.importorskip("matplotlib")
    result.plot_confusion_matrix(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0
