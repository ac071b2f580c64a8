"""Tests for batches of images with boxes."""

import numpy as np
import pytest

from keras_efficient.data import DetectionAugmentation
from keras_efficient.data import detection_from_arrays
from tests.data import painted


def dataset(count=10, seed=0):
    """Images of several sizes with no to three painted boxes."""
    rng = np.random.default_rng(seed)
    images, boxes, labels = [], [], []
    for i in range(count):
        height, width = rng.integers(60, 120, 2)
        number = i % 4
        own = []
        for j in range(number):
            left, top = 2 + 18 * j, int(rng.integers(2, 30))
            own.append([left, top, left + 15, top + 20])
        sample = painted.paint(height, width, own)
        images.append(sample.image)
        boxes.append(sample.boxes)
        labels.append(sample.labels)
    return detection_from_arrays(
        images, boxes, labels, class_names=("red", "green", "blue", "yellow")
    )


def whole_epoch(batches):
    return [batches[i] for i in range(len(batches))]


def test_shapes_and_padding():
    batches = dataset().batches((64, 96), batch_size=4)
    found = whole_epoch(batches)
    assert [len(images) for images, _ in found] == [4, 4, 2]
    images, truth = found[0]
    assert images.shape == (4, 64, 96, 3) and images.dtype == np.float32
    assert truth["boxes"].shape == (4, 3, 4)
    assert truth["boxes"].dtype == np.float32
    assert truth["labels"].dtype == np.int32
    assert truth["labels"].tolist() == [
        [-1, -1, -1], [0, -1, -1], [0, 1, -1], [0, 1, 2]
    ]  # fmt: skip
    assert (truth["boxes"][truth["labels"] < 0] == -1).all()


@pytest.mark.parametrize("training", [False, True])
def test_boxes_lie_where_they_are_painted(training):
    augmentation = DetectionAugmentation(
        (96, 96), brightness=0, contrast=0, saturation=0
    )
    batches = dataset(12).batches(
        (96, 96),
        batch_size=3,
        training=training,
        augmentation=augmentation if training else None,
    )
    seen = 0
    for images, truth in whole_epoch(batches):
        for image, boxes, labels in zip(
            images, truth["boxes"], truth["labels"], strict=True
        ):
            used = labels >= 0
            for box, label in zip(boxes[used], labels[used], strict=True):
                if min(box[2:] - box[:2]) < 6:
                    continue
                np.testing.assert_allclose(
                    box, painted.find(image, label), atol=1.6
                )
                seen += 1
    assert seen >= 15


def equal(first, second):
    return all(
        np.array_equal(a[0], b[0])
        and all(np.array_equal(a[1][name], b[1][name]) for name in a[1])
        for a, b in zip(first, second, strict=True)
    )


def test_the_seed_determines_batches_and_threads_do_not():
    options = {
        "batch_size": 3,
        "training": True,
        "augmentation": DetectionAugmentation((64, 64), mosaic_rate=0.5),
    }
    data = dataset()
    first = whole_epoch(
        data.batches((64, 64), seed=3, num_threads=1, **options)
    )
    same = whole_epoch(data.batches((64, 64), seed=3, num_threads=4, **options))
    other = whole_epoch(data.batches((64, 64), seed=4, **options))
    assert equal(first, same)
    assert not equal(first, other)
    batches = data.batches((64, 64), seed=3, **options)
    batches.epoch = 1
    assert not equal(first, whole_epoch(batches))
    batches.epoch = 0
    assert equal(first, whole_epoch(batches))


def test_shards_hold_every_image_once():
    data = dataset()
    found = []
    for i in range(2):
        batches = data.batches((64, 64), batch_size=1, shard=(i, 2))
        found += [batches.sources(j)[0] for j in range(len(batches))]
    assert sorted(found) == sorted(f"image {i}" for i in range(10))


def test_rows_for_mosaics():
    augmentation = DetectionAugmentation((64, 64), mosaic_rate=1.0)
    batches = dataset().batches(
        (64, 64), training=True, augmentation=augmentation
    )
    assert batches.max_boxes == 12
    for _, truth in whole_epoch(batches):
        assert truth["labels"].shape[1] == 12


def test_more_boxes_than_rows():
    with pytest.raises(ValueError, match="max_boxes=2") as error:
        whole_epoch(dataset().batches((64, 64), max_boxes=2))
    assert "3" in str(error.value)


def test_a_transform_of_the_wrong_size():
    augmentation = DetectionAugmentation((64, 64))
    with pytest.raises(ValueError, match=r"\(64, 64\).*\(64, 96\)|size"):
        dataset().batches((64, 96), training=True, augmentation=augmentation)
    batches = dataset().batches(
        (64, 96), training=True, augmentation=lambda sample, rng, draw: sample
    )
    with pytest.raises(ValueError, match=r"shape \(64, 96, 3\)"):
        batches[0]


def test_crowds_are_not_in_batches():
    data = dataset()
    record = data.records[3]
    record.is_crowd[:] = [False, True, False]
    _, truth = data.batches((64, 64), batch_size=4)[0]
    assert truth["labels"][3].tolist() == [0, 2, -1]
    assert data.max_boxes == 3 and data.num_boxes == 13
