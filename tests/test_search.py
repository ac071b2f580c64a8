"""Tests for the search for scaling coefficients, and for budgets."""

import json
import math
import os

import keras
import pytest

import keras_efficient
from keras_efficient import budgets
from keras_efficient import counting
from keras_efficient.scaling import CompoundScaling
from keras_efficient.scaling import coefficient_grid
from keras_efficient.scaling import search_coefficients
from tests.marks import on_one_backend

pytestmark = on_one_backend


def like_the_paper(c):
    """Return a score with its maximum at 1.2, 1.1, 1.15."""
    return -((c.depth - 1.2) ** 2) - (c.width - 1.1) ** 2


def of_this_process(c):
    return os.getpid()


def breaks_at_deep(c):
    if c.depth > 1.5:
        raise RuntimeError("out of memory")
    return c.depth


def test_grid_contains_coefficients_of_the_required_cost():
    grid = coefficient_grid()
    assert len(set(grid)) == len(grid) == 111
    assert CompoundScaling(1.2, 1.1, 1.15) in grid
    assert all(abs(place.cost_per_step - 2) <= 0.1 + 1e-9 for place in grid)
    # One dimension alone is in the grid as well: 2, and nearly sqrt(2).
    assert CompoundScaling(2.0, 1.0, 1.0) in grid
    assert CompoundScaling(1.0, 1.4, 1.0) in grid
    four = coefficient_grid(step=0.25, target=4.0, tolerance=0.01)
    assert CompoundScaling(1.0, 2.0, 1.0) in four


def test_finds_the_best():
    search = search_coefficients(like_the_paper, verbose=False)
    assert search.scaling == CompoundScaling(1.2, 1.1, 1.15)
    scores = [point.score for point in search.ranked()]
    assert scores == sorted(scores, reverse=True)
    first_row = search.table().splitlines()[2]
    assert first_row.startswith("| 1.2 | 1.1 | 1.15 | 1.92 |")


def test_cheapest_of_equal_scores_wins():
    grid = [CompoundScaling(2.05, 1, 1), CompoundScaling(1.95, 1, 1)]
    search = search_coefficients(lambda c: 0.5, grid=grid, verbose=False)
    assert search.best.alpha == 1.95


def test_interrupted_search_resumes(tmp_path, caplog):
    path = tmp_path / "run" / "search.jsonl"
    asked = []

    def evaluate(c):
        asked.append(c.depth)
        if len(asked) == 5:
            raise KeyboardInterrupt
        return c.depth

    with pytest.raises(KeyboardInterrupt):
        search_coefficients(evaluate, step=0.1, path=path)
    assert len(path.read_text().splitlines()) == 4
    # The program was killed while it wrote the fifth.
    with open(path, "a") as file:
        file.write('{"alpha": 1.0, "be')
    caplog.clear()
    search = search_coefficients(evaluate, step=0.1, path=path)
    out = caplog.text
    assert "4 of 22 scores are in" in out
    assert "[18/18]" in out and "0:00 left" in out
    assert len(asked) == 5 + 18
    assert len(path.read_text().splitlines()) == len(search.points) == 22
    again = search_coefficients(evaluate, step=0.1, path=path, verbose=False)
    assert again == search and len(asked) == 5 + 18


def test_a_failed_training_ranks_last_and_is_kept(tmp_path):
    path = tmp_path / "search.jsonl"

    def evaluate(c):
        return math.nan if c.depth > 1.3 else c.depth

    search = search_coefficients(evaluate, step=0.1, path=path, verbose=False)
    assert search.best.alpha == pytest.approx(1.3)
    assert math.isnan(search.ranked()[-1].score)
    assert None in [
        json.loads(x)["score"] for x in path.read_text().splitlines()
    ]
    again = search_coefficients(evaluate, step=0.1, path=path, verbose=False)
    assert again.best == search.best


def test_evaluation_in_worker_processes(tmp_path):
    search = search_coefficients(
        of_this_process, step=0.2, tolerance=0.2, workers=2, verbose=False
    )
    processes = {int(point.score) for point in search.points}
    assert os.getpid() not in processes
    assert 1 <= len(processes) <= 2


@pytest.mark.slow
def test_results_are_kept_if_a_worker_crashes(tmp_path):
    path = tmp_path / "search.jsonl"
    grid = [CompoundScaling(a, 1, 1) for a in (1.1, 1.6, 1.2)]
    with pytest.raises(RuntimeError, match="out of memory"):
        search_coefficients(
            breaks_at_deep, grid=grid, path=path, workers=2, verbose=False
        )
    kept = [json.loads(line)["alpha"] for line in path.read_text().splitlines()]
    assert 1.1 in kept and 1.6 not in kept


def test_invalid_arguments_of_the_search(tmp_path):
    with pytest.raises(ValueError, match="number.*'good'"):
        search_coefficients(lambda c: "good", step=0.1, verbose=False)
    with pytest.raises(ValueError, match="function of a module"):
        search_coefficients(lambda c: 1.0, workers=2, verbose=False)
    with pytest.raises(ValueError, match="workers.*0"):
        search_coefficients(like_the_paper, workers=0, verbose=False)
    with pytest.raises(ValueError, match="near the target"):
        coefficient_grid(step=0.9, tolerance=0.01)
    with pytest.raises(ValueError, match="step=0"):
        coefficient_grid(step=0)
    with pytest.raises(ValueError, match="empty"):
        search_coefficients(like_the_paper, grid=[])
    path = tmp_path / "notes.txt"
    path.write_text("bread\nmilk\n")
    with pytest.raises(ValueError, match="line 1 is 'bread'"):
        search_coefficients(like_the_paper, path=path)
    assert path.read_text() == "bread\nmilk\n"


def build(c):
    return keras_efficient.EfficientNet(
        width_coefficient=c.width,
        depth_coefficient=c.depth,
        resolution=c.scale_resolution(64),
        classes=10,
        stages=keras_efficient.variants.EFFICIENTNET_STAGES[:3],
    )


def costs_at(phi):
    model = build(CompoundScaling()(phi))
    return (
        counting.count_multiply_adds(model),
        counting.count_parameters(model),
    )


@pytest.mark.parametrize("share", [0.4, 1.0, 5.0])
def test_largest_network_within_a_budget(share):
    budget = share * costs_at(0)[0]
    fit = budgets.fit_budget(build, multiply_adds=budget, precision=0.05)
    assert fit.costs == {"multiply_adds": costs_at(fit.phi)[0]}
    assert fit.costs["multiply_adds"] <= budget
    assert costs_at(fit.phi + 0.05)[0] > budget
    assert fit.coefficients == CompoundScaling()(fit.phi)
    assert f"phi {fit.phi:.2f}" in str(fit)


def test_all_budgets_are_met():
    multiply_adds, parameters = costs_at(0)
    loose = budgets.fit_budget(
        build, multiply_adds=3 * multiply_adds, precision=0.1
    )
    both = budgets.fit_budget(
        build,
        multiply_adds=3 * multiply_adds,
        parameters=1.2 * parameters,
        precision=0.1,
    )
    assert both.phi < loose.phi
    assert both.costs["parameters"] <= 1.2 * parameters


def test_one_dimension_alone():
    width = CompoundScaling(1.0, 2**0.5, 1.0)
    fit = budgets.fit_budget(
        build, width, parameters=4 * costs_at(0)[1], precision=0.1
    )
    assert fit.coefficients.depth == fit.coefficients.resolution == 1
    assert 1.7 < fit.coefficients.width < 2.4


def test_a_budget_of_time():
    images = keras.Input((64, 64, 3))

    def build(c):
        x = images
        for _ in range(round(4 * c.depth)):
            x = keras.layers.Conv2D(32, 3, padding="same")(x)
        return keras.Model(images, x)

    deep = CompoundScaling(2.0, 1.0, 1.0)
    one = budgets.measure_milliseconds(build(deep(0)))
    # Ten times the time allows a larger network, even on a busy machine.
    fit = budgets.fit_budget(
        build, deep, milliseconds=10 * one, max_phi=3, precision=1.0
    )
    assert fit.phi > 0
    assert fit.costs["milliseconds"] <= 10 * one


def test_no_network_fits_the_budget():
    with pytest.raises(ValueError, match="No network is small enough"):
        budgets.fit_budget(build, parameters=100, min_phi=-1)
    with pytest.raises(ValueError, match="at least one"):
        budgets.fit_budget(build)
    with pytest.raises(ValueError, match="above 0"):
        budgets.fit_budget(build, parameters=-1)
    fit = budgets.fit_budget(build, parameters=1e12, max_phi=1)
    assert fit.phi == 1
    free = keras_efficient.EfficientNet(input_shape=(None, None, 3))
    with pytest.raises(ValueError, match="any size"):
        budgets.measure_milliseconds(free)
