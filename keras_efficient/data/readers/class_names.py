"""Which classes count, in which order: shared by all readers."""

from collections.abc import Sequence

from keras_efficient.data.records import listed


def standardize_class_names(class_names: Sequence[str]) -> tuple[str, ...]:
    """Class names as a tuple of strings that differ."""
    if isinstance(class_names, str):
        raise ValueError(
            "`class_names` must be a sequence of strings. "
            f"Received: class_names={class_names!r}"
        )
    names = tuple(str(name) for name in class_names)
    if not names or len(set(names)) != len(names):
        raise ValueError(
            "`class_names` must hold at least one name, and each once. "
            f"Received: class_names={names}"
        )
    return names


def select_classes(
    source: object,
    found: Sequence[str],
    class_names: Sequence[str] | None,
    strict: bool,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes that count, and those that are left out.

    Args:
        source: Where the classes were found, for messages.
        found: The classes that are there.
        class_names: The classes that are wanted, in the order of their
            labels; `None` for all that are there.
        strict: Whether a class that is there but not wanted, or wanted but
            not there, is an error.

    Returns:
        A pair of tuples `(names, left_out)`.

    Raises:
        ValueError: If none of the wanted classes is there; if `strict`, also
            if the two differ.
    """
    if class_names is None:
        return tuple(found), ()
    names = standardize_class_names(class_names)
    left_out = tuple(name for name in found if name not in set(names))
    missing = [name for name in names if name not in set(found)]
    received = f"Received: class_names={names}; there are {listed(found)}"
    if len(missing) == len(names):
        raise ValueError(
            f"{source} has none of the classes in `class_names`. {received}"
        )
    if strict and left_out:
        raise ValueError(
            f"{source} has classes that are not in `class_names`: "
            f"{listed(left_out)}. Add them, or read with strict=False to leave "
            f"them out. {received}"
        )
    if strict and missing:
        raise ValueError(
            f"{source} has nothing for these of `class_names`: "
            f"{listed(missing)}. Check the spelling, or read with strict=False "
            f"to keep them as classes without images. {received}"
        )
    return names, left_out
