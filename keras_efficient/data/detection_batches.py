"""Annotated images as batches that Keras takes, on every backend."""

import numpy as np

from keras_efficient.data.batches import ImageBatches
from keras_efficient.data.images import load_image
from keras_efficient.data.samples import DetectionSample

PADDING = -1


class DetectionBatches(ImageBatches):
    """Batches of images and boxes, the same for the same epoch.

    Made by `DetectionDataset.batches`. Each item is `(images, {"boxes",
    "labels"})`: float32 `(batch, height, width, 3)` in `[0, 255]`; float32
    `(batch, max_boxes, 4)`, `xyxy` in pixels of the images; int32 `(batch,
    max_boxes)`. Rows without a box are -1. Epochs and order are those of
    `ClassificationBatches`.

    Args:
        records: Sequence of `DetectionRecord`.
        transform: Function `(sample, rng, draw) -> sample` from a
            `DetectionSample` of any size to one of `image_size`, whose image
            may be float32; `draw()` gives another sample at random.
        image_size: `(height, width)`.
        batch_size: Integer, at least 1. Defaults to 8.
        max_boxes: Integer, rows of boxes. Defaults to 100.
        shuffle: Boolean, whether each epoch has an order of its own.
            Defaults to `False`.
        seed: Integer in `[0, 2**32 - 1]`. Defaults to 0.
        num_threads: Integer, how many batches are made at once, and how many
            wait at most. Defaults to the number of processors, at most 8.
        shard: `(index, count)`, the part of this process. Defaults to
            `(0, 1)`.
        drop_remainder: Boolean, whether a smaller last batch is left out.
            Defaults to `False`.

    Returns:
        A `keras.utils.PyDataset`.

    Raises:
        ValueError: If there are too few images for one batch, or an argument
            is out of range; when a batch is made, if a transform gives more
            boxes than there are rows, or images of another size.

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
        records,
        transform,
        image_size,
        batch_size=8,
        *,
        max_boxes=100,
        shuffle=False,
        seed=0,
        num_threads=None,
        shard=(0, 1),
        drop_remainder=False,
    ):
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

    def _make_sample(self, index, rng):
        def draw():
            return self._load(int(rng.integers(len(self.records))))

        sample = self.transform(self._load(index), rng, draw)
        expected = (*self.image_size, 3)
        if sample.image.shape != expected:
            raise ValueError(
                f"The transform must give images of shape {expected}. "
                f"Received: shape={sample.image.shape}"
            )
        if len(sample.labels) > self.max_boxes:
            raise ValueError(
                f"There are more boxes than rows: {len(sample.labels)} in an "
                f"image, max_boxes={self.max_boxes}. Pass a larger `max_boxes`."
            )
        return sample

    def _load(self, index):
        record = self.records[index]
        # google/automl's training leaves boxes around crowds out, too.
        is_used = ~record.is_crowd
        return DetectionSample(
            load_image(record.image),
            record.boxes[is_used],
            record.labels[is_used],
        )

    def _collate(self, samples):
        count = len(samples)
        images = np.empty((count, *self.image_size, 3), "float32")
        boxes = np.full((count, self.max_boxes, 4), PADDING, "float32")
        labels = np.full((count, self.max_boxes), PADDING, "int32")
        for i, sample in enumerate(samples):
            number = len(sample.labels)
            images[i] = sample.image
            boxes[i, :number] = sample.boxes
            labels[i, :number] = sample.labels
        return images, {"boxes": boxes, "labels": labels}
