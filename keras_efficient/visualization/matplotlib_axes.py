"""Axes of matplotlib, which is an extra."""


def pyplot():
    """`matplotlib.pyplot`, or an error that says how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Drawing needs matplotlib. Install it by "
            '`pip install "keras-efficient[plot]"`.'
        ) from error
    return plt
