"""Selection and order of the classes, for all readers."""

import collections
from collections.abc import Sequence
from typing import Any

from keras_efficient.data.records import listed


def standardize_class_names(class_names: Sequence[Any]) -> tuple[str, ...]:
    """Return class names as a tuple of different strings."""
    if isinstance(class_names, str):
        raise ValueError(
            "`class_names` must be a sequence of strings. "
            f"Received: class_names={class_names!r}"
        )
    names = tuple(str(name) for name in class_names)
    if not names or len(set(names)) != len(names):
        raise ValueError(
            "`class_names` must contain at least one name, and no name twice. "
            f"Received: class_names={names}"
        )
    return names


def distinct_names(
    names: Sequence[str], numbers: Sequence[Any]
) -> tuple[str, ...]:
    """Append the number of the class to names that several classes have.

    >>> from keras_efficient.data.readers.class_names import distinct_names
    >>> distinct_names(["crane", "bus", "crane"], [1, 2, 5])
    ('crane (1)', 'bus', 'crane (5)')
    """
    counts = collections.Counter(names)
    return tuple(
        f"{name} ({number})" if counts[name] > 1 else name
        for name, number in zip(names, numbers, strict=True)
    )


def select_classes(
    source: object,
    found: Sequence[str],
    class_names: Sequence[str] | None,
    strict: bool,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the classes to use and those to leave out.

    Args:
        source: Path of the dataset, for messages.
        found: The classes of the dataset.
        class_names: The requested classes in the order of their labels, or
            `None` for all of `found`.
        strict: Whether a difference between `found` and `class_names` is an
            error.

    Returns:
        A pair of tuples `(names, left_out)`.

    Raises:
        ValueError: If no requested class is found; if `strict`, also if
            classes are missing or left out.
    """
    if class_names is None:
        return tuple(found), ()
    names = standardize_class_names(class_names)
    left_out = tuple(name for name in found if name not in set(names))
    missing = [name for name in names if name not in set(found)]
    received = f"Received: class_names={names}; found {listed(found)}"
    if len(missing) == len(names):
        raise ValueError(
            f"{source} has none of the classes in `class_names`. {received}"
        )
    if strict and left_out:
        raise ValueError(
            f"{source} has classes that are not in `class_names`: "
            f"{listed(left_out)}. Add them, or pass strict=False to leave "
            f"them out. {received}"
        )
    if strict and missing:
        raise ValueError(
            f"{source} lacks classes in `class_names`: {listed(missing)}. "
            "Check the spelling, or pass strict=False to keep them as classes "
            f"without images. {received}"
        )
    return names, left_out
