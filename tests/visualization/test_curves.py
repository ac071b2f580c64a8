"""Training curves."""

import math

import pytest

from keras_efficient.visualization import plot_history
from tests.marks import on_one_backend

pytest.importorskip("matplotlib")
pytestmark = on_one_backend
NAN = math.nan


def lines(figure):
    return {
        line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist())
        if hasattr(line.get_xdata(), "tolist")
        else (list(line.get_xdata()), list(line.get_ydata()))
        for axes in figure.axes
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def test_metrics_of_one_kind_share_axes(tmp_path):
    logs = {
        "epoch": [0.0, 1.0, 2.0],
        "loss": [3.0, 2.0, 1.0],
        "val_loss": [3.5, 3.0, 2.5],
        "class_loss": [1.0, 0.5, 0.2],
        "val_mAP": [NAN, NAN, 0.3],
        "val_mAP50": [NAN, 0.4, 0.6],
        "never": [NAN, NAN, NAN],
        "images_per_second": [9.0, 9.0, 9.0],
    }
    figure = plot_history(logs, tmp_path / "a.png", "cells")
    assert (tmp_path / "a.png").stat().st_size > 0
    assert [axes.get_title() for axes in figure.axes] == ["loss", "mAP"]
    found = lines(figure)
    assert set(found) == {
        "loss", "val_loss", "class_loss", "val_mAP", "val_mAP50",
    }  # fmt: skip
    assert found["loss"] == ([1, 2, 3], [3.0, 2.0, 1.0])
    # Epochs without a value have no point.
    assert found["val_mAP50"] == ([2, 3], [0.4, 0.6])
    assert found["val_mAP"] == ([3], [0.3])


def test_training_is_dashed_and_validation_has_its_color():
    figure = plot_history({"loss": [2.0, 1.0], "val_loss": [2.0, 1.5]})
    train, validation = figure.axes[0].lines
    assert train.get_color() == validation.get_color()
    assert (train.get_linestyle(), validation.get_linestyle()) == ("--", "-")


def test_undefined_coco_metrics_have_no_curve():
    figure = plot_history(
        {
            "val_mAP": [math.nan, 0.5],
            "val_mAP_large": [-1.0, -1.0],
            "val_AR_large": [-1.0, 0.3],
            "val_loss": [0.5, -1.0],
        }
    )
    lines = [line for axes in figure.axes for line in axes.lines]
    assert [(x.get_label(), list(x.get_ydata())) for x in lines] == [
        ("val_loss", [0.5, -1.0]),
        ("val_mAP", [0.5]),
        ("val_AR_large", [0.3]),
    ]


def test_steps_are_joined():
    figure = plot_history(
        {
            "head": {"loss": [3.0, 2.0], "accuracy": [0.1, 0.2]},
            "all": {"loss": [1.0], "val_accuracy": [0.5]},
        }
    )
    found = lines(figure)
    assert found["loss"] == ([1, 2, 3], [3.0, 2.0, 1.0])
    assert found["accuracy"] == ([1, 2], [0.1, 0.2])
    assert found["val_accuracy"] == ([3], [0.5])
    borders = [
        line.get_xdata()[0]
        for line in figure.axes[0].lines
        if line.get_label().startswith("_")
    ]
    assert borders == [2.5]


@pytest.mark.parametrize("logs", [{}, {"loss": [NAN]}, {"epoch": [0.0]}])
def test_nothing_to_draw(logs):
    with pytest.raises(ValueError, match="at least one value"):
        plot_history(logs)
