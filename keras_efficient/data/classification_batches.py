"""Batches of labelled images for `fit`, on every backend."""

import copy
import threading
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.batches import ImageBatches
from keras_efficient.data.images import load_image
from keras_efficient.data.records import ClassificationRecord

LABEL_MODES = ("categorical", "int", "binary")


class ClassificationBatches(ImageBatches):
    """Batches of images and labels, reproducible for each epoch.

    Made by `ClassificationDataset.batches`. Each item is `(images, labels)`:
    float32 of shape `(batch, height, width, channels)` in `[0, 255]`, and
    labels in the form that `label_mode` states.

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
            width, channels)` of any size to uint8 of `image_size`. Its method
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
        label_mode: `"categorical"`, `"int"` or `"binary"`; see
            `ClassificationDataset.batches`. Defaults to `None`: `one_hot`
            determines it. Multi-label datasets have `"multi_hot"`.
        channels: Integer, channels of the images. Defaults to 3.

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
        label_mode: str | None = None,
        channels: int = 3,
    ):
        self.num_classes = num_classes
        self.transform = transform
        self.channels = channels
        is_multi_label = any(isinstance(x.label, tuple) for x in records)
        if label_mode is None:
            label_mode = "categorical" if one_hot else "int"
            if is_multi_label and one_hot:
                label_mode = "multi_hot"
        self.label_mode = label_mode
        _check_label_mode(label_mode, num_classes, is_multi_label)
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
        self, samples: Sequence[tuple[np.ndarray, ClassificationRecord]]
    ) -> tuple[np.ndarray, np.ndarray]:
        shape = (len(samples), *self.image_size, self.channels)
        images = np.empty(shape, "float32")
        for i, (image, _) in enumerate(samples):
            images[i] = image
        records = [record for _, record in samples]
        if self.label_mode == "int":
            return images, np.array([x.label for x in records], "int32")
        targets = multi_hot(records, self.num_classes)
        return images, targets[:, 1:] if self._is_binary else targets

    @property
    def _is_binary(self) -> bool:
        return self.label_mode == "binary"

    def _make_sample(
        self, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, ClassificationRecord]:
        record = self.records[index]
        max_reduction = getattr(self.transform, "max_reduction", None)
        image = load_image(record.image, max_reduction, channels=self.channels)
        image = self.transform(image, rng)
        expected = (*self.image_size, self.channels)
        if image.shape != expected or image.dtype != np.uint8:
            is_array = isinstance(record.image, np.ndarray)
            raise ValueError(
                f"The transform must return uint8 images of shape {expected}. "
                f"Received: dtype={image.dtype}, shape={image.shape} for "
                f"{'an array' if is_array else record.image}"
            )
        return image, record

    def with_label_mode(self, label_mode: str) -> "ClassificationBatches":
        """Return the same batches with labels in another form.

        Args:
            label_mode: See `ClassificationDataset.batches`.

        Returns:
            A `ClassificationBatches` with its own epoch.

        Raises:
            ValueError: If the classes do not have this form.
        """
        is_multi_label = self.label_mode == "multi_hot"
        _check_label_mode(label_mode, self.num_classes, is_multi_label)
        batches = copy.copy(self)
        batches.label_mode = label_mode
        # Batches that threads are making have the other labels.
        batches._pending, batches._pool = {}, None
        batches._lock = threading.Lock()
        batches.epoch = self.epoch
        return batches


def multi_hot(
    records: Sequence[ClassificationRecord], num_classes: int
) -> np.ndarray:
    """Return 1 for the classes of each image, and 0 for the others.

    Args:
        records: Sequence of `ClassificationRecord`.
        num_classes: Integer, number of columns.

    Returns:
        Float32 array of shape `(number, num_classes)`.
    """
    targets = np.zeros((len(records), num_classes), "float32")
    for row, record in zip(targets, records, strict=True):
        row[list(record.labels)] = 1.0
    return targets


def _check_label_mode(
    label_mode: str, num_classes: int, is_multi_label: bool
) -> None:
    accepted = ("multi_hot",) if is_multi_label else LABEL_MODES
    if label_mode not in accepted:
        raise ValueError(
            f"`label_mode` must be one of {accepted}"
            f"{' for a multi-label dataset' if is_multi_label else ''}. "
            f"Received: label_mode={label_mode!r}"
        )
    if label_mode == "binary" and num_classes != 2:
        raise ValueError(
            '`label_mode="binary"` requires two classes. '
            f"Received: {num_classes} classes"
        )
