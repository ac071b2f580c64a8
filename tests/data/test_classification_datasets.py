"""Tests for `ClassificationDataset`: splits and batches."""

import numpy as np
import pytest

from keras_efficient import data
from tests.data.pictures import SIZE
from tests.data.pictures import numbered
from tests.marks import on_one_backend

pytestmark = on_one_backend


def test_labels_and_classes():
    dataset = numbered(6, classes=4)
    assert len(dataset) == 6 and dataset.num_classes == 4
    assert dataset.labels.tolist() == [0, 1, 2, 3, 0, 1]
    assert dataset.labels.dtype == np.int64


def test_split_keeps_each_class_in_both():
    images = np.zeros((12, 6, 9, 3), "uint8")
    labels = [0] * 8 + [1] * 3 + [2]
    dataset = data.classification_from_arrays(images, labels)
    train, held_out = dataset.split(0.25, seed=1)
    assert held_out.report.class_counts == {"0": 2, "1": 1, "2": 0}
    assert train.report.class_counts == {"0": 6, "1": 2, "2": 1}
    again, _ = dataset.split(0.25, seed=1)
    assert [id(r) for r in train.records] == [id(r) for r in again.records]
    other, _ = dataset.split(0.25, seed=2)
    assert [id(r) for r in train.records] != [id(r) for r in other.records]


def test_split_is_random_and_complete():
    dataset = numbered(24, classes=2)
    parts = [
        [int(record.image[0, 0, 0]) // 10 for record in part.records]
        for part in dataset.split(0.25)
    ]
    assert sorted(parts[0] + parts[1]) == list(range(24))
    assert len(parts[1]) == 6 and parts[1] == sorted(parts[1])
    assert parts[1] not in (list(range(6)), list(range(18, 24)))


@pytest.mark.parametrize("fraction", [0, 1, 1.5])
def test_split_names_a_bad_fraction(fraction):
    with pytest.raises(ValueError, match=f"fraction={fraction}"):
        numbered().split(fraction)


def test_batches_augment_in_training_and_resize_otherwise():
    dataset = numbered()
    default = data.ClassificationAugmentation((32, 48))
    assert dataset.batches((32, 48), training=True).transform == default
    images, _ = dataset.batches((32, 48))[0]
    assert images.shape == (10, 32, 48, 3)
    square, _ = dataset.batches(np.int64(32))[0]
    assert square.shape == (10, 32, 32, 3)


def test_batches_use_given_transforms():
    stretch = data.ClassificationPreprocessing((7, 5), crop_fraction=None)
    gradient = np.zeros((2, 20, 40, 3), "uint8")
    gradient[..., 0] = np.arange(40) * 6
    dataset = data.classification_from_arrays(gradient, [0, 1])
    images, _ = dataset.batches((7, 5), preprocessing=stretch)[0]
    np.testing.assert_array_equal(images[1], stretch(gradient[1]))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"image_size": (0, 5)}, r"size=\(0, 5\)"),
        (
            {"augmentation": data.ClassificationAugmentation(SIZE)},
            "`augmentation` is not used with training=False",
        ),
        (
            {
                "preprocessing": data.ClassificationPreprocessing(SIZE),
                "training": True,
            },
            "`preprocessing` is not used with training=True",
        ),
        (
            {
                "augmentation": data.ClassificationAugmentation(40),
                "training": True,
            },
            r"must be resized.*\(32, 32\).*size=\(40, 40\)",
        ),
        (
            {"preprocessing": data.ClassificationPreprocessing(40)},
            r"must be resized.*\(32, 32\).*size=\(40, 40\)",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        numbered().batches(**{"image_size": 32, **arguments})
