"""Annotated images, with the names of their classes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.datasets import check_size
from keras_efficient.data.datasets import check_unused
from keras_efficient.data.detection_batches import DetectionBatches
from keras_efficient.data.letterbox import DetectionPreprocessing
from keras_efficient.data.records import DetectionRecord
from keras_efficient.data.records import DetectionReport
from keras_efficient.data.transforms.detection_augmentation import (
    DetectionAugmentation,
)
from keras_efficient.data.transforms.mosaic import NUM_IMAGES


@dataclasses.dataclass(frozen=True)
class DetectionDataset:
    """Images with boxes, and the names of the classes.

    Attributes:
        records: The images with their boxes.
        class_names: The classes, in the order of their labels.
        category_ids: The numbers of the classes in their file, in the same
            order.
        report: What the reader found, mended and left out.
    """

    records: Sequence[DetectionRecord]
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    report: DetectionReport

    def __len__(self):
        return len(self.records)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def num_boxes(self) -> int:
        """Number of boxes in all images, those around crowds included."""
        return sum(len(record.labels) for record in self.records)

    @property
    def max_boxes(self) -> int:
        """The most boxes of one image, crowds left out; at least 1."""
        return max([1, *(_num_used(record) for record in self.records)])

    def split(
        self, fraction: float, seed: int = 0
    ) -> tuple["DetectionDataset", "DetectionDataset"]:
        """Divides the images at random into two sets.

        Args:
            fraction: Share of the images, rounded, in the second set; at
                least one image is in each. Between 0 and 1.
            seed: Integer; equal ones give equal sets. Defaults to 0.

        Returns:
            A pair of data sets, such as for training and for validation. The
            images keep their order.

        Raises:
            ValueError: If `fraction` is out of range, or there is one image
                only.

        Example:
        >>> dataset = keras_efficient.data.detection_from_arrays(
        ...     np.zeros((10, 40, 60, 3), "uint8"),
        ...     [[[2, 3, 20, 30]]] * 10,
        ...     [[0]] * 10,
        ... )
        >>> train, validation = dataset.split(0.2)
        >>> len(train), len(validation)
        (8, 2)
        """
        if not 0 < fraction < 1 or len(self) < 2:
            raise ValueError(
                "`fraction` must lie between 0 and 1, and there must be two "
                f"images or more. Received: fraction={fraction}, {len(self)} "
                "images"
            )
        count = min(max(round(fraction * len(self)), 1), len(self) - 1)
        order = np.random.default_rng(seed).permutation(len(self))
        return (
            self._subset(np.sort(order[count:])),
            self._subset(np.sort(order[:count])),
        )

    def batches(
        self,
        image_size,
        batch_size=8,
        *,
        training=False,
        augmentation=None,
        preprocessing=None,
        shuffle=None,
        drop_remainder=False,
        max_boxes=None,
        seed=0,
        num_threads=None,
        shard=(0, 1),
    ):
        """Batches for `fit` or `evaluate`.

        With `training` the images are shuffled anew and changed at random in
        every epoch, in an order that `seed` fixes whatever the number of
        threads; without, they come in order and as `preprocessing` makes
        them. Boxes around crowds are left out.

        Args:
            image_size: `(height, width)`, or one number for both.
            batch_size: Integer. Defaults to 8.
            training: Boolean. Defaults to `False`.
            augmentation: With `training`: a `DetectionAugmentation`, or any
                function of `(sample, rng, draw)` that gives a
                `DetectionSample` of `image_size`. Defaults to
                `DetectionAugmentation(image_size)`.
            preprocessing: Without `training`: a `DetectionPreprocessing`.
                Defaults to `DetectionPreprocessing(image_size)`.
            shuffle: Boolean, whether each epoch has an order of its own.
                Defaults to the value of `training`.
            drop_remainder: Boolean, whether the last batch is left out where
                the images do not divide; if not, it is smaller. Defaults to
                `False`.
            max_boxes: Integer, rows of boxes for each image. Defaults to the
                most of any image, four times as many where mosaics are made.
            seed: Integer, of the order and of the random changes. Defaults
                to 0.
            num_threads: Integer, how many batches are made at once. Defaults
                to the number of processors, at most 8.
            shard: `(index, count)`, the part of this process of several that
                train together. Defaults to `(0, 1)`: everything.

        Returns:
            A `DetectionBatches`, which is a `keras.utils.PyDataset`.

        Raises:
            ValueError: If an argument is out of range, has no use, or its
                size is not `image_size`; or an image has more than
                `max_boxes`.

        Example:
        >>> dataset = keras_efficient.data.detection_from_arrays(
        ...     np.zeros((6, 40, 60, 3), "uint8"),
        ...     [[[2, 3, 20, 30]]] * 6,
        ...     [[0]] * 6,
        ... )
        >>> batches = dataset.batches((32, 48), batch_size=4, training=True)
        >>> [len(images) for images, truth in batches]
        [4, 2]
        """
        image_size = DetectionPreprocessing(image_size).size
        if training:
            check_unused(preprocessing, "preprocessing", "augmentation", True)
            transform = augmentation or DetectionAugmentation(image_size)
        else:
            check_unused(augmentation, "augmentation", "preprocessing", False)
            letterbox = preprocessing or DetectionPreprocessing(image_size)
            transform = _Letterbox(letterbox)
        check_size(transform, image_size)
        return DetectionBatches(
            self.records,
            transform,
            image_size,
            batch_size,
            max_boxes=self._rows(max_boxes, transform),
            shuffle=training if shuffle is None else shuffle,
            seed=seed,
            num_threads=num_threads,
            shard=shard,
            drop_remainder=drop_remainder,
        )

    def _rows(self, max_boxes, transform):
        """Rows of boxes, enough for every image."""
        has_mosaics = getattr(transform, "mosaic_rate", 0) > 0
        needed = self.max_boxes * (NUM_IMAGES if has_mosaics else 1)
        if max_boxes is None:
            return needed
        if max_boxes < needed:
            record = max(self.records, key=_num_used)
            name = record.image_id
            why = f", {NUM_IMAGES} times as many in a mosaic"
            raise ValueError(
                f"`max_boxes` must be at least {needed}: image {name!r} has "
                f"{_num_used(record)} boxes{why if has_mosaics else ''}. "
                f"Received: max_boxes={max_boxes}"
            )
        return max_boxes

    def _subset(self, places):
        records = tuple(self.records[i] for i in places)
        counts = dict.fromkeys(self.class_names, 0)
        for record in records:
            for label in record.labels:
                counts[self.class_names[label]] += 1
        report = dataclasses.replace(
            self.report,
            num_images=len(records),
            class_counts=counts,
            num_empty=sum(not len(record.labels) for record in records),
            num_crowd=sum(int(record.is_crowd.sum()) for record in records),
        )
        return DetectionDataset(
            records, self.class_names, self.category_ids, report
        )


@dataclasses.dataclass(frozen=True)
class _Letterbox:
    """A `DetectionPreprocessing` as a transform of samples."""

    preprocessing: DetectionPreprocessing

    @property
    def size(self):
        """`(height, width)` of the result."""
        return self.preprocessing.size

    def __call__(self, sample, rng, draw):
        image, scale = self.preprocessing(sample.image)
        return sample.moved(image, sample.boxes * np.float32(scale))


def _num_used(record):
    return int((~record.is_crowd).sum())
