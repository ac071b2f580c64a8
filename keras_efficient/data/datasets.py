"""Labelled images, with the names of their classes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.batches import ClassificationBatches
from keras_efficient.data.preprocessing import ClassificationPreprocessing
from keras_efficient.data.records import ClassificationRecord
from keras_efficient.data.records import ClassificationReport
from keras_efficient.data.transforms.augmentation import (
    ClassificationAugmentation,
)


@dataclasses.dataclass(frozen=True)
class ClassificationDataset:
    """Labelled images with the names of their classes.

    Attributes:
        records: The images with their labels.
        class_names: The classes, in the order of their labels.
        report: What the reader found and left out.
    """

    records: Sequence[ClassificationRecord]
    class_names: tuple[str, ...]
    report: ClassificationReport

    def __len__(self):
        return len(self.records)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def labels(self) -> np.ndarray:
        """The labels of all images, `(number,)`, int64."""
        return np.array([record.label for record in self.records], "int64")

    def split(
        self, fraction: float, seed: int = 0
    ) -> tuple["ClassificationDataset", "ClassificationDataset"]:
        """Divides the images at random into two sets, each class on its own.

        Args:
            fraction: Share of each class, rounded, that goes into the second
                set; but a class of two or more images stays in both, and a
                single image in the first. Between 0 and 1.
            seed: Integer; equal ones give equal sets. Defaults to 0.

        Returns:
            A pair of data sets, such as for training and for validation. The
            images keep their order.

        Raises:
            ValueError: If `fraction` is out of range.

        Example:
        >>> images = np.zeros((10, 32, 32, 3), "uint8")
        >>> dataset = keras_efficient.data.classification_from_arrays(
        ...     images, [0, 1] * 5
        ... )
        >>> train, validation = dataset.split(0.2)
        >>> len(train), len(validation)
        (8, 2)
        """
        if not 0 < fraction < 1:
            raise ValueError(
                "`fraction` must lie between 0 and 1. "
                f"Received: fraction={fraction}"
            )
        rng = np.random.default_rng(seed)
        labels = self.labels
        is_second = np.zeros(len(self), bool)
        for label in range(self.num_classes):
            places = np.flatnonzero(labels == label)
            if len(places) < 2:
                continue
            count = min(max(round(fraction * len(places)), 1), len(places) - 1)
            is_second[rng.permutation(places)[:count]] = True
        return (
            self._subset(np.flatnonzero(~is_second)),
            self._subset(np.flatnonzero(is_second)),
        )

    def batches(
        self,
        image_size,
        batch_size=32,
        *,
        training=False,
        augmentation=None,
        preprocessing=None,
        shuffle=None,
        drop_remainder=False,
        one_hot=True,
        seed=0,
        num_threads=None,
        shard=(0, 1),
    ):
        """Batches for `fit`, `evaluate` or `predict`.

        With `training` the images are shuffled anew and changed at random in
        every epoch, in an order that `seed` fixes whatever the number of
        threads; without, they come in order and as `preprocessing` makes
        them.

        Args:
            image_size: `(height, width)`, or one number for both.
            batch_size: Integer. Defaults to 32.
            training: Boolean. Defaults to `False`.
            augmentation: With `training`: a `ClassificationAugmentation`, or
                any function of `(image, rng)` that returns uint8 images of
                `image_size`. Defaults to
                `ClassificationAugmentation(image_size)`.
            preprocessing: Without `training`: a `ClassificationPreprocessing`.
                Defaults to `ClassificationPreprocessing(image_size)`.
            shuffle: Boolean, whether each epoch has an order of its own.
                Defaults to the value of `training`.
            drop_remainder: Boolean, whether the last batch is left out where
                the images do not divide; if not, it is smaller. Defaults to
                `False`.
            one_hot: Boolean, whether labels are rows with 1 at the class, for
                `categorical_crossentropy`; if not, they are integers for
                `sparse_categorical_crossentropy`. Defaults to `True`.
            seed: Integer, of the order and of the random changes. Defaults
                to 0.
            num_threads: Integer, how many batches are made at once. Defaults
                to the number of processors, at most 8.
            shard: `(index, count)`, the part of this process of several that
                train together. Defaults to `(0, 1)`: everything.

        Returns:
            A `ClassificationBatches`, which is a `keras.utils.PyDataset`.

        Raises:
            ValueError: If an argument is out of range, has no use, or its
                size is not `image_size`.

        Example:
        >>> images = np.zeros((10, 40, 50, 3), "uint8")
        >>> dataset = keras_efficient.data.classification_from_arrays(
        ...     images, [0, 1] * 5
        ... )
        >>> batches = dataset.batches((32, 48), batch_size=4)
        >>> [images.shape[0] for images, labels in batches]
        [4, 4, 2]
        """
        image_size = ClassificationPreprocessing(image_size).size
        if training:
            check_unused(preprocessing, "preprocessing", "augmentation", True)
            transform = augmentation or ClassificationAugmentation(image_size)
            check_size(transform, image_size)
        else:
            check_unused(augmentation, "augmentation", "preprocessing", False)
            resize = preprocessing or ClassificationPreprocessing(image_size)
            check_size(resize, image_size)
            transform = lambda image, rng: resize(image)
        return ClassificationBatches(
            self.records,
            self.num_classes,
            transform,
            image_size,
            batch_size,
            shuffle=training if shuffle is None else shuffle,
            seed=seed,
            num_threads=num_threads,
            shard=shard,
            drop_remainder=drop_remainder,
            one_hot=one_hot,
        )

    def _subset(self, places):
        records = tuple(self.records[i] for i in places)
        counts = dict.fromkeys(self.class_names, 0)
        for record in records:
            counts[self.class_names[record.label]] += 1
        report = dataclasses.replace(self.report, class_counts=counts)
        return ClassificationDataset(records, self.class_names, report)


def check_unused(value, name, instead, training):
    """Raises an error for an argument of the other kind of batches."""
    if value is not None:
        raise ValueError(
            f"`{name}` has no use with training={training}; `{instead}` gives "
            f"the images their size there. Received: {name}={value!r}"
        )


def check_size(transform, image_size):
    """Raises an error where a transform gives images of another size."""
    size = getattr(transform, "size", image_size)
    if tuple(size) != image_size:
        raise ValueError(
            f"The images must become {image_size}, `image_size`. "
            f"Received: {transform!r}"
        )
