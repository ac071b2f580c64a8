"""Images read by threads while the network works."""

import collections
import concurrent.futures

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


def read_batches(images, batch_size, prepare):
    """Yields lists of what `prepare` makes of images, a batch ahead.

    Reading begins at once, before the first batch is asked for.

    Args:
        images: List of paths, arrays, PIL images or files' bytes.
        batch_size: Integer.
        prepare: Function from the image as it was given and as an array.

    Returns:
        An iterator over lists of what `prepare` gives.

    Raises:
        ValueError: If an image cannot be read; the message says which.
    """
    pool = concurrent.futures.ThreadPoolExecutor()
    starts = list(range(0, len(images), batch_size))

    def read(start):
        places = range(start, min(start + batch_size, len(images)))
        return [pool.submit(_load, images[i], i, prepare) for i in places]

    coming = collections.deque(read(start) for start in starts[:1])

    def batches():
        with pool:
            for i in range(len(starts)):
                coming.extend(read(start) for start in starts[i + 1 : i + 2])
                yield [image.result() for image in coming.popleft()]

    return batches()


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
