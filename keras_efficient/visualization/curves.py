"""Curves of a training."""

import math

from keras_efficient.plotting import new_figure

# What is written into the logs and is no measure of learning.
_NO_CURVES = ("epoch", "images_per_second")
# Curves of one kind share axes: their names' ends, in order.
_GROUPS = ("loss", "accuracy", "mAP", "AR", "learning_rate")


def plot_history(logs, path=None, title=None):
    """Draws the numbers of each epoch: losses, accuracies, precisions.

    Measures of one kind share axes, training and validation in one color,
    dashed and whole. What was not measured in every epoch has dots.

    Args:
        logs: Dict of lists of floats, one number an epoch, as
            `training.finetune_detector` and `keras.callbacks.History` have;
            NaN is not measured, nor is COCO's -1. Or a dict of such dicts,
            one for each step of a training, which follow each other.
        path: Where to save the picture. Defaults to `None`: nowhere.
        title: String, stands above the picture. Defaults to `None`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If nothing was logged.

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
        raise ValueError(f"Nothing was logged. Received: {sorted(logs)}")
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


def _joined(logs):
    """One list for each measure, and after which epochs a step ended."""
    steps = list(logs.values())
    if not steps or not isinstance(steps[0], dict):
        steps = [logs]
    columns, borders, length = {}, [], 0
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


def _measured(name, value):
    """NaN in place of COCO's -1: no box is of that size."""
    is_of_coco = name.removeprefix("val_").startswith(("mAP", "AR"))
    return math.nan if is_of_coco and value == -1 else value


def _groups(names):
    groups = {}
    for name in names:
        plain = name.removeprefix("val_")
        ends = [x for x in _GROUPS if plain.endswith(x) or plain.startswith(x)]
        groups.setdefault(ends[0] if ends else plain, []).append(name)
    order = [*_GROUPS, *groups]
    return dict(sorted(groups.items(), key=lambda item: order.index(item[0])))


def _draw(axes, names, columns):
    colors = {}
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
