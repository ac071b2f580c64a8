"""Images with boxes, and the names of the classes."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from keras_efficient.data.batches import check_size
from keras_efficient.data.batches import check_unused
from keras_efficient.data.detection_batches import DetectionBatches
from keras_efficient.data.images import standardize_size
from keras_efficient.data.letterbox import DetectionPreprocessing
from keras_efficient.data.records import DetectionRecord
from keras_efficient.data.records import DetectionReport
from keras_efficient.data.records import background_reasons
from keras_efficient.data.samples import DetectionSample
from keras_efficient.data.transforms.detection_augmentation import (
    DetectionAugmentation,
)
from keras_efficient.data.transforms.mosaic import NUM_IMAGES

Transform: TypeAlias = Callable[..., DetectionSample]


@dataclasses.dataclass(frozen=True)
class DetectionDataset:
    """Images with boxes, and the names of the classes.

    Attributes:
        records: The images with their boxes.
        class_names: The classes, in the order of their labels.
        category_ids: The numbers of the classes in the annotation file, in the
            same order.
        report: A `DetectionReport` of the reader.
    """

    records: Sequence[DetectionRecord]
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    report: DetectionReport

    def __len__(self) -> int:
        return len(self.records)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def num_boxes(self) -> int:
        """Number of boxes in all images, including boxes around crowds."""
        return sum(len(record.labels) for record in self.records)

    @property
    def max_boxes(self) -> int:
        """Largest number of boxes in an image without crowds; at least 1."""
        return max([1, *(_num_used(record) for record in self.records)])

    def split(
        self, fraction: float, seed: int = 0
    ) -> tuple["DetectionDataset", "DetectionDataset"]:
        """Divide the images at random into two sets.

        Args:
            fraction: Float between 0 and 1, share of the images in the second
                set, rounded; each set has at least one image.
            seed: Integer, random seed. Defaults to 0.

        Returns:
            A pair of datasets, such as training and validation set. The images
            keep their order.

        Raises:
            ValueError: If `fraction` is out of range, there is only one
                image, or a part has no boxes.

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
                "`fraction` must be between 0 and 1, and the dataset must have "
                f"at least two images. Received: fraction={fraction}, "
                f"{len(self)} images"
            )
        count = min(max(round(fraction * len(self)), 1), len(self) - 1)
        order = np.random.default_rng(seed).permutation(len(self))
        first = self._subset(np.sort(order[count:]))
        second = self._subset(np.sort(order[:count]))
        for part, name in ((first, "first"), (second, "second")):
            if self.report.num_boxes and not part.report.num_boxes:
                raise ValueError(
                    f"The {name} part of a random split, {len(part)} of "
                    f"{len(self)} images, has no boxes. Choose another seed or "
                    f"fraction. Received: fraction={fraction}, seed={seed}"
                )
        return first, second

    def batches(
        self,
        image_size: int | tuple[int, int],
        batch_size: int = 8,
        *,
        training: bool = False,
        augmentation: Transform | None = None,
        preprocessing: DetectionPreprocessing | None = None,
        shuffle: bool | None = None,
        drop_remainder: bool = False,
        max_boxes: int | None = None,
        seed: int = 0,
        num_threads: int | None = None,
        shard: tuple[int, int] = (0, 1),
        channels: int = 3,
    ) -> DetectionBatches:
        """Return batches for `fit` or `evaluate`.

        With `training`, images are shuffled and augmented anew in every epoch;
        `seed` determines both, regardless of the number of threads. Otherwise
        they keep their order, and only `preprocessing` is applied. Boxes
        around crowds are left out.

        Args:
            image_size: `(height, width)` in pixels, or one integer for both.
            batch_size: Integer. Defaults to 8.
            training: Boolean, whether to augment images. Defaults to `False`.
            augmentation: With `training`: a `DetectionAugmentation`, or any
                function of `(sample, rng, draw)` that returns a
                `DetectionSample` of `image_size`. Defaults to
                `DetectionAugmentation(image_size)`.
            preprocessing: Without `training`: a `DetectionPreprocessing`.
                Defaults to `DetectionPreprocessing(image_size)`.
            shuffle: Boolean, whether each epoch has a new random order.
                Defaults to the value of `training`.
            drop_remainder: Boolean, whether to drop a smaller last batch.
                Defaults to `False`.
            max_boxes: Integer, rows for the boxes of an image. Defaults to the
                largest number in an image, times four with mosaics.
            seed: Integer, seed of the order and of the random changes.
                Defaults to 0.
            num_threads: Integer, number of batches that are prepared in
                parallel. Defaults to the number of processors, at most 8.
            shard: `(index, count)`, the part for this process in distributed
                training. Defaults to `(0, 1)`: all images.
            channels: Integer, channels of the images, as the model expects
                them; see `load_image`. Defaults to 3.

        Returns:
            A `DetectionBatches`, which is a `keras.utils.PyDataset`.

        Raises:
            ValueError: If an argument is out of range or unused, or its size
                is not `image_size`; or an image has more than `max_boxes`
                boxes.

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
        size = standardize_size(image_size)
        transform: Transform
        if training:
            check_unused(preprocessing, "preprocessing", "augmentation", True)
            transform = augmentation or DetectionAugmentation(size)
        else:
            check_unused(augmentation, "augmentation", "preprocessing", False)
            letterbox = preprocessing or DetectionPreprocessing(size)
            transform = _Letterbox(letterbox)
        check_size(transform, size)
        return DetectionBatches(
            self.records,
            transform,
            size,
            batch_size,
            max_boxes=self._rows(max_boxes, transform),
            shuffle=training if shuffle is None else shuffle,
            seed=seed,
            num_threads=num_threads,
            shard=shard,
            drop_remainder=drop_remainder,
            channels=channels,
        )

    def _rows(self, max_boxes: int | None, transform: Transform) -> int:
        """Rows for boxes, enough for every image."""
        has_mosaics = getattr(transform, "mosaic_rate", 0) > 0
        needed = self.max_boxes * (NUM_IMAGES if has_mosaics else 1)
        if max_boxes is None:
            return needed
        if max_boxes < needed:
            record = max(self.records, key=_num_used)
            name = record.image_id
            why = f", and a mosaic has {NUM_IMAGES} images"
            raise ValueError(
                f"`max_boxes` must be at least {needed}: image {name!r} has "
                f"{_num_used(record)} boxes{why if has_mosaics else ''}. "
                f"Received: max_boxes={max_boxes}"
            )
        return max_boxes

    def _subset(self, indices: np.ndarray) -> "DetectionDataset":
        records = tuple(self.records[i] for i in indices)
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
            background=background_reasons(records),
        )
        return DetectionDataset(
            records, self.class_names, self.category_ids, report
        )


@dataclasses.dataclass(frozen=True)
class _Letterbox:
    """A `DetectionPreprocessing` as a transform of samples."""

    preprocessing: DetectionPreprocessing

    @property
    def size(self) -> tuple[int, int]:
        """`(height, width)` of the result."""
        return self.preprocessing.size

    def __call__(
        self,
        sample: DetectionSample,
        rng: np.random.Generator,
        draw: Callable[[], DetectionSample],
    ) -> DetectionSample:
        image, scale = self.preprocessing(sample.image)
        return sample.moved(image, sample.boxes * np.float32(scale))


def _num_used(record: DetectionRecord) -> int:
    return int((~record.is_crowd).sum())
