"""Labelled images, and their batches for `fit`."""

import concurrent.futures
import dataclasses
import threading
from collections.abc import Sequence

import grain
import keras
import numpy as np

from keras_efficient.data.images import load_image
from keras_efficient.data.preprocessing import ImagePreprocessing
from keras_efficient.data.records import ImageRecord
from keras_efficient.data.records import ReadReport
from keras_efficient.data.transforms.augmentation import Augmentation


@dataclasses.dataclass(frozen=True)
class ClassificationDataset:
    """Labelled images with the names of their classes.

    Attributes:
        records: The images with their labels.
        class_names: The classes, in the order of their labels.
        report: What the reader found and left out.
    """

    records: Sequence[ImageRecord]
    class_names: tuple[str, ...]
    report: ReadReport

    def __len__(self):
        return len(self.records)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def labels(self) -> np.ndarray:
        """The labels of all images, `(number,)`, int64."""
        return np.array([record.label for record in self.records])

    def split(self, fraction: float, seed: int = 0):
        """Divides the images into two sets, each class on its own.

        `fraction` of each class, rounded, goes into the second set, but
        every class of two or more images stays in both.
        """
        if not 0 < fraction < 1:
            raise ValueError(
                "`fraction` must lie between 0 and 1. "
                f"Received: fraction={fraction}"
            )
        rng = np.random.default_rng(seed)
        second = set()
        for label in range(self.num_classes):
            places = np.flatnonzero(self.labels == label)
            if len(places) < 2:
                continue
            count = min(max(round(fraction * len(places)), 1), len(places) - 1)
            second.update(rng.permutation(places)[:count].tolist())
        return tuple(
            self._subset([i for i in range(len(self)) if (i in second) == side])
            for side in (False, True)
        )

    def batches(
        self,
        image_size,
        batch_size=32,
        *,
        training=False,
        augmentation=None,
        preprocessing=None,
        seed=0,
        num_threads=2,
        shard=(0, 1),
    ):
        """Batches for `fit`, `evaluate` or `predict`.

        With `training` the images are shuffled anew and changed at random in
        every epoch, in an order that `seed` fixes whatever the number of
        threads; without, they come in order and as `preprocessing` makes
        them.

        Args:
            image_size: `(height, width)`, or one number for both.
            batch_size: Integer. The last batch is smaller where the images
                do not divide. Defaults to 32.
            training: Boolean. Defaults to `False`.
            augmentation: An `Augmentation`, or any function of `(image,
                rng)` that gives images of `image_size`. Defaults to
                `Augmentation(image_size)`.
            preprocessing: An `ImagePreprocessing`, used without `training`.
                Defaults to `ImagePreprocessing(image_size)`.
            seed: Integer, of the order and of the random changes.
            num_threads: Integer, how many batches are made at once.
            shard: `(index, count)`: this process takes every `count`-th
                image from `index` on.

        Returns:
            A `ClassificationBatches`, which is a `keras.utils.PyDataset`.
        """
        if isinstance(image_size, int):
            image_size = (image_size, image_size)
        image_size = tuple(image_size)
        if training:
            transform = augmentation or Augmentation(image_size)
        else:
            resize = preprocessing or ImagePreprocessing(image_size)
            transform = lambda image, rng: resize(image)
        return ClassificationBatches(
            self.records[shard[0] :: shard[1]],
            self.num_classes,
            transform,
            batch_size,
            shuffle=training,
            seed=seed,
            num_threads=num_threads,
        )

    def _subset(self, places):
        records = tuple(self.records[i] for i in places)
        counts = dict.fromkeys(self.class_names, 0)
        for record in records:
            counts[self.class_names[record.label]] += 1
        report = dataclasses.replace(self.report, class_counts=counts)
        return ClassificationDataset(records, self.class_names, report)


class ClassificationBatches(keras.utils.PyDataset):
    """Batches of images and one-hot labels, the same for the same epoch.

    Made by `ClassificationDataset.batches`. Each item is `(images, labels)`:
    float32 `(batch, height, width, 3)` in `[0, 255]`, and float32 `(batch,
    num_classes)`, 1 at the class.

    Every pass ends with a new epoch, so that `fit` sees the images in a new
    order and newly changed each time. The attribute `epoch` says which one is
    next; the callback `training.FollowEpochs` sets it to the number of
    `fit`'s epoch, so that a training that goes on at epoch 5 sees what it
    would have seen without the break. Give `fit` `shuffle=False`, or Keras
    shuffles the batches by its own random numbers as well.

    Args:
        records: Sequence of `ImageRecord`.
        num_classes: Integer, length of a one-hot label.
        transform: Function `(image, rng) -> image`, uint8 of one size.
        batch_size: Integer, at least 1.
        shuffle: Boolean, whether each epoch has an order of its own.
            Defaults to `False`.
        seed: Integer. Defaults to 0.
        num_threads: Integer, at least 1. Defaults to 2.

    Returns:
        A `keras.utils.PyDataset`.

    Raises:
        ValueError: If there are no records, or a number is below 1.

    Example:
    >>> images = np.zeros((5, 40, 40, 3), "uint8")
    >>> dataset = keras_efficient.data.from_arrays(images, [0, 1, 1, 0, 2])
    >>> batches = dataset.batches(32, batch_size=2, training=True)
    >>> len(batches), batches[0][0].shape, batches[0][1].shape
    (3, (2, 32, 32, 3), (2, 3))
    """

    def __init__(
        self,
        records,
        num_classes,
        transform,
        batch_size,
        shuffle=False,
        seed=0,
        num_threads=2,
    ):
        if not records:
            raise ValueError("There are no images to make batches of.")
        if batch_size < 1 or num_threads < 1:
            raise ValueError(
                "`batch_size` and `num_threads` must be at least 1. Received: "
                f"batch_size={batch_size}, num_threads={num_threads}"
            )
        # Keras' own threads mix batches of one epoch into the next.
        super().__init__(workers=1)
        self.batch_size = batch_size
        self.num_classes = num_classes
        self.epoch = 0
        self.num_threads = num_threads
        self._pool = None
        self._coming = {}
        self._lock = threading.Lock()
        self.num_images = len(records)
        samples = grain.MapDataset.source(records).seed(seed)
        if shuffle:
            samples = samples.shuffle()
        self._samples = samples.random_map(
            lambda record, rng: _sample(record, transform, rng)
        )

    def __len__(self):
        return -(-self.num_images // self.batch_size)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches, not {index + 1}")
        epoch = self.epoch
        with self._lock:
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

    def _begin(self, epoch, index):
        """Starts to make a batch in a thread."""
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(
                self.num_threads, thread_name_prefix="batches"
            )
        return self._pool.submit(self._make, epoch, index)

    def _make(self, epoch, index):
        start = index * self.batch_size
        stop = min(start + self.batch_size, self.num_images)
        first = epoch * self.num_images
        samples = [self._samples[first + i] for i in range(start, stop)]
        labels = np.zeros((len(samples), self.num_classes), "float32")
        labels[np.arange(len(samples)), [label for _, label in samples]] = 1.0
        images = np.stack([image for image, _ in samples])
        return images.astype("float32"), labels

    def on_epoch_end(self):
        """Goes on to the next epoch. Keras calls it; its threads then rest."""
        self.epoch += 1


def _sample(record, transform, rng):
    return transform(load_image(record.image), rng), record.label
