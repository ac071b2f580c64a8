"""Step 1 of compound scaling: the search for alpha, beta and gamma."""

import concurrent.futures
import contextlib
import dataclasses
import functools
import itertools
import json
import math
import multiprocessing
import os
import pathlib
import pickle
import time

from keras_efficient.scaling.compound import Coefficients
from keras_efficient.scaling.compound import CompoundScaling

_PLACES = 6


@dataclasses.dataclass(frozen=True)
class GridPoint:
    """What the search knows of one place of its grid.

    Attributes:
        alpha: Base of the depth.
        beta: Base of the width.
        gamma: Base of the resolution.
        score: What the evaluation gave; NaN where training failed.
        seconds: How long the evaluation took.
    """

    alpha: float
    beta: float
    gamma: float
    score: float
    seconds: float = 0.0

    @property
    def scaling(self) -> CompoundScaling:
        """The rule with these numbers."""
        return CompoundScaling(self.alpha, self.beta, self.gamma)


@dataclasses.dataclass(frozen=True)
class CoefficientSearch:
    """The results of `search_coefficients`.

    Attributes:
        points: Tuple of `GridPoint`, in the order of the grid.
        target: The growth of the cost that the grid keeps to.
    """

    points: tuple
    target: float

    @property
    def best(self) -> GridPoint:
        """The point of the highest score; of equals the cheapest."""
        return self.ranked()[0]

    @property
    def scaling(self) -> CompoundScaling:
        """The rule that was found: that of the best point."""
        return self.best.scaling

    def ranked(self) -> tuple:
        """The points by their score, the highest first, NaN last."""

        def key(point):
            failed = math.isnan(point.score)
            score = 0.0 if failed else -point.score
            return failed, score, point.scaling.cost_per_step

        return tuple(sorted(self.points, key=key))

    def table(self) -> str:
        """The ranked points as a table in Markdown.

        Returns:
            A string of one line for each point.
        """
        lines = [
            "| alpha (depth) | beta (width) | gamma (resolution) | cost "
            "| score | seconds |",
            "|---:|---:|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {p.alpha:g} | {p.beta:g} | {p.gamma:g} "
            f"| {p.scaling.cost_per_step:.2f} | {p.score:.4f} "
            f"| {p.seconds:.1f} |"
            for p in self.ranked()
        ]
        return "\n".join(lines)


def coefficient_grid(step=0.05, target=2.0, tolerance=0.1):
    """The places where `alpha * beta**2 * gamma**2` is near a target.

    Args:
        step: Float, distance of the grid's places, above 0. Defaults to 0.05.
        target: Float above 1, wanted growth of the cost. Defaults to 2.
        tolerance: Float, how far the growth may lie from `target`. Defaults
            to 0.1: the paper's own 1.2, 1.1, 1.15 give 1.92.

    Returns:
        A tuple of `CompoundScaling`.

    Raises:
        ValueError: If a number is out of range, or no place is near.

    Example:
    >>> grid = keras_efficient.scaling.coefficient_grid(step=0.1)
    >>> len(grid), grid[0]
    (22, CompoundScaling(alpha=1.0, beta=1.0, gamma=1.4))
    """
    if not (step > 0 and target > 1 and tolerance >= 0):
        raise ValueError(
            "`step` must be above 0, `target` above 1 and `tolerance` not "
            f"below 0. Received: step={step}, target={target}, "
            f"tolerance={tolerance}"
        )

    def bases(highest):
        count = math.floor((highest - 1) / step + 1e-9)
        return [round(1 + i * step, _PLACES) for i in range(count + 1)]

    highest = target + tolerance
    places = (
        CompoundScaling(*bases_of_one)
        for bases_of_one in itertools.product(
            bases(highest), *2 * [bases(math.sqrt(highest))]
        )
    )
    near = tuple(
        place
        for place in places
        if abs(place.cost_per_step - target) <= tolerance + 1e-9
    )
    if not near:
        raise ValueError(
            "No place of the grid is near the target. Use a smaller `step` "
            f"or a larger `tolerance`. Received: step={step}, "
            f"target={target}, tolerance={tolerance}"
        )
    return near


def search_coefficients(
    evaluate,
    *,
    step=0.05,
    target=2.0,
    tolerance=0.1,
    grid=None,
    path=None,
    workers=1,
    verbose=True,
):
    """Searches the alpha, beta and gamma that suit a network: paper, step 1.

    The network is scaled by one step, `phi = 1`, in every way that about
    doubles its cost, and the way with the best score wins. `CompoundScaling`
    then makes a family of any sizes with them, step 2.

    Args:
        evaluate: Function of `Coefficients` that builds, trains and rates a
            network of that depth, width and resolution, and returns a number,
            higher being better; NaN for a training that failed.
        step: Float; see `coefficient_grid`. Defaults to 0.05.
        target: Float; see `coefficient_grid`. Defaults to 2.
        tolerance: Float; see `coefficient_grid`. Defaults to 0.1.
        grid: Sequence of `CompoundScaling` to search instead. Defaults to
            `None`: `coefficient_grid(step, target, tolerance)`.
        path: Path of a file of JSON lines that keeps each score as soon as it
            is known. The same call goes on where an earlier one broke off.
            The scores in it are taken as those of this `evaluate`: give
            another function another file. Defaults to `None`: nothing is
            kept.
        workers: Integer, how many processes evaluate at once. With more than
            1, `evaluate` must be a function of a module, and the program
            guarded by `if __name__ == "__main__":`. Defaults to 1: in this
            process.
        verbose: Boolean, whether to print a line for each score, with the
            time that is left. Defaults to `True`.

    Returns:
        A `CoefficientSearch`; `visualization.plot_search` draws it.

    Raises:
        ValueError: If an argument is out of range, a score is no number, or
            `path` holds something else.

    Example:
    >>> def evaluate(c):  # as if 1.2, 1.1, 1.15 were best
    ...     return -abs(c.depth - 1.2) - abs(c.width - 1.1)
    >>> search = keras_efficient.scaling.search_coefficients(
    ...     evaluate, verbose=False
    ... )
    >>> search.scaling
    CompoundScaling(alpha=1.2, beta=1.1, gamma=1.15)

    Reference:
        - [Tan and Le, 2019, section 3.3](https://arxiv.org/abs/1905.11946).
    """
    if grid is None:
        grid = coefficient_grid(step, target, tolerance)
    grid = tuple(dict.fromkeys(grid))
    if not grid:
        raise ValueError("`grid` is empty: give at least one place.")
    record = _Record(path)
    missing = [place for place in grid if place not in record.points]
    if verbose and len(missing) < len(grid):
        print(f"{len(grid) - len(missing)} of {len(grid)} scores are in {path}")
    progress = _Progress(len(missing)) if verbose else None
    run = functools.partial(_evaluate_timed, evaluate)
    with contextlib.closing(_results(run, missing, workers)) as results:
        for place, score, seconds in results:
            point = GridPoint(
                place.alpha, place.beta, place.gamma, score, seconds
            )
            record.add(point)
            if progress is not None:
                progress.show(point)
    return CoefficientSearch(
        tuple(record.points[place] for place in grid), target
    )


def _evaluate_timed(evaluate, place):
    start = time.perf_counter()
    coefficients: Coefficients = place(1)
    score = evaluate(coefficients)
    try:
        score = float(score)
    except (TypeError, ValueError):
        raise ValueError(
            "`evaluate` must return a number, such as an accuracy. "
            f"Received: {score!r} for {coefficients}"
        ) from None
    return score, time.perf_counter() - start


def _results(run, places, workers):
    """Yields place, score and seconds, in the order in which they are done."""
    if not isinstance(workers, int) or workers < 1:
        raise ValueError(
            f"`workers` must be an integer of at least 1. Received: {workers!r}"
        )
    if workers == 1 or len(places) < 2:
        for place in places:
            yield place, *run(place)
        return
    try:
        pickle.dumps(run)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            "With `workers` above 1, `evaluate` must be a function of a "
            "module, that other processes can import: no lambda and no "
            f"function within a function. Received: {run.args[0]!r}"
        ) from error
    # A forked copy of a process that has run a backend hangs.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context) as pool:
        futures = {pool.submit(run, place): place for place in places}
        errors = []
        for future in concurrent.futures.as_completed(futures):
            if future.cancelled():
                continue
            if future.exception() is not None:
                # What runs already comes to its end and is kept.
                errors.append(future.exception())
                pool.shutdown(wait=False, cancel_futures=True)
                continue
            yield futures[future], *future.result()
        if errors:
            raise errors[0]


class _Record:
    """The points that are known, and the file that keeps them."""

    def __init__(self, path):
        self.path = None if path is None else pathlib.Path(path)
        self.points = {}
        if self.path is not None and self.path.exists():
            self._read()

    def add(self, point):
        self.points[point.scaling] = point
        if self.path is None:
            return
        values = dataclasses.asdict(point)
        if math.isnan(point.score):
            values["score"] = None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self):
        text = self.path.read_text(encoding="utf-8")
        whole, _, rest = text.rpartition("\n")
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                values = json.loads(line)
                if values["score"] is None:
                    values["score"] = math.nan
                point = GridPoint(**values)
                self.points[point.scaling] = point
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(
                    f"{self.path} holds something else than the scores of a "
                    f"search: line {number} is {line[:80]!r}. Give another "
                    "`path`, or take that line out."
                ) from error
        if rest:
            # A program was stopped while it wrote: that score is missing.
            keep = len(text[: len(text) - len(rest)].encode("utf-8"))
            with open(self.path, "r+b") as file:
                file.truncate(keep)


class _Progress:
    """Prints a line for each point, with the time that is left."""

    def __init__(self, total):
        self.total = total
        self.done = 0
        self.best = -math.inf
        self.start = time.perf_counter()

    def show(self, point):
        self.done += 1
        if point.score > self.best:
            self.best = point.score
        elapsed = time.perf_counter() - self.start
        left = elapsed / self.done * (self.total - self.done)
        minutes, seconds = divmod(round(left), 60)
        print(
            f"[{self.done}/{self.total}] alpha {point.alpha:g} "
            f"beta {point.beta:g} gamma {point.gamma:g}: {point.score:.4f} "
            f"(best {self.best:.4f}), {minutes}:{seconds:02d} left",
            flush=True,
        )
