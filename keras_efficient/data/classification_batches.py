"""Batches of labelled images for `fit`, on every backend."""

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.batches import ImageBatches
from keras_efficient.data.images import load_image
from keras_efficient.data.records import ClassificationRecord


class ClassificationBatches(ImageBatches):
    """Batches of images and labels, reproducible for each epoch.

    Made by `ClassificationDataset.batches`. Each item is `(images, labels)`:
    float32 of shape `(batch, height, width, 3)` in `[0, 255]`, and one-hot
    labels, float32 of shape `(batch, num_classes)`, or int32 of shape
    `(batch,)`.

    Each pass of `fit` ends with a new epoch, in which images have a new order
    and new random changes. The attribute `epoch` is the number of the next
    one. The callback `training.FollowEpochs` sets it to the epoch of `fit`, so
    that a training that resumes at epoch 5 sees the same images as without the
    interruption.

    During `fit`, batches are returned in their own order, whatever order Keras
    requests: its `shuffle=True` would add random numbers of its own and
    request other batches than those being prepared.

    Args:
        records: Sequence of `ClassificationRecord`.
        num_classes: Integer, length of a one-hot label.
        transform: Function `(image, rng) -> image`, from uint8 `(height,
            width, 3)` of any size to uint8 of `image_size`. Its method
            `max_reduction`, if it has one, is passed to `load_image`.
        image_size: `(height, width)` in pixels.
        batch_size: Integer, at least 1. Defaults to 32.
        shuffle: Boolean, whether each epoch has a new random order. Defaults
            to `False`.
        seed: Integer in `[0, 2**32 - 1]`, seed of the order and of the random
            changes. Defaults to 0.
        num_threads: Integer, number of batches that are prepared in parallel.
            Defaults to the number of processors, at most 8.
        shard: `(index, count)`, the part for this process. With `shuffle`, all
            parts have the same length, as distributed training requires;
            without, they contain every image once. Defaults to `(0, 1)`.
        drop_remainder: Boolean, whether to drop a smaller last batch. Defaults
            to `False`.
        one_hot: Boolean, whether labels are one-hot. Defaults to `True`.

    Returns:
        A `keras.utils.PyDataset`.

    Raises:
        ValueError: If there are too few images for one batch, or an argument
            is out of range; if the transform returns other images, when a
            batch is made.

    Example:
    >>> images = np.zeros((5, 40, 40, 3), "uint8")
    >>> dataset = keras_efficient.data.classification_from_arrays(
    ...     images, [0, 1, 1, 0, 2]
    ... )
    >>> batches = dataset.batches(32, batch_size=2, training=True)
    >>> len(batches), batches[0][0].shape, batches[0][1].shape
    (3, (2, 32, 32, 3), (2, 3))
    """

    def __init__(
        self,
        records: Sequence[ClassificationRecord],
        num_classes: int,
        transform: Callable[[np.ndarray, np.random.Generator], np.ndarray],
        image_size: tuple[int, int],
        batch_size: int = 32,
        *,
        shuffle: bool = False,
        seed: int = 0,
        num_threads: int | None = None,
        shard: tuple[int, int] = (0, 1),
        drop_remainder: bool = False,
        one_hot: bool = True,
    ):
        self.num_classes = num_classes
        self.transform = transform
        self.one_hot = one_hot
        super().__init__(
            records,
            image_size,
            batch_size,
            shuffle,
            seed,
            num_threads,
            shard,
            drop_remainder,
        )

    def _collate(
        self, samples: Sequence[tuple[np.ndarray, int]]
    ) -> tuple[np.ndarray, np.ndarray]:
        images = np.empty((len(samples), *self.image_size, 3), "float32")
        labels = np.empty(len(samples), "int32")
        for i, (image, label) in enumerate(samples):
            images[i], labels[i] = image, label
        if not self.one_hot:
            return images, labels
        one_hot = np.zeros((len(labels), self.num_classes), "float32")
        one_hot[np.arange(len(labels)), labels] = 1.0
        return images, one_hot

    def _make_sample(
        self, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, int]:
        record = self.records[index]
        max_reduction = getattr(self.transform, "max_reduction", None)
        image = self.transform(load_image(record.image, max_reduction), rng)
        expected = (*self.image_size, 3)
        if image.shape != expected or image.dtype != np.uint8:
            is_array = isinstance(record.image, np.ndarray)
            raise ValueError(
                f"The transform must return uint8 images of shape {expected}. "
                f"Received: dtype={image.dtype}, shape={image.shape} for "
                f"{'an array' if is_array else record.image}"
            )
        return image, record.label
