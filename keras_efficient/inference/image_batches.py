"""Images read by threads while the network works."""

import collections
import concurrent.futures
import itertools

import numpy as np

from keras_efficient.data.images import load_image


def as_list(images):
    """The images as a list, also where it is one."""
    is_one = not isinstance(images, list | tuple)
    if isinstance(images, np.ndarray):
        is_one = images.ndim < 4
    return [images] if is_one else list(images)


def check_batch_size(batch_size):
    """Raises an error where a batch would be empty."""
    if batch_size < 1:
        raise ValueError(
            f"`batch_size` must be at least 1. Received: {batch_size}"
        )


def read_batches(images, batch_size, prepare, on_error=None):
    """Yields lists of what `prepare` makes of images, a batch ahead.

    Reading begins at once, before the first batch is asked for.

    Args:
        images: Iterable of paths, arrays, PIL images or files' bytes.
        batch_size: Integer.
        prepare: Function from the image as it was given and as an array.
        on_error: Function of an image that cannot be read and the error;
            that image is left out. Defaults to `None`: the error is raised.

    Returns:
        An iterator over lists of what `prepare` gives, none of them empty.

    Raises:
        ValueError: If an image cannot be read; the message says which.
    """
    pool = concurrent.futures.ThreadPoolExecutor()
    numbered = enumerate(images)

    def read():
        return [
            (image, pool.submit(_load, image, i, prepare))
            for i, image in itertools.islice(numbered, batch_size)
        ]

    coming = collections.deque([read()])

    def batches():
        with pool:
            while coming[0]:
                coming.append(read())
                batch = _results(coming.popleft(), on_error)
                if batch:
                    yield batch

    return batches()


def _results(pending, on_error):
    batch = []
    for image, future in pending:
        try:
            batch.append(future.result())
        except (OSError, ValueError) as error:
            if on_error is None:
                raise
            on_error(image, error)
    return batch


def _load(source, index, prepare):
    try:
        image = load_image(source)
    except (TypeError, AttributeError) as e:
        raise ValueError(
            f"Image {index} must be a path, bytes, a PIL image or a uint8 "
            f"array. Received: {type(source).__name__}"
        ) from e
    except ValueError as e:
        raise ValueError(f"Image {index}: {e}") from e
    return prepare(source, image)
