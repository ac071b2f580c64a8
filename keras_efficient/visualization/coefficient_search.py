"""Picture of a search for scaling coefficients."""

import math
from collections.abc import Sequence

from keras_efficient.plotting import new_axes
from keras_efficient.plotting import patches
from keras_efficient.scaling import CoefficientSearch
from keras_efficient.scaling import CompoundScaling
from keras_efficient.scaling import GridPoint
from keras_efficient.types import Axes

_HEIGHT = math.sqrt(3) / 2
# Corners of the triangle: depth only, width only, resolution only.
_CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.5, _HEIGHT))


def plot_search(
    search: CoefficientSearch, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the results of a search for scaling coefficients.

    The position of a point in the triangle shows how the growth of the cost is
    divided: at a corner, all of it goes into depth, width or resolution. The
    color is the score. The best point is a star, the paper's coefficients 1.2,
    1.1, 1.15 are a cross, and failed points are not filled.

    Args:
        search: A `scaling.CoefficientSearch`.
        title: String, title of the picture. Defaults to `None`.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to `None`: those of
            a new figure without a window.

    Returns:
        The `matplotlib.axes.Axes`.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
    >>> search = keras_efficient.scaling.search_coefficients(
    ...     lambda c: -abs(c.depth - 1.2), step=0.1, verbose=False
    ... )
    >>> ax = keras_efficient.visualization.plot_search(search)
    >>> len(ax.collections[0].get_offsets()) == len(search.points)
    True
    """
    triangle = patches().Polygon(_CORNERS, fill=False, edgecolor="#a0aec0")
    if ax is None:
        ax = new_axes((6.4, 5.2))
    ax.add_patch(triangle)
    for name, place, align in (
        ("depth only", (0.0, -0.03), "left"),
        ("width only", (1.0, -0.03), "right"),
        ("resolution only", (0.5, _HEIGHT + 0.02), "center"),
    ):
        edge = "bottom" if align == "center" else "top"
        ax.text(*place, name, ha=align, va=edge)
    _draw_scores(ax, search.points)
    _draw_marks(ax, search.best)
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0.04),
        ncols=2,
        frameon=False,
        title="alpha (depth), beta (width), gamma (resolution)",
    )
    ax.set_aspect("equal")
    ax.set_xlim(-0.08, 1.08)
    ax.set_ylim(-0.1, 0.95)
    ax.axis("off")
    if title is not None:
        ax.set_title(title)
    return ax


def _draw_scores(ax: Axes, points: Sequence[GridPoint]) -> None:
    places = [_place(point.scaling) for point in points]
    scores = [point.score for point in points]
    worked = [score for score in scores if not math.isnan(score)]
    dots = ax.scatter(
        *zip(*places, strict=True),
        c=scores,
        s=70,
        cmap="viridis",
        edgecolors="#2d3748",
        plotnonfinite=False,
        vmin=min(worked, default=0),
        vmax=max(worked, default=1),
    )
    for point, place in zip(points, places, strict=True):
        if math.isnan(point.score):
            ax.scatter(*place, s=70, facecolors="none", edgecolors="#2d3748")
    ax.figure.colorbar(dots, ax=ax, shrink=0.7, label="score")


def _draw_marks(ax: Axes, best: GridPoint) -> None:
    ax.scatter(
        *_place(best.scaling),
        marker="*",
        s=380,
        color="#e53e3e",
        edgecolors="white",
        label=f"best: {best.alpha:g}, {best.beta:g}, {best.gamma:g}",
        zorder=3,
    )
    ax.scatter(
        *_place(CompoundScaling()),
        marker="x",
        s=90,
        color="#1a202c",
        label="paper: 1.2, 1.1, 1.15",
        zorder=4,
    )


def _place(scaling: CompoundScaling) -> tuple[float, ...]:
    """Return the position in the triangle, `(x, y)`."""
    shares = (
        math.log(scaling.alpha),
        2 * math.log(scaling.beta),
        2 * math.log(scaling.gamma),
    )
    return tuple(
        sum(
            share * corner[axis]
            for share, corner in zip(shares, _CORNERS, strict=True)
        )
        / sum(shares)
        for axis in (0, 1)
    )
