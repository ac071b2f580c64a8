"""Figures of matplotlib, which is an extra."""

import importlib


def new_figure(size=(8, 5), dpi=120):
    """A figure that no window shows, so that it may be made in any thread.

    Args:
        size: Width and height, in inches. Defaults to `(8, 5)`.
        dpi: Integer, pixels to an inch. Defaults to 120.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
    >>> from keras_efficient.plotting import new_figure
    >>> figure = new_figure((4, 3))
    """
    figure = _import("matplotlib.figure").Figure
    return figure(figsize=size, dpi=dpi, layout="constrained")


def pyplot():
    """`matplotlib.pyplot`, or an error that says how to install it.

    Returns:
        The module.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
    >>> from keras_efficient.plotting import pyplot
    >>> plt = pyplot()
    """
    return _import("matplotlib.pyplot")


def _import(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            "Drawing needs matplotlib. Install it by "
            '`pip install "keras-efficient[plot]"`.'
        ) from error
