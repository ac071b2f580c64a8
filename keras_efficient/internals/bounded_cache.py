"""A cache of compiled programs that does not grow without limit."""

import collections
from collections.abc import Callable
from collections.abc import Hashable
from typing import Generic
from typing import TypeVar

T = TypeVar("T")


class BoundedCache(Generic[T]):
    """Keeps the entries that were used last.

    Args:
        size: Integer, number of entries.

    Example:
    >>> from keras_efficient.internals.bounded_cache import BoundedCache
    >>> cache = BoundedCache(2)
    >>> [cache.get(key, lambda: len(cache)) for key in "abac"]
    [0, 1, 0, 2]
    >>> len(cache)
    2
    """

    def __init__(self, size: int):
        self._size = size
        self._entries: collections.OrderedDict[Hashable, T] = (
            collections.OrderedDict()
        )

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the entry of a key, made if there is none."""
        # Threads may make the same entry at the same time; one is kept.
        entry = self._entries.pop(key, None)
        if entry is None:
            entry = make()
        self._entries[key] = entry
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return entry

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()
