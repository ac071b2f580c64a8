"""Batches of images with boxes for `fit`, on every backend."""

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.batches import ImageBatches
from keras_efficient.data.images import load_image
from keras_efficient.data.records import DetectionRecord
from keras_efficient.data.samples import DetectionSample

PADDING = -1


class DetectionBatches(ImageBatches):
    """Batches of images and boxes, reproducible for each epoch.

    Made by `DetectionDataset.batches`. Each item is `(images, {"boxes",
    "labels"})`: float32 of shape `(batch, height, width, channels)` in `[0,
    255]`; float32 of shape `(batch, max_boxes, 4)`, `xyxy` in pixels of the
    images; int32 of shape `(batch, max_boxes)`. Rows without a box are -1.
    Epochs and order are as in `ClassificationBatches`.

    Args:
        records: Sequence of `DetectionRecord`.
        transform: Function `(sample, rng, draw) -> sample` from a
            `DetectionSample` of any size to one of `image_size`, whose image
            may be float32; `draw()` returns another random sample.
        image_size: `(height, width)` in pixels.
        batch_size: Integer, at least 1. Defaults to 8.
        max_boxes: Integer, rows for the boxes of an image. Defaults to 100.
        shuffle: Boolean, whether each epoch has a new random order. Defaults
            to `False`.
        seed: Integer in `[0, 2**32 - 1]`, seed of the order and of the random
            changes. Defaults to 0.
        num_threads: Integer, number of batches that are prepared in parallel.
            Defaults to the number of processors, at most 8.
        shard: `(index, count)`, the part for this process; see
            `ClassificationBatches`. Defaults to `(0, 1)`.
        drop_remainder: Boolean, whether to drop a smaller last batch. Defaults
            to `False`.
        channels: Integer, channels of the images; see `load_image`. Defaults
            to 3.

    Returns:
        A `keras.utils.PyDataset`.

    Raises:
        ValueError: If there are too few images for one batch, or an argument
            is out of range; if the transform returns more than `max_boxes`
            boxes or images of another size, when a batch is made.

    Example:
    >>> dataset = keras_efficient.data.detection_from_arrays(
    ...     np.zeros((3, 40, 60, 3), "uint8"), [[[2, 3, 20, 30]]] * 3, [[0]] * 3
    ... )
    >>> images, truth = dataset.batches((32, 48), batch_size=2)[0]
    >>> images.shape, truth["boxes"].shape, truth["labels"].tolist()
    ((2, 32, 48, 3), (2, 1, 4), [[0], [0]])
    """

    def __init__(
        self,
        records: Sequence[DetectionRecord],
        transform: Callable[..., DetectionSample],
        image_size: tuple[int, int],
        batch_size: int = 8,
        *,
        max_boxes: int = 100,
        shuffle: bool = False,
        seed: int = 0,
        num_threads: int | None = None,
        shard: tuple[int, int] = (0, 1),
        drop_remainder: bool = False,
        channels: int = 3,
    ):
        self.channels = channels
        self.transform = transform
        self.max_boxes = max_boxes
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

    def _make_sample(
        self, index: int, rng: np.random.Generator
    ) -> DetectionSample:
        def draw() -> DetectionSample:
            return self._load(int(rng.integers(len(self.records))))

        sample = self.transform(self._load(index), rng, draw)
        expected = (*self.image_size, self.channels)
        if sample.image.shape != expected:
            raise ValueError(
                f"The transform must return images of shape {expected}. "
                f"Received: shape={sample.image.shape}"
            )
        if len(sample.labels) > self.max_boxes:
            raise ValueError(
                f"An image has {len(sample.labels)} boxes. Pass a larger "
                f"`max_boxes`. Received: max_boxes={self.max_boxes}"
            )
        return sample

    def _load(self, index: int) -> DetectionSample:
        record = self.records[index]
        # As in google/automl, training ignores boxes around crowds.
        is_used = ~record.is_crowd
        return DetectionSample(
            load_image(record.image, channels=self.channels),
            record.boxes[is_used],
            record.labels[is_used],
        )

    def _collate(
        self, samples: Sequence[DetectionSample]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        count = len(samples)
        shape = (count, *self.image_size, self.channels)
        images = np.empty(shape, "float32")
        boxes = np.full((count, self.max_boxes, 4), PADDING, "float32")
        labels = np.full((count, self.max_boxes), PADDING, "int32")
        for i, sample in enumerate(samples):
            number = len(sample.labels)
            images[i] = sample.image
            boxes[i, :number] = sample.boxes
            labels[i, :number] = sample.labels
        return images, {"boxes": boxes, "labels": labels}
