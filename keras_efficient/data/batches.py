"""Batches of images for `fit`, made in threads, on every backend."""

import concurrent.futures
import os
import threading
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import grain
import keras
import numpy as np

from keras_efficient.data.images import load_image
from keras_efficient.data.records import ClassificationRecord

# With more threads, Python's global lock is the bottleneck.
MAX_THREADS = 8


class ImageBatches(keras.utils.PyDataset):
    """Base class of batches that threads prepare ahead of their use.

    Subclasses implement `_make_sample(index, rng)`, which returns one sample,
    and `_collate(samples)`, which returns a batch.

    Args:
        records: Sequence of records.
        image_size: `(height, width)` in pixels.
        batch_size: Integer, at least 1.
        shuffle: Boolean; see `ClassificationBatches`.
        seed: Integer; see `ClassificationBatches`.
        num_threads: Integer; see `ClassificationBatches`.
        shard: `(index, count)`; see `ClassificationBatches`.
        drop_remainder: Boolean; see `ClassificationBatches`.
    """

    def __init__(
        self,
        records: Sequence[Any],
        image_size: tuple[int, int],
        batch_size: int,
        shuffle: bool,
        seed: int,
        num_threads: int | None,
        shard: tuple[int, int],
        drop_remainder: bool,
    ):
        if num_threads is None:
            num_threads = min(_num_processors(), MAX_THREADS)
        _check_numbers(batch_size, num_threads, seed, shard)
        # Threads of Keras would mix batches of one epoch into the next.
        super().__init__(workers=1)
        self.records = records
        self.image_size = tuple(image_size)
        self.batch_size = batch_size
        self.num_threads = num_threads
        self._order, self._samples = self._build_samples(shuffle, seed, shard)
        self._num_batches = len(self._samples) // batch_size
        self.num_images = self._num_batches * batch_size
        if not drop_remainder and self.num_images < len(self._samples):
            self._num_batches += 1
            self.num_images = len(self._samples)
        if not self._num_batches:
            raise ValueError(
                "Too few images for one batch. Received: "
                f"{len(records)} images, batch_size={batch_size}, "
                f"drop_remainder={drop_remainder}, shard={shard}"
            )
        self.epoch = 0
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None
        # Batches that threads are making, by epoch and number.
        self._pending: dict[tuple[int, int], concurrent.futures.Future] = {}
        self._lock = threading.Lock()

    def _make_sample(self, index: int, rng: np.random.Generator) -> Any:
        raise NotImplementedError

    def _collate(self, samples: Sequence[Any]) -> Any:
        raise NotImplementedError

    def _build_samples(
        self, shuffle: bool, seed: int, shard: tuple[int, int]
    ) -> tuple[Any, Any]:
        """Indices of the records in the order of their use, and samples."""
        count = len(self.records)
        if not count:
            return (), ()
        order = grain.MapDataset.range(count).seed(seed)
        if shuffle:
            order = order.shuffle()
        # By position in the epoch, so that shards have different numbers.
        samples = order.random_map(self._make_sample)
        index, parts = shard
        if parts == 1:
            return order, samples
        rest = count % parts if shuffle else 0
        part = slice(index, count - rest, parts)
        return order[part], samples[part]

    @property
    def epoch(self) -> int:
        """Number of the current epoch, or of the next one."""
        return self._epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._epoch = value
        # Outside a pass, an index is the number of a batch.
        self._places: dict[int, int] | None = None

    def __len__(self) -> int:
        return self._num_batches

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(
                f"`index` must be in [0, {len(self) - 1}]. "
                f"Received: index={index}"
            )
        with self._lock:
            epoch = self.epoch
            if self._places is not None:
                # The first request returns the first batch, and so on.
                index = self._places.setdefault(index, len(self._places))
            batch = self._pending.pop((epoch, index), None)
            if batch is None:
                batch = self._begin(epoch, index)
            last = min(index + self.num_threads, len(self) - 1)
            wanted = [(epoch, i) for i in range(index + 1, last + 1)]
            for key in set(self._pending) - set(wanted):
                self._pending.pop(key).cancel()
            for key in wanted:
                if key not in self._pending:
                    self._pending[key] = self._begin(*key)
        return batch.result()

    def on_epoch_begin(self) -> None:
        """Begin a pass; called by Keras."""
        self._places = {}

    def on_epoch_end(self) -> None:
        """Continue with the next epoch; called by Keras."""
        self.epoch += 1

    def _begin(self, epoch: int, index: int) -> concurrent.futures.Future:
        """Start making a batch in a thread."""
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(
                self.num_threads, thread_name_prefix="batches"
            )
        return self._pool.submit(self._make_batch, epoch, index)

    def _make_batch(self, epoch: int, index: int) -> Any:
        samples = self._samples
        return self._collate([samples[i] for i in self._range(epoch, index)])

    def _range(self, epoch: int, index: int) -> range:
        """Positions of the images of a batch among those of all epochs."""
        first = epoch * len(self._samples)
        start = index * self.batch_size
        stop = min(start + self.batch_size, self.num_images)
        return range(first + start, first + stop)

    def sources(self, index: int) -> list[str]:
        """Return the images of a batch of the current epoch, for messages.

        Args:
            index: Integer, number of the batch within the epoch.

        Returns:
            A list with the path of each image, or its index in the dataset if
            it is an array.
        """
        places = [self._order[i] for i in self._range(self.epoch, index)]
        images = [self.records[i].image for i in places]
        return [
            f"image {place}" if isinstance(image, np.ndarray) else str(image)
            for place, image in zip(places, images, strict=True)
        ]


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


def _num_processors() -> int:
    """Processors that this process may use, if the system reports them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_numbers(
    batch_size: int, num_threads: int, seed: int, shard: tuple[int, int]
) -> None:
    if batch_size < 1 or num_threads < 1:
        raise ValueError(
            "`batch_size` and `num_threads` must be at least 1. Received: "
            f"batch_size={batch_size}, num_threads={num_threads}"
        )
    if not 0 <= seed < 2**32:
        raise ValueError(
            f"`seed` must be in [0, 2**32 - 1]. Received: seed={seed}"
        )
    if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
        raise ValueError(
            "`shard` must be (index, count) with 0 <= index < count. "
            f"Received: shard={shard}"
        )
