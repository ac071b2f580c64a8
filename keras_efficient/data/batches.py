"""Images as batches that Keras takes, on every backend."""

import concurrent.futures
import os
import threading

import grain
import keras
import numpy as np

from keras_efficient.data.images import load_image

# More threads wait for Python's lock rather than decode.
MAX_THREADS = 8


class ImageBatches(keras.utils.PyDataset):
    """Batches made by threads ahead of their use, in an order of their own.

    Subclasses say what a sample is, `_make_sample(index, rng)`, and how
    samples become a batch, `_collate(samples)`.

    Args:
        records: Sequence of records.
        image_size: `(height, width)`.
        batch_size: Integer, at least 1.
        shuffle: Boolean; see `ClassificationBatches`.
        seed: Integer; see there.
        num_threads: Integer; see there.
        shard: `(index, count)`; see there.
        drop_remainder: Boolean; see there.
    """

    def __init__(
        self,
        records,
        image_size,
        batch_size,
        shuffle,
        seed,
        num_threads,
        shard,
        drop_remainder,
    ):
        if num_threads is None:
            num_threads = min(_num_processors(), MAX_THREADS)
        _check_numbers(batch_size, num_threads, seed, shard)
        # Keras' own threads mix batches of one epoch into the next.
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
                "There are too few images to make a batch of. Received: "
                f"{len(records)} images, batch_size={batch_size}, "
                f"drop_remainder={drop_remainder}, shard={shard}"
            )
        self.epoch = 0
        self._pool = None
        self._coming = {}
        self._lock = threading.Lock()

    def _build_samples(self, shuffle, seed, shard):
        """Which record comes when, and what becomes of it."""
        count = len(self.records)
        if not count:
            return (), ()
        order = grain.MapDataset.range(count).seed(seed)
        if shuffle:
            order = order.shuffle()
        # By place in the epoch, so that every shard has numbers of its own.
        samples = order.random_map(self._make_sample)
        index, parts = shard
        if parts == 1:
            return order, samples
        rest = count % parts if shuffle else 0
        part = slice(index, count - rest, parts)
        return order[part], samples[part]

    @property
    def epoch(self):
        """Number of the epoch that comes next, or is under way."""
        return self._epoch

    @epoch.setter
    def epoch(self, value):
        self._epoch = value
        # Outside of a pass an index means the batch of this number.
        self._places = None

    def __len__(self):
        return self._num_batches

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(
                f"There are {len(self)} batches. Received: index={index}"
            )
        with self._lock:
            epoch = self.epoch
            if self._places is not None:
                # The first that is asked for is the first batch, and so on.
                index = self._places.setdefault(index, len(self._places))
            batch = self._coming.pop((epoch, index), None)
            if batch is None:
                batch = self._begin(epoch, index)
            last = min(index + self.num_threads, len(self) - 1)
            wanted = [(epoch, i) for i in range(index + 1, last + 1)]
            for key in set(self._coming) - set(wanted):
                self._coming.pop(key).cancel()
            for key in wanted:
                if key not in self._coming:
                    self._coming[key] = self._begin(*key)
        return batch.result()

    def on_epoch_begin(self):
        """Begins a pass. Keras calls it."""
        self._places = {}

    def on_epoch_end(self):
        """Goes on to the next epoch. Keras calls it; its threads then rest."""
        self.epoch += 1

    def _begin(self, epoch, index):
        """Starts to make a batch in a thread."""
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(
                self.num_threads, thread_name_prefix="batches"
            )
        return self._pool.submit(self._make_batch, epoch, index)

    def _make_batch(self, epoch, index):
        samples = self._samples
        return self._collate([samples[i] for i in self._range(epoch, index)])

    def _range(self, epoch, index):
        """Places of the images of a batch among those of all epochs."""
        first = epoch * len(self._samples)
        start = index * self.batch_size
        stop = min(start + self.batch_size, self.num_images)
        return range(first + start, first + stop)

    def sources(self, index):
        """What a batch of the present epoch is made of, for messages.

        Args:
            index: Integer, number of the batch within the epoch.

        Returns:
            A list with the path of each image, or its place in the data set
            where it is an array.
        """
        places = [self._order[i] for i in self._range(self.epoch, index)]
        images = [self.records[i].image for i in places]
        return [
            f"image {place}" if isinstance(image, np.ndarray) else str(image)
            for place, image in zip(places, images, strict=True)
        ]


class ClassificationBatches(ImageBatches):
    """Batches of images and labels, the same for the same epoch.

    Made by `ClassificationDataset.batches`. Each item is `(images, labels)`:
    float32 `(batch, height, width, 3)` in `[0, 255]`, and float32 `(batch,
    num_classes)`, 1 at the class, or int32 `(batch,)`.

    Every pass of `fit` ends with a new epoch, so that it sees the images in a
    new order and newly changed each time. The attribute `epoch` says which
    one is next; the callback `training.FollowEpochs` sets it to the number of
    `fit`'s epoch, so that a training that goes on at epoch 5 sees what it
    would have seen without the break.

    While `fit` runs, batches come in their own order, whatever order Keras
    asks for: its `shuffle=True` would add random numbers of its own, and ask
    for other batches than those that are being made ahead.

    Args:
        records: Sequence of `ClassificationRecord`.
        num_classes: Integer, length of a one-hot label.
        transform: Function `(image, rng) -> image`, from uint8 `(height,
            width, 3)` of any size to uint8 of `image_size`. If it has a
            method `max_reduction`, `load_image` gets it.
        image_size: `(height, width)`.
        batch_size: Integer, at least 1. Defaults to 32.
        shuffle: Boolean, whether each epoch has an order of its own.
            Defaults to `False`.
        seed: Integer in `[0, 2**32 - 1]`. Defaults to 0.
        num_threads: Integer, how many batches are made at once, and how many
            wait at most. Defaults to the number of processors, at most 8.
        shard: `(index, count)`, the part of this process. With `shuffle` all
            parts are of one length, as processes that train together need;
            without, they hold every image once. Defaults to `(0, 1)`.
        drop_remainder: Boolean, whether a smaller last batch is left out.
            Defaults to `False`.
        one_hot: Boolean. Defaults to `True`.

    Returns:
        A `keras.utils.PyDataset`.

    Raises:
        ValueError: If there are too few images for one batch, or an argument
            is out of range.

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
        records,
        num_classes,
        transform,
        image_size,
        batch_size=32,
        *,
        shuffle=False,
        seed=0,
        num_threads=None,
        shard=(0, 1),
        drop_remainder=False,
        one_hot=True,
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

    def _collate(self, samples):
        images = np.empty((len(samples), *self.image_size, 3), "float32")
        labels = np.empty(len(samples), "int32")
        for i, (image, label) in enumerate(samples):
            images[i], labels[i] = image, label
        if not self.one_hot:
            return images, labels
        one_hot = np.zeros((len(labels), self.num_classes), "float32")
        one_hot[np.arange(len(labels)), labels] = 1.0
        return images, one_hot

    def _make_sample(self, index, rng):
        record = self.records[index]
        max_reduction = getattr(self.transform, "max_reduction", None)
        image = self.transform(load_image(record.image, max_reduction), rng)
        expected = (*self.image_size, 3)
        if image.shape != expected or image.dtype != np.uint8:
            is_array = isinstance(record.image, np.ndarray)
            raise ValueError(
                f"The transform must give uint8 images of shape {expected}. "
                f"Received: dtype={image.dtype}, shape={image.shape} for "
                f"{'an array' if is_array else record.image}"
            )
        return image, record.label


def _num_processors():
    """Processors that this process may use; not all systems tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_numbers(batch_size, num_threads, seed, shard):
    if batch_size < 1 or num_threads < 1:
        raise ValueError(
            "`batch_size` and `num_threads` must be at least 1. Received: "
            f"batch_size={batch_size}, num_threads={num_threads}"
        )
    if not 0 <= seed < 2**32:
        raise ValueError(
            f"`seed` must lie in [0, 2**32 - 1]. Received: seed={seed}"
        )
    if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
        raise ValueError(
            "`shard` must be (index, count) with 0 <= index < count. "
            f"Received: shard={shard}"
        )
