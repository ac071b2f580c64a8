"""Training curves."""

import math
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_efficient.plotting import new_figure
from keras_efficient.types import Axes
from keras_efficient.types import Figure
from keras_efficient.types import Logs
from keras_efficient.types import PathLike

# Entries of the logs that are not metrics.
_NO_CURVES = ("epoch", "images_per_second")
# Metrics whose names start or end so share axes, in this order.
_GROUPS = ("loss", "accuracy", "mAP", "AR", "learning_rate")


def plot_history(
    logs: Logs | Mapping[str, Logs],
    path: PathLike | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the metrics of each epoch: losses, accuracies, precisions.

    Metrics of one kind share axes. Training and validation have the same
    color; training is dashed. Metrics that were not computed in every epoch
    are marked by dots.

    Args:
        logs: Dict of lists of floats, one for each epoch, such as the `logs`
            of `training.FinetuneResult` and the `history` of
            `keras.callbacks.History`. NaN, and -1 of COCO metrics, mean that
            the metric was not computed. Or a dict of such dicts, one for each
            step of the training, in order.
        path: File to save the picture to. Defaults to `None`.
        title: String, title of the picture. Defaults to `None`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If the logs have no metrics.

    Example:
    >>> figure = keras_efficient.visualization.plot_history(
    ...     {"loss": [2.0, 1.0], "val_loss": [2.1, 1.5], "accuracy": [0.1, 0.4]}
    ... )
    >>> [axes.get_title() for axes in figure.axes]
    ['loss', 'accuracy']
    """
    columns, borders = _joined(logs)
    groups = _groups(columns)
    if not groups:
        raise ValueError(
            "`logs` must have a metric with at least one value that is not "
            f"NaN. Received: {sorted(logs)}"
        )
    across = min(len(groups), 3)
    down = -(-len(groups) // across)
    figure = new_figure((4.6 * across, 3.6 * down))
    if title is not None:
        figure.suptitle(title)
    for place, (group, names) in enumerate(groups.items(), 1):
        axes = figure.add_subplot(down, across, place)
        _draw(axes, names, columns)
        for border in borders:
            axes.axvline(border + 0.5, color="0.7", linewidth=1, zorder=0)
        axes.set_title(group)
        axes.set_xlabel("epoch")
        axes.locator_params(axis="x", integer=True)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if len(names) > 1:
            axes.legend(frameon=False, fontsize=8)
    if path is not None:
        figure.savefig(path)
    return figure


def _joined(
    logs: Logs | Mapping[str, Logs],
) -> tuple[dict[str, list[float]], list[int]]:
    """Return a list for each metric, and the last epoch of each step."""
    steps: list[Any] = list(logs.values())
    if not steps or not isinstance(steps[0], Mapping):
        steps = [logs]
    columns: dict[str, list[float]] = {}
    borders: list[int] = []
    length = 0
    for step in steps:
        size = max(map(len, step.values()), default=0)
        for name, values in step.items():
            column = columns.setdefault(name, [])
            column += [math.nan] * (length - len(column))
            column += [_measured(name, value) for value in values]
        length += size
        borders.append(length)
    for column in columns.values():
        column += [math.nan] * (length - len(column))
    measured = {
        name: column
        for name, column in columns.items()
        if name not in _NO_CURVES and not all(map(math.isnan, column))
    }
    return measured, [border for border in borders[:-1] if 0 < border < length]


def _measured(name: str, value: float) -> float:
    """Replace COCO's -1, no boxes of that size, by NaN."""
    is_of_coco = name.removeprefix("val_").startswith(("mAP", "AR"))
    return math.nan if is_of_coco and value == -1 else value


def _groups(names: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        plain = name.removeprefix("val_")
        ends = [x for x in _GROUPS if plain.endswith(x) or plain.startswith(x)]
        groups.setdefault(ends[0] if ends else plain, []).append(name)
    order = [*_GROUPS, *groups]
    return dict(sorted(groups.items(), key=lambda item: order.index(item[0])))


def _draw(
    axes: Axes, names: Sequence[str], columns: Mapping[str, Sequence[float]]
) -> None:
    colors: dict[str, str] = {}
    for name in names:
        plain = name.removeprefix("val_")
        color = colors.setdefault(plain, f"C{len(colors) % 10}")
        points = [
            (epoch, value)
            for epoch, value in enumerate(columns[name], 1)
            if not math.isnan(value)
        ]
        is_validation = name != plain
        has_gaps = len(points) < len(columns[name]) or len(points) == 1
        axes.plot(
            *zip(*points, strict=True),
            color=color,
            linestyle="-"
            if is_validation or f"val_{name}" not in names
            else "--",
            marker="o" if has_gaps else None,
            markersize=3.5,
            label=name,
        )
