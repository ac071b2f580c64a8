"""Batches for `fit`, made in threads, on every backend."""

import concurrent.futures
import os
import threading
from collections.abc import Sequence
from typing import Any

import grain
import keras
import numpy as np

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


def check_unused(value: Any, name: str, instead: str, training: bool) -> None:
    """Raise an error for an argument that `training` makes unused."""
    if value is not None:
        raise ValueError(
            f"`{name}` is not used with training={training}; pass `{instead}`. "
            f"Received: {name}={value!r}"
        )


def check_size(transform: Any, image_size: tuple[int, int]) -> None:
    """Raise an error if a transform returns images of another size."""
    size = getattr(transform, "size", image_size)
    if tuple(size) != image_size:
        raise ValueError(
            f"Images must be resized to `image_size`, {image_size}. "
            f"Received: {transform!r}"
        )
