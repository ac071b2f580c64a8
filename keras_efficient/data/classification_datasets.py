"""Labelled images, with the names of their classes."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from keras_efficient.data.batches import check_size
from keras_efficient.data.batches import check_unused
from keras_efficient.data.classification_batches import ClassificationBatches
from keras_efficient.data.classification_batches import multi_hot
from keras_efficient.data.classification_preprocessing import (
    ClassificationPreprocessing,
)
from keras_efficient.data.images import standardize_size
from keras_efficient.data.records import ClassificationRecord
from keras_efficient.data.records import ClassificationReport
from keras_efficient.data.transforms.classification_augmentation import (
    ClassificationAugmentation,
)

Augmentation: TypeAlias = Callable[
    [np.ndarray, np.random.Generator], np.ndarray
]


@dataclasses.dataclass(frozen=True)
class ClassificationDataset:
    """Labelled images with the names of their classes.

    Attributes:
        records: The images with their labels.
        class_names: The classes, in the order of their labels.
        report: A `ClassificationReport` of the reader.
    """

    records: Sequence[ClassificationRecord]
    class_names: tuple[str, ...]
    report: ClassificationReport

    def __len__(self) -> int:
        return len(self.records)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def multi_label(self) -> bool:
        """Whether an image may belong to any number of classes."""
        return any(isinstance(x.label, tuple) for x in self.records)

    @property
    def labels(self) -> np.ndarray:
        """The labels of all images, `(number,)`, int64.

        Of a multi-label dataset, an array of 0 and 1 of shape `(number,
        num_classes)`.
        """
        if self.multi_label:
            return multi_hot(self.records, self.num_classes).astype("int64")
        return np.array([record.label for record in self.records], "int64")

    def split(
        self, fraction: float, seed: int = 0
    ) -> tuple["ClassificationDataset", "ClassificationDataset"]:
        """Divide the images of each class at random into two sets.

        Args:
            fraction: Float between 0 and 1, share of each class in the second
                set, rounded. A class of two or more images is in both sets, a
                single image in the first. Images of a multi-label dataset are
                divided regardless of their classes.
            seed: Integer, random seed. Defaults to 0.

        Returns:
            A pair of datasets, such as training and validation set. The images
            keep their order.

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
                "`fraction` must be between 0 and 1. "
                f"Received: fraction={fraction}"
            )
        rng = np.random.default_rng(seed)
        is_second = np.zeros(len(self), bool)
        if self.multi_label:
            groups = [np.arange(len(self))]
        else:
            labels = self.labels
            groups = [
                np.flatnonzero(labels == label)
                for label in range(self.num_classes)
            ]
        for places in groups:
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
        image_size: int | tuple[int, int],
        batch_size: int = 32,
        *,
        training: bool = False,
        augmentation: Augmentation | None = None,
        preprocessing: ClassificationPreprocessing | None = None,
        shuffle: bool | None = None,
        drop_remainder: bool = False,
        one_hot: bool = True,
        label_mode: str | None = None,
        channels: int = 3,
        seed: int = 0,
        num_threads: int | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> ClassificationBatches:
        """Return batches for `fit`, `evaluate` or `predict`.

        With `training`, images are shuffled and augmented anew in every epoch;
        `seed` determines both, regardless of the number of threads. Otherwise
        they keep their order, and only `preprocessing` is applied.

        Args:
            image_size: `(height, width)` in pixels, or one integer for both.
            batch_size: Integer. Defaults to 32.
            training: Boolean, whether to augment images. Defaults to `False`.
            augmentation: With `training`: a `ClassificationAugmentation`, or
                any function of `(image, rng)` that returns uint8 images of
                `image_size`. Defaults to
                `ClassificationAugmentation(image_size)`.
            preprocessing: Without `training`: a `ClassificationPreprocessing`.
                Defaults to `ClassificationPreprocessing(image_size)`.
            shuffle: Boolean, whether each epoch has a new random order.
                Defaults to the value of `training`.
            drop_remainder: Boolean, whether to drop a smaller last batch.
                Defaults to `False`.
            one_hot: Boolean, whether labels are one-hot, for
                `categorical_crossentropy`, or integers, for
                `sparse_categorical_crossentropy`. Defaults to `True`.
            label_mode: String instead of `one_hot`: `"categorical"` for
                one-hot labels; `"int"` for integers; `"binary"` for float32
                of shape `(batch, 1)`, 1 for the second of two classes, for
                models with one output. Labels of a multi-label dataset are
                float32 of shape `(batch, num_classes)`, 0 or 1. Defaults to
                `None`: `one_hot` determines it.
            channels: Integer, channels of the images, as the model expects
                them; see `load_image`. Defaults to 3.
            seed: Integer, seed of the order and of the random changes.
                Defaults to 0.
            num_threads: Integer, number of batches that are prepared in
                parallel. Defaults to the number of processors, at most 8.
            shard: `(index, count)`, the part for this process in distributed
                training. Defaults to `(0, 1)`: all images.

        Returns:
            A `ClassificationBatches`, which is a `keras.utils.PyDataset`.

        Raises:
            ValueError: If an argument is out of range or unused, or its size
                is not `image_size`.

        Example:
        >>> images = np.zeros((10, 40, 50, 3), "uint8")
        >>> dataset = keras_efficient.data.classification_from_arrays(
        ...     images, [0, 1] * 5
        ... )
        >>> batches = dataset.batches((32, 48), batch_size=4)
        >>> [images.shape[0] for images, labels in batches]
        [4, 4, 2]
        """
        size = ClassificationPreprocessing(standardize_size(image_size)).size
        if training:
            check_unused(preprocessing, "preprocessing", "augmentation", True)
            transform = augmentation or ClassificationAugmentation(size)
            check_size(transform, size)
        else:
            check_unused(augmentation, "augmentation", "preprocessing", False)
            resize = preprocessing or ClassificationPreprocessing(size)
            check_size(resize, size)
            transform = lambda image, rng: resize(image)
        return ClassificationBatches(
            self.records,
            self.num_classes,
            transform,
            size,
            batch_size,
            shuffle=training if shuffle is None else shuffle,
            seed=seed,
            num_threads=num_threads,
            shard=shard,
            drop_remainder=drop_remainder,
            one_hot=one_hot,
            label_mode=label_mode,
            channels=channels,
        )

    def _subset(self, indices: np.ndarray) -> "ClassificationDataset":
        records = tuple(self.records[i] for i in indices)
        counts = dict.fromkeys(self.class_names, 0)
        for record in records:
            for label in record.labels:
                counts[self.class_names[label]] += 1
        report = dataclasses.replace(
            self.report,
            class_counts=counts,
            multi_label_images=len(records) if self.multi_label else None,
        )
        return ClassificationDataset(records, self.class_names, report)
