"""Looking at many files at once."""

import concurrent.futures
from collections.abc import Callable
from collections.abc import Sequence

import keras

# From so many images on, about ten seconds, a bar shows how far the check is.
MIN_IMAGES_FOR_PROGRESS = 10_000
# Images that are checked between two steps of the bar.
CHUNK = 1000


def map_in_threads(
    function: Callable,
    items: Sequence,
    show_progress: bool,
    chunk: int = CHUNK,
) -> list:
    """What `function` gives for each of the items, in their order.

    Args:
        function: Function of one item.
        items: What to look at.
        show_progress: Boolean, whether to draw a bar.
        chunk: Integer, items between two steps of the bar. Defaults to 1000.

    Returns:
        A list.
    """
    progress = None
    if show_progress:
        progress = keras.utils.Progbar(len(items), unit_name="image")
    results = []
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for start in range(0, len(items), chunk):
            part = items[start : start + chunk]
            results += pool.map(function, part)
            if progress is not None:
                progress.add(len(part))
    return results
