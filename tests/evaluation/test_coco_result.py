"""Tables and precision-recall curves of COCO results."""

import json
import sys

import numpy as np
import pytest

from keras_efficient.evaluation import COCOResult
from keras_efficient.evaluation import evaluate_coco
from keras_efficient.evaluation.coco_result import METRICS
from keras_efficient.evaluation.coco_result import ClassResult
from tests.evaluation.made_up import dataset_of
from tests.evaluation.made_up import detections_for
from tests.evaluation.made_up import found
from tests.evaluation.made_up import random_dataset
from tests.evaluation.made_up import record
from tests.marks import on_one_backend

pytestmark = on_one_backend

TABLE = """\
class        images   boxes      AP    AP50    AP75   AR100
ant               2       3   0.120   0.340   0.000   0.250
golden wasp       0       0       -       -       -       -
all               4       3   0.111   0.222   0.333   0.999
AP by size: small 0.444, medium 0.555, large -"""


@pytest.fixture
def pyplot_is_not_needed(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)


def result_of(values, names=("ant", "golden wasp")):
    metrics = dict.fromkeys(METRICS, -1.0)
    metrics |= values
    rows = (
        ClassResult(names[0], 2, 3, 0.1203, 0.34, 0.0, 0.25),
        ClassResult(names[1], 0, 0, -1.0, -1.0, -1.0, -1.0),
    )
    return COCOResult(metrics, rows, np.full((10, 101, 2), -1.0), 4)


def many_classes(count):
    """Return a result in which classes with higher labels have less recall."""
    places = np.arange(20)[:, None] * 12
    boxes = np.concatenate([places, places, places + 10, places + 10], -1)
    labels = np.repeat(np.arange(count), len(boxes))
    image = record(np.tile(boxes, (count, 1)), labels)
    is_found = np.tile(np.arange(20), count) * count < 20 * (count - labels)
    rng = np.random.default_rng(0)
    hits = image.boxes[is_found], labels[is_found]
    misses = rng.choice(image.boxes, 10 * count) + 200
    return evaluate_coco(
        dataset_of([image], [f"class {i}" for i in range(count)]),
        [
            found(
                np.concatenate([hits[0], misses]),
                rng.random(is_found.sum() + len(misses)),
                np.append(hits[1], rng.integers(0, count, len(misses))),
            )
        ],
    )


def test_table():
    values = {"mAP": 0.111, "mAP50": 0.222, "mAP75": 0.333, "AR100": 0.999}
    sizes = {"mAP_small": 0.444, "mAP_medium": 0.555}
    result = result_of(values | sizes)
    assert str(result) == repr(result) == TABLE


def test_table_of_short_names_is_aligned():
    lines = str(result_of({}, names=("a", "b"))).splitlines()
    assert len({len(line) for line in lines[:-1]}) == 1


def test_to_dict_is_plain():
    dataset = random_dataset()
    result = evaluate_coco(dataset, detections_for(dataset))
    content = json.loads(json.dumps(result.to_dict()))
    assert tuple(content["metrics"]) == METRICS
    assert content["num_images"] == len(dataset.records)
    assert [row["name"] for row in content["per_class"]] == list(
        dataset.class_names
    )
    assert content["per_class"][1]["ap50"] == result.per_class[1].ap50


@pytest.mark.usefixtures("pyplot_is_not_needed")
def test_one_curve_for_each_measured_class(tmp_path):
    dataset = random_dataset()
    result = evaluate_coco(dataset, detections_for(dataset))
    figure = result.plot_precision_recall(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    (axes,) = figure.axes
    measured = [row for row in result.per_class if row.num_boxes]
    assert 1 < len(measured) < len(result.per_class)
    mean, *curves = axes.lines
    assert [curve.get_label() for curve in curves] == [
        f"{row.ap50:.3f}  {row.name}"
        for row in sorted(measured, key=lambda row: -row.ap50)
    ]
    # The mean height of a curve is the average precision.
    assert mean.get_ydata().mean() == pytest.approx(result.metrics["mAP50"])
    for curve in curves:
        height = f"{curve.get_ydata().mean():.3f}"
        assert curve.get_label().startswith(height)
    np.testing.assert_allclose(mean.get_xdata(), np.arange(101) / 100)


@pytest.mark.usefixtures("pyplot_is_not_needed")
def test_the_best_and_the_worst_of_many_classes_are_named():
    figure = many_classes(12).plot_precision_recall()
    (axes,) = figure.axes
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    names = [text.split("  ")[1] for text in texts]
    assert names[0] == "all 12 classes"
    assert len(names) == 7
    assert set(names[1:4]) <= {f"class {i}" for i in range(5)}
    assert names[6] == "class 11"
    assert len(axes.lines) == 13
    gray = [line for line in axes.lines if line.get_color() == "0.8"]
    assert len(gray) == 6


@pytest.mark.usefixtures("pyplot_is_not_needed")
def test_one_class_more_than_named_curves():
    figure = many_classes(4).plot_precision_recall(max_curves=3)
    assert len(figure.axes[0].get_legend().get_texts()) == 5


@pytest.mark.usefixtures("pyplot_is_not_needed")
def test_one_class_has_no_mean():
    figure = many_classes(1).plot_precision_recall()
    assert len(figure.axes[0].lines) == 1


@pytest.mark.usefixtures("pyplot_is_not_needed")
def test_curves_without_boxes():
    figure = evaluate_coco(
        dataset_of([record([], [])], ["ant"]), [found([], [], [])]
    ).plot_precision_recall()
    assert not figure.axes[0].lines


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "keras-effic.*plot'):
        result_of({}).plot_precision_recall()
