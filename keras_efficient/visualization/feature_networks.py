"""Pictures of feature networks."""

from collections.abc import Sequence

from keras_efficient.feature_graphs import FusionNode
from keras_efficient.feature_graphs import levels_of_features
from keras_efficient.plotting import new_axes
from keras_efficient.plotting import patches
from keras_efficient.types import Axes

_DOWN, _UP, _ACROSS = "#2b6cb0", "#c05621", "#4a5568"
_RADIUS = 0.16


def plot_feature_network(
    nodes: Sequence[FusionNode],
    min_level: int = 3,
    max_level: int = 7,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the nodes of a feature network, like the EfficientDet paper.

    Rows are levels, the coarsest at the top; the inputs are at the left.
    Arrows lead from each feature to the nodes that use it: blue to a finer
    level, orange to a coarser level, gray to the same level.

    Args:
        nodes: Sequence of `feature_graphs.FusionNode`.
        min_level: Integer, level of the first input. Defaults to 3.
        max_level: Integer, level of the last input. Defaults to 7.
        title: String, title of the picture. Defaults to `None`.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to `None`: those of
            a new figure without a window.

    Returns:
        The `matplotlib.axes.Axes`.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If the nodes do not form a network of these levels.

    Example:
    >>> nodes = keras_efficient.feature_graphs.bifpn_nodes()
    >>> ax = keras_efficient.visualization.plot_feature_network(nodes)
    >>> len(ax.patches) > len(nodes)
    True
    """
    circle = patches().Circle
    levels = levels_of_features(nodes, min_level, max_level)
    columns = _columns(nodes, levels)
    if ax is None:
        ax = new_axes((1.5 + max(columns), 4))
    places = list(zip(columns, levels, strict=True))
    num_inputs = len(places) - len(nodes)
    for number, place in enumerate(places):
        is_input = number < num_inputs
        color = "#edf2f7" if is_input else "#fefcbf"
        ax.add_patch(
            circle(place, _RADIUS, facecolor=color, edgecolor="#2d3748")
        )
        if is_input:
            ax.text(
                place[0] - 2 * _RADIUS,
                place[1],
                f"P{place[1]}",
                ha="right",
                va="center",
            )
    for number, node in enumerate(nodes, num_inputs):
        for source in (*node.inputs, *node.added):
            _draw_arrow(ax, places[source], places[number])
    ax.set_xlim(-0.8, max(columns) + 0.5)
    ax.set_ylim(min_level - 0.5, max_level + 0.5)
    ax.set_aspect("equal")
    ax.axis("off")
    if title is not None:
        ax.set_title(title)
    return ax


def _columns(nodes: Sequence[FusionNode], levels: Sequence[int]) -> list[int]:
    """Return the column of each feature.

    A node is right of the inputs of its own level and not left of its other
    inputs, so that each way down or up the pyramid is one column.
    """
    columns = [0] * (len(levels) - len(nodes))
    for node in nodes:
        sources = (*node.inputs, *node.added)
        columns.append(
            max(
                1,
                *(columns[i] + (levels[i] == node.level) for i in sources),
            )
        )
    return columns


def _draw_arrow(
    ax: Axes, source: tuple[int, int], target: tuple[int, int]
) -> None:
    rise = target[1] - source[1]
    color = _ACROSS if rise == 0 else _UP if rise > 0 else _DOWN
    # Arrows are bent around features between their ends.
    passes = rise == 0 and target[0] - source[0] > 1
    jumps = source[0] == target[0] and abs(rise) > 1
    ax.annotate(
        "",
        xy=target,
        xytext=source,
        arrowprops={
            "arrowstyle": "-|>",
            "color": color,
            "linewidth": 1.4,
            # From edge to edge of the circles, in points.
            "shrinkA": 9,
            "shrinkB": 9,
            "connectionstyle": f"arc3,rad={-0.35 if passes or jumps else 0}",
        },
    )
