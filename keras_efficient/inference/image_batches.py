"""Batches of images, read by threads while the network computes."""

import collections
import concurrent.futures
import dataclasses
import functools
import itertools
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_efficient.data.images import load_image
from keras_efficient.inference.predictor import predictor_of
from keras_efficient.types import ErrorHandler
from keras_efficient.types import ImageLike


@dataclasses.dataclass(frozen=True)
class PreparedImage:
    """An image, ready for the network.

    Attributes:
        source: The image as the caller passed it.
        size: `(height, width)` of the image, in pixels.
        pixels: Float32 array `(height, width, channels)` of the network's
            size.
        scale: Float, the factor by which the image was scaled. Boxes in the
            image times `scale` are boxes in `pixels`.
    """

    source: ImageLike
    size: tuple[int, int]
    pixels: np.ndarray
    scale: float = 1.0


# Returns pixels and scale of a uint8 array `(height, width, channels)`.
Prepare = Callable[[np.ndarray], tuple[np.ndarray, float]]
# Reads an image into such an array.
Load = Callable[[ImageLike], np.ndarray]


def as_list(images: Any) -> list[ImageLike]:
    """Return images as a list; a single image becomes a list of one.

    Args:
        images: A path, bytes, a PIL image or an array `(height, width,
            channels)`; a list or tuple of these; or an array `(batch, height,
            width, channels)`.

    Returns:
        A list of images.
    """
    is_one = not isinstance(images, list | tuple)
    if isinstance(images, np.ndarray):
        is_one = images.ndim < 4
    return [images] if is_one else list(images)


def check_batch_size(batch_size: int) -> None:
    """Raise an error if the batch size is not positive."""
    if batch_size < 1:
        raise ValueError(
            f"`batch_size` must be at least 1. Received: {batch_size}"
        )


def class_names_of(
    model: Any,
    class_names: Iterable[str] | None,
    num_classes: int | Sequence[int],
) -> tuple[str, ...] | None:
    """Return the class names to show with the results of a model.

    Args:
        model: A Keras model, with or without the attribute `class_names`.
        class_names: Sequence of strings to use instead, or `None`.
        num_classes: Integer, number of classes of the model, or the accepted
            numbers of names.

    Returns:
        A tuple of `num_classes` strings; or `None` if the names are unknown.

    Raises:
        ValueError: If the number of names is not `num_classes`.
    """
    if class_names is None:
        class_names = getattr(model, "class_names", None)
    if class_names is None:
        return None
    names = tuple(class_names)
    counts = (num_classes,) if isinstance(num_classes, int) else num_classes
    if len(names) not in counts:
        accepted = " or ".join(map(str, counts))
        raise ValueError(
            f"`class_names` must have {accepted} names, one for each class "
            f"of the model. Received: {len(names)} names"
        )
    return names


def predict_batches(
    model: keras.Model,
    images: Iterable[ImageLike],
    prepare: Prepare,
    *,
    batch_size: int,
    channels_first: bool,
    channels: int = 3,
    dtype: str | None = None,
    on_error: ErrorHandler | None = None,
) -> Iterator[tuple[list[PreparedImage], Any]]:
    """Return an iterator over batches of images and the outputs for them.

    The next batch is read while the network computes. An incomplete batch is
    filled up by repeating its last image, because each batch size is compiled
    separately. Reading starts at once, before the first batch is requested.

    Args:
        model: A `keras.Model` with one input.
        images: Iterable of images, as accepted by `data.load_image`.
        prepare: Function from a uint8 array `(height, width, channels)` to the
            pair `(pixels, scale)`; see `PreparedImage`. Runs in threads.
        batch_size: Integer, images for each call of the network.
        channels_first: Boolean, whether the network expects channels first.
        channels: Integer, number of channels of the images. Defaults to 3.
        dtype: String or `None`; see `Predictor`.
        on_error: Function called with an image that cannot be read and the
            exception. The image is then skipped. Defaults to `None`: the
            exception is raised.

    Returns:
        An iterator over pairs `(batch, outputs)`: a non-empty list of
        `PreparedImage`, and the outputs of the model for `batch_size` images,
        of which those after the first `len(batch)` are to be ignored.

    Raises:
        ValueError: If an image cannot be read. The message names its index.
    """
    load = functools.partial(load_image, channels=channels)
    batches = _read_batches(images, batch_size, load, prepare, on_error)

    def results() -> Iterator[tuple[list[PreparedImage], Any]]:
        network = None
        for batch in batches:
            network = network or predictor_of(model, dtype)
            filled = batch + batch[-1:] * (batch_size - len(batch))
            pixels = np.stack([image.pixels for image in filled])
            if channels_first:
                pixels = pixels.transpose(0, 3, 1, 2)
            yield batch, network(pixels)

    return results()


def _read_batches(
    images: Iterable[ImageLike],
    batch_size: int,
    load: Load,
    prepare: Prepare,
    on_error: ErrorHandler | None,
) -> Iterator[list[PreparedImage]]:
    """Return an iterator over non-empty batches, read one batch ahead."""
    pool = concurrent.futures.ThreadPoolExecutor()
    numbered = enumerate(images)

    def read() -> list[tuple[ImageLike, concurrent.futures.Future]]:
        return [
            (image, pool.submit(_load, image, i, load, prepare))
            for i, image in itertools.islice(numbered, batch_size)
        ]

    pending = collections.deque([read()])

    def batches() -> Iterator[list[PreparedImage]]:
        with pool:
            while pending[0]:
                pending.append(read())
                batch = _results(pending.popleft(), on_error)
                if batch:
                    yield batch

    return batches()


def _results(
    pending: list[tuple[ImageLike, concurrent.futures.Future]],
    on_error: ErrorHandler | None,
) -> list[PreparedImage]:
    batch = []
    for image, future in pending:
        try:
            batch.append(future.result())
        except (OSError, ValueError) as error:
            if on_error is None:
                raise
            on_error(image, error)
    return batch


def _load(
    source: ImageLike, index: int, load: Load, prepare: Prepare
) -> PreparedImage:
    try:
        image = load(source)
    except (TypeError, AttributeError) as e:
        raise ValueError(
            f"Image {index} must be a path, bytes, a PIL image or a uint8 "
            f"array. Received: {type(source).__name__}"
        ) from e
    except ValueError as e:
        raise ValueError(f"Image {index}: {e}") from e
    pixels, scale = prepare(image)
    height, width = image.shape[:2]
    return PreparedImage(source, (height, width), pixels, scale)
