"""Search for alpha, beta and gamma: step 1 of compound scaling."""

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
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterable
from collections.abc import Sequence

from keras_efficient.log import get_logger
from keras_efficient.scaling.compound import Coefficients
from keras_efficient.scaling.compound import CompoundScaling
from keras_efficient.types import PathLike

_LOGGER = get_logger(__name__)
# Decimals of the points of a grid.
_PLACES = 6


@dataclasses.dataclass(frozen=True)
class GridPoint:
    """Score of one point of the grid.

    Attributes:
        alpha: Base of the depth.
        beta: Base of the width.
        gamma: Base of the resolution.
        score: Result of the evaluation; NaN if training failed.
        seconds: Duration of the evaluation.
    """

    alpha: float
    beta: float
    gamma: float
    score: float
    seconds: float = 0.0

    @property
    def scaling(self) -> CompoundScaling:
        """The `CompoundScaling` with these numbers."""
        return CompoundScaling(self.alpha, self.beta, self.gamma)


@dataclasses.dataclass(frozen=True)
class CoefficientSearch:
    """Result of `search_coefficients`.

    Attributes:
        points: Tuple of `GridPoint`, in the order of the grid.
        target: Growth of the cost at each step of `phi` that the grid aims at.
    """

    points: tuple[GridPoint, ...]
    target: float

    @property
    def best(self) -> GridPoint:
        """The point with the highest score; the cheapest of equal ones."""
        return self.ranked()[0]

    @property
    def scaling(self) -> CompoundScaling:
        """The `CompoundScaling` of the best point."""
        return self.best.scaling

    def ranked(self) -> tuple[GridPoint, ...]:
        """Return the points by their score, highest first and NaN last."""

        def key(point: GridPoint) -> tuple[bool, float, float]:
            failed = math.isnan(point.score)
            score = 0.0 if failed else -point.score
            return failed, score, point.scaling.cost_per_step

        return tuple(sorted(self.points, key=key))

    def table(self) -> str:
        """Return the ranked points as a table in Markdown."""
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


def coefficient_grid(
    step: float = 0.05, target: float = 2.0, tolerance: float = 0.1
) -> tuple[CompoundScaling, ...]:
    """Return points whose `alpha * beta**2 * gamma**2` is near a target.

    Args:
        step: Float above 0, spacing of the grid. Defaults to 0.05.
        target: Float above 1, growth of the cost. Defaults to 2.
        tolerance: Float, maximum difference between the growth and `target`.
            Defaults to 0.1; the 1.2, 1.1, 1.15 of the paper result in 1.92.

    Returns:
        A tuple of `CompoundScaling`.

    Raises:
        ValueError: If a number is out of range, or no point is near.

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

    def bases(highest: float) -> list[float]:
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
            "No point of the grid is near the target. Use a smaller `step` "
            f"or a larger `tolerance`. Received: step={step}, "
            f"target={target}, tolerance={tolerance}"
        )
    return near


def search_coefficients(
    evaluate: Callable[[Coefficients], float],
    *,
    step: float = 0.05,
    target: float = 2.0,
    tolerance: float = 0.1,
    grid: Iterable[CompoundScaling] | None = None,
    path: PathLike | None = None,
    workers: int = 1,
    verbose: bool = True,
) -> CoefficientSearch:
    """Search the alpha, beta and gamma that suit a network (step 1).

    The network is scaled by one step, `phi = 1`, in every way of the grid that
    about doubles its cost. The way with the best score wins. `CompoundScaling`
    with these numbers then defines a family of any sizes (step 2).

    Args:
        evaluate: Function of `Coefficients` that builds, trains and evaluates a
            network of that depth, width and resolution, and returns a score,
            higher being better, or NaN if training failed.
        step: Float; see `coefficient_grid`. Defaults to 0.05.
        target: Float; see `coefficient_grid`. Defaults to 2.
        tolerance: Float; see `coefficient_grid`. Defaults to 0.1.
        grid: Sequence of `CompoundScaling` to search. Defaults to
            `coefficient_grid(step, target, tolerance)`.
        path: Path of a JSON lines file that stores each score as soon as it is
            known, so that the same call resumes an interrupted search. Use
            another file for another `evaluate`. Defaults to `None`, no file.
        workers: Integer, number of processes that evaluate in parallel. If
            above 1, `evaluate` must be a function of a module, and the program
            guarded by `if __name__ == "__main__":`. Defaults to 1, this
            process.
        verbose: Boolean, whether to log each score and the remaining time.
            Defaults to `True`.

    Returns:
        A `CoefficientSearch`; `visualization.plot_search` draws it.

    Raises:
        ValueError: If an argument is out of range, a score is not a number,
            or `path` contains something else.

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
        raise ValueError("`grid` is empty: pass at least one point.")
    record = _Record(path)
    missing = [place for place in grid if place not in record.points]
    if verbose and len(missing) < len(grid):
        _LOGGER.info(
            f"{len(grid) - len(missing)} of {len(grid)} scores are in {path}"
        )
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


def _evaluate_timed(
    evaluate: Callable[[Coefficients], float], place: CompoundScaling
) -> tuple[float, float]:
    start = time.perf_counter()
    coefficients = place(1)
    score = evaluate(coefficients)
    try:
        score = float(score)
    except (TypeError, ValueError):
        raise ValueError(
            "`evaluate` must return a number, such as an accuracy. "
            f"Received: {score!r} for {coefficients}"
        ) from None
    return score, time.perf_counter() - start


def _results(
    run: functools.partial[tuple[float, float]],
    places: Sequence[CompoundScaling],
    workers: int,
) -> Generator[tuple[CompoundScaling, float, float]]:
    """Yield place, score and seconds, in order of completion."""
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
            "module that other processes can import, not a lambda or a "
            f"nested function. Received: {run.args[0]!r}"
        ) from error
    # A forked process hangs if a backend has run before.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context) as pool:
        futures = {pool.submit(run, place): place for place in places}
        errors: list[BaseException] = []
        for future in concurrent.futures.as_completed(futures):
            if future.cancelled():
                continue
            failure = future.exception()
            if failure is not None:
                # Running evaluations are completed and stored.
                errors.append(failure)
                pool.shutdown(wait=False, cancel_futures=True)
                continue
            yield futures[future], *future.result()
        if errors:
            raise errors[0]


class _Record:
    """The known points, and the file that stores them."""

    def __init__(self, path: PathLike | None) -> None:
        self.path = None if path is None else pathlib.Path(path)
        self.points: dict[CompoundScaling, GridPoint] = {}
        if self.path is not None and self.path.exists():
            self._read(self.path)

    def add(self, point: GridPoint) -> None:
        """Store a point."""
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

    def _read(self, path: pathlib.Path) -> None:
        text = path.read_text(encoding="utf-8")
        complete, _, rest = text.rpartition("\n")
        for number, line in enumerate(complete.splitlines(), start=1):
            try:
                values = json.loads(line)
                if values["score"] is None:
                    values["score"] = math.nan
                point = GridPoint(**values)
                self.points[point.scaling] = point
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(
                    f"{path} contains something else than the scores of a "
                    f"search: line {number} is {line[:80]!r}. Use another "
                    "`path`, or remove that line."
                ) from error
        if rest:
            # A program was stopped while writing: that score is missing.
            keep = len(text[: len(text) - len(rest)].encode("utf-8"))
            with open(path, "r+b") as file:
                file.truncate(keep)


class _Progress:
    """Logs a line for each point, with the remaining time."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.best = -math.inf
        self.start = time.perf_counter()

    def show(self, point: GridPoint) -> None:
        """Log a new point."""
        self.done += 1
        if point.score > self.best:
            self.best = point.score
        elapsed = time.perf_counter() - self.start
        left = elapsed / self.done * (self.total - self.done)
        minutes, seconds = divmod(round(left), 60)
        _LOGGER.info(
            f"[{self.done}/{self.total}] alpha {point.alpha:g} "
            f"beta {point.beta:g} gamma {point.gamma:g}: {point.score:.4f} "
            f"(best {self.best:.4f}), {minutes}:{seconds:02d} left"
        )
