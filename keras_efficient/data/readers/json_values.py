"""Values of json files by type: what has another type is left out."""

import math
from typing import Any


def list_of(value: Any) -> list[Any]:
    """Return a list, empty if the value is something else."""
    return value if isinstance(value, list) else []


def objects_in(value: Any) -> list[dict[str, Any]]:
    """Return the json objects of a list.

    >>> from keras_efficient.data.readers.json_values import objects_in
    >>> objects_in([{"a": 1}, 3, None]), objects_in("text")
    ([{'a': 1}], [])
    """
    return [x for x in list_of(value) if isinstance(x, dict)]


def texts_in(value: Any) -> list[str]:
    """Return the texts and numbers of a list, or of one value, as texts.

    >>> from keras_efficient.data.readers.json_values import texts_in
    >>> texts_in("cup"), texts_in(["cup", 3, None, [4]]), texts_in(None)
    (['cup'], ['cup', '3'], [])
    """
    values = value if isinstance(value, list) else [value]
    return [str(x) for x in values if isinstance(x, str | int | float)]


def id_of(value: Any) -> int | str | None:
    """Return an id as an integer or text, `None` if it is neither.

    >>> from keras_efficient.data.readers.json_values import id_of
    >>> id_of(7.0), id_of("7"), id_of([7]), id_of("")
    (7, '7', None, None)
    """
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value == int(value) else None
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return value if value != "" else None
