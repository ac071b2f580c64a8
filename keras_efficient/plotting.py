"""Figures of matplotlib, which is an optional dependency."""

import importlib
from types import ModuleType
from typing import Any


def new_figure(size: tuple[float, float] = (8, 5), dpi: int = 120) -> Any:
    """Return a figure without a window, which any thread may draw.

    Args:
        size: Pair of floats, width and height in inches. Defaults to `(8, 5)`.
        dpi: Integer, pixels per inch. Defaults to 120.

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


def new_axes(size: tuple[float, float] = (8, 5), dpi: int = 120) -> Any:
    """Return the axes of a new figure without a window.

    Args:
        size: Pair of floats, width and height in inches. Defaults to `(8, 5)`.
        dpi: Integer, pixels per inch. Defaults to 120.

    Returns:
        A `matplotlib.axes.Axes`.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
    >>> from keras_efficient.plotting import new_axes
    >>> ax = new_axes((4, 3))
    """
    return new_figure(size, dpi).subplots()


def patches() -> ModuleType:
    """Return the module `matplotlib.patches`.

    Returns:
        The module.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
    >>> from keras_efficient.plotting import patches
    >>> circle = patches().Circle((0, 0), 1)
    """
    return _import("matplotlib.patches")


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            "Drawing needs matplotlib. Install it with "
            '`pip install "keras-efficient[plot]"`.'
        ) from error
