"""The phi that a budget of multiply-adds, parameters or time has room for."""

import dataclasses
import math
import statistics
import time

import keras
import numpy as np

from keras_efficient import counting
from keras_efficient.inference import Predictor
from keras_efficient.scaling import Coefficients
from keras_efficient.scaling import CompoundScaling


@dataclasses.dataclass(frozen=True)
class BudgetFit:
    """The largest network of a family that a budget has room for.

    Attributes:
        phi: The compound coefficient.
        coefficients: The `scaling.Coefficients` at `phi`.
        costs: Dict of what the network costs, by the names of the budgets.
        budgets: Dict of the budgets.
    """

    phi: float
    coefficients: Coefficients
    costs: dict
    budgets: dict

    def __str__(self):
        c = self.coefficients
        costs = ", ".join(
            f"{name} {_readable(cost)} of {_readable(self.budgets[name])}"
            for name, cost in self.costs.items()
        )
        return (
            f"phi {self.phi:.2f}: depth {c.depth:.3f}, width {c.width:.3f}, "
            f"resolution {c.resolution:.3f} ({costs})"
        )


def _readable(number):
    return f"{number:,.0f}" if number >= 1000 else f"{number:.4g}"


def fit_budget(
    build,
    scaling=None,
    *,
    multiply_adds=None,
    parameters=None,
    milliseconds=None,
    min_phi=-8.0,
    max_phi=16.0,
    precision=0.01,
):
    """Finds the largest `phi` whose network keeps within a budget.

    Networks are built and counted, not estimated: rounding of filters and
    repeats is in. Of several budgets all hold.

    Args:
        build: Function of `scaling.Coefficients` that gives a functional
            `keras.Model` of that width, depth and resolution.
        scaling: `scaling.CompoundScaling`. Defaults to `None`: the paper's.
        multiply_adds: Number, most multiply-adds of one image.
        parameters: Number, most parameters.
        milliseconds: Number, most time for one image on this machine, with
            the fused and compiled network; see `measure_milliseconds`.
        min_phi: Float, where the search begins. Below 0 networks are smaller
            than the unscaled one. Defaults to -8.
        max_phi: Float, where it ends. Defaults to 16.
        precision: Float, how near to the largest `phi` the answer comes.
            Defaults to 0.01.

    Returns:
        A `BudgetFit`.

    Raises:
        ValueError: If there is no budget, one is not above 0, or none of the
            networks is small enough.

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
    measures = {
        "multiply_adds": (multiply_adds, counting.count_multiply_adds),
        "parameters": (parameters, counting.count_parameters),
        "milliseconds": (milliseconds, measure_milliseconds),
    }
    measures = {k: v for k, v in measures.items() if v[0] is not None}
    budgets = {name: budget for name, (budget, _) in measures.items()}
    if not budgets or not all(budget > 0 for budget in budgets.values()):
        raise ValueError(
            "Give at least one of `multiply_adds`, `parameters` and "
            f"`milliseconds`, above 0. Received: {budgets}"
        )
    if not (precision > 0 and min_phi < max_phi):
        raise ValueError(
            "`precision` must be above 0 and `min_phi` below `max_phi`. "
            f"Received: precision={precision}, min_phi={min_phi}, "
            f"max_phi={max_phi}"
        )

    def fit(phi):
        model = build(scaling(phi))
        costs = {
            name: measure(model) for name, (_, measure) in measures.items()
        }
        return BudgetFit(phi, scaling(phi), costs, budgets)

    return _largest(fit, scaling, min_phi, max_phi, precision)


def _largest(fit, scaling, min_phi, max_phi, precision):
    """The last fit within the budgets, between one inside and one outside."""
    growth = math.log(max(scaling.cost_per_step, 1.1))
    phi = min(max(0.0, min_phi), max_phi)
    best, too_large = None, None
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
        # As far as the rule says, and a little further, to have it between.
        phi -= math.log(share) / growth + math.copysign(0.2, share - 1)
        phi = min(max(phi, min_phi), max_phi)
    if best is None:
        raise ValueError(
            f"No network is small enough: the smallest, at phi={phi:g}, costs "
            f"{found.costs}. Received: {found.budgets}"
        )
    return best


def measure_milliseconds(model, batch_size=1, repeats=20):
    """Time for one image, with the fused and compiled network.

    Args:
        model: Functional `keras.Model` with one input of known size.
        batch_size: Integer, images at once. Defaults to 1.
        repeats: Integer, runs of which the median counts, after three that do
            not. Defaults to 20.

    Returns:
        Float, milliseconds for one image.

    Raises:
        ValueError: If the model takes images of any size.

    Example:
    >>> images = keras.Input((32, 32, 3))
    >>> model = keras.Model(images, keras.layers.Conv2D(8, 3)(images))
    >>> keras_efficient.budgets.measure_milliseconds(model) > 0
    True
    """
    shape = model.input_shape[1:]
    if None in shape:
        raise ValueError(
            "The time of a model for images of any size is not known. Build "
            f"it for one size. It takes {model.input_shape}"
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
