"""The largest network within a budget of multiply-adds, parameters or time."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_efficient import counting
from keras_efficient.inference import Predictor
from keras_efficient.scaling import Coefficients
from keras_efficient.scaling import CompoundScaling


@dataclasses.dataclass(frozen=True)
class BudgetFit:
    """The largest network of a family within a budget.

    Attributes:
        phi: The compound coefficient.
        coefficients: The `scaling.Coefficients` at `phi`.
        costs: Dict of the costs of the network, with the keys of `budgets`.
        budgets: Dict of name, such as `"parameters"`, to budget.
    """

    phi: float
    coefficients: Coefficients
    costs: dict[str, float]
    budgets: dict[str, float]

    def __str__(self) -> str:
        c = self.coefficients
        costs = ", ".join(
            f"{name} {_readable(cost)} of {_readable(self.budgets[name])}"
            for name, cost in self.costs.items()
        )
        return (
            f"phi {self.phi:.2f}: depth {c.depth:.3f}, width {c.width:.3f}, "
            f"resolution {c.resolution:.3f} ({costs})"
        )


def _readable(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.4g}"


def fit_budget(
    build: Callable[..., keras.Model],
    scaling: Callable[[float], Any] | None = None,
    *,
    multiply_adds: float | None = None,
    parameters: float | None = None,
    milliseconds: float | None = None,
    min_phi: float = -8.0,
    max_phi: float = 16.0,
    precision: float = 0.01,
) -> BudgetFit:
    """Find the largest `phi` whose network is within all budgets.

    Networks are built and measured, not estimated, so that the rounding of
    filters and repeats is included.

    Args:
        build: Function of `scaling.Coefficients` that returns a functional
            `keras.Model` of that width, depth and resolution.
        scaling: `scaling.CompoundScaling`. Defaults to that of EfficientNet.
        multiply_adds: Float, maximum number of multiply-adds for one image.
        parameters: Float, maximum number of parameters.
        milliseconds: Float, maximum time for one image on this machine, with
            the fused and compiled network; see `measure_milliseconds`.
        min_phi: Float, smallest `phi`. Below 0 networks are smaller than the
            unscaled one. Defaults to -8.
        max_phi: Float, largest `phi`. Defaults to 16.
        precision: Float, maximum distance to the largest possible `phi`.
            Defaults to 0.01.

    Returns:
        A `BudgetFit`.

    Raises:
        ValueError: If no budget is passed, one is not above 0, or no network
            is small enough.

    Example:
    >>> def build(c):
    ...     return keras_efficient.EfficientNet(
    ...         width_coefficient=c.width,
    ...         depth_coefficient=c.depth,
    ...         resolution=c.scale_resolution(224),
    ...     )
    >>> fit = keras_efficient.budgets.fit_budget(
    ...     build, multiply_adds=1e9, precision=0.2
    ... )
    >>> 0.8 < fit.phi < 1.4, fit.costs["multiply_adds"] <= 1e9
    (True, True)
    """
    scaling = CompoundScaling() if scaling is None else scaling
    given = {
        "multiply_adds": multiply_adds,
        "parameters": parameters,
        "milliseconds": milliseconds,
    }
    budgets = {name: x for name, x in given.items() if x is not None}
    if not budgets or not all(budget > 0 for budget in budgets.values()):
        raise ValueError(
            "Pass at least one of `multiply_adds`, `parameters` and "
            f"`milliseconds`, above 0. Received: {budgets}"
        )
    if not (precision > 0 and min_phi < max_phi):
        raise ValueError(
            "`precision` must be above 0 and `min_phi` below `max_phi`. "
            f"Received: precision={precision}, min_phi={min_phi}, "
            f"max_phi={max_phi}"
        )

    def fit(phi: float) -> BudgetFit:
        model = build(scaling(phi))
        costs = {name: _MEASURES[name](model) for name in budgets}
        return BudgetFit(phi, scaling(phi), costs, budgets)

    return _largest(fit, scaling, min_phi, max_phi, precision)


def _largest(
    fit: Callable[[float], BudgetFit],
    scaling: Any,
    min_phi: float,
    max_phi: float,
    precision: float,
) -> BudgetFit:
    """Return the largest fit within the budgets, by bisection."""
    growth = math.log(max(scaling.cost_per_step, 1.1))
    phi = min(max(0.0, min_phi), max_phi)
    best: BudgetFit | None = None
    too_large: float | None = None
    while best is None or too_large is None or too_large - best.phi > precision:
        found = fit(phi)
        share = max(found.costs[k] / found.budgets[k] for k in found.budgets)
        if share <= 1:
            best = found
        else:
            too_large = phi
        if best is not None and too_large is not None:
            phi = (best.phi + too_large) / 2
            continue
        if phi == (min_phi if best is None else max_phi):
            break
        # Where the rule predicts the budget, and a little beyond it.
        phi -= math.log(share) / growth + math.copysign(0.2, share - 1)
        phi = min(max(phi, min_phi), max_phi)
    if best is None:
        raise ValueError(
            f"No network is small enough: the smallest, at phi={phi:g}, costs "
            f"{found.costs}. Received: {found.budgets}"
        )
    return best


def measure_milliseconds(
    model: keras.Model, batch_size: int = 1, repeats: int = 20
) -> float:
    """Measure the time for one image, with the fused and compiled network.

    Args:
        model: Functional `keras.Model` with one input of fixed size.
        batch_size: Integer, images at once. Defaults to 1.
        repeats: Integer, number of runs, of which the median is returned,
            after three runs that are not measured. Defaults to 20.

    Returns:
        Float, milliseconds for one image.

    Raises:
        ValueError: If the model accepts images of any size.

    Example:
    >>> images = keras.Input((32, 32, 3))
    >>> model = keras.Model(images, keras.layers.Conv2D(8, 3)(images))
    >>> keras_efficient.budgets.measure_milliseconds(model) > 0
    True
    """
    shape = model.input_shape[1:]
    if None in shape:
        raise ValueError(
            "The time of a model for images of any size cannot be measured. "
            "Build it for one size. Received: a model for "
            f"{model.input_shape}"
        )
    predictor = Predictor(model)
    images = np.zeros((batch_size, *shape), "float32")
    seconds = []
    for _ in range(3 + repeats):
        start = time.perf_counter()
        outputs = keras.tree.flatten(predictor(images))
        keras.ops.convert_to_numpy(outputs[0])
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds[3:]) / batch_size


_MEASURES: dict[str, Callable[[keras.Model], float]] = {
    "multiply_adds": counting.count_multiply_adds,
    "parameters": counting.count_parameters,
    "milliseconds": measure_milliseconds,
}
