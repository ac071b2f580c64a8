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


def new_axes(size=(8, 5), dpi=120):
    """Axes of a figure of their own, which no window shows.

    Args:
        size: Width and height, in inches. Defaults to `(8, 5)`.
        dpi: Integer, pixels to an inch. Defaults to 120.

    Returns:
        A `matplotlib.axes.Axes`.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
    >>> from keras_efficient.plotting import new_axes
    >>> ax = new_axes((4, 3))
    """
    return new_figure(size, dpi).subplots()


def patches():
    """`matplotlib.patches`, or an error that says how to install it.

    Returns:
        The module.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
    >>> from keras_efficient.plotting import patches
    >>> circle = patches().Circle((0, 0), 1)
    """
    return _import("matplotlib.patches")


def _import(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            "Drawing needs matplotlib. Install it by "
            '`pip install "keras-efficient[plot]"`.'
        ) from error
