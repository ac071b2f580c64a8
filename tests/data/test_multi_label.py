"""Images that belong to any number of classes."""

import numpy as np
import pytest

from keras_efficient.data import classification_from_arrays
from keras_efficient.data import load_classification
from tests.marks import on_one_backend

pytestmark = on_one_backend
MATRIX = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1]])
NAMES = ("red", "green", "blue")


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (5, 32, 40, 3), "uint8")


def test_labels_and_report(images):
    dataset = classification_from_arrays(images, MATRIX, NAMES)
    assert dataset.multi_label and len(dataset) == 5
    assert dataset.records[0].label == (0, 2)
    assert dataset.records[1].labels == ()
    np.testing.assert_array_equal(dataset.labels, MATRIX)
    assert dataset.report.class_counts == {"red": 2, "green": 2, "blue": 3}
    assert dataset.report.num_images == 5
    assert "5 images of 3 classes" in str(dataset.report)


@pytest.mark.parametrize("dtype", ["bool", "float32", "uint8"])
def test_batches_have_the_matrix(images, dtype):
    dataset = classification_from_arrays(images, MATRIX.astype(dtype))
    assert dataset.class_names == ("0", "1", "2")
    batches = dataset.batches(32, batch_size=3)
    labels = np.concatenate([batches[0][1], batches[1][1]])
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, MATRIX)
    with pytest.raises(ValueError, match="multi_hot"):
        dataset.batches(32, one_hot=False)


def test_split_keeps_every_image_once(images):
    dataset = classification_from_arrays(images, MATRIX, NAMES)
    first, second = dataset.split(0.4)
    assert (len(first), len(second)) == (3, 2)
    assert first.multi_label and second.report.num_images == 2
    total = first.labels.sum(0) + second.labels.sum(0)
    np.testing.assert_array_equal(total, MATRIX.sum(0))


def test_one_hot_labels_can_be_single(images):
    one_hot = np.eye(3, dtype="float32")[[0, 2, 1, 1, 0]]
    dataset = classification_from_arrays(images, one_hot, multi_label=False)
    assert not dataset.multi_label
    assert dataset.labels.tolist() == [0, 2, 1, 1, 0]
    assert dataset.class_names == ("0", "1", "2")
    assert classification_from_arrays(images, one_hot).multi_label
    with pytest.raises(ValueError, match="single 1. Received: 2 in row 0"):
        classification_from_arrays(images, MATRIX, multi_label=False)


def test_wrong_matrices_are_refused(images):
    with pytest.raises(ValueError, match="matrix of shape"):
        classification_from_arrays(images, 2 * MATRIX)
    with pytest.raises(ValueError, match="matrix of shape"):
        classification_from_arrays(images, MATRIX[:4])
    with pytest.raises(ValueError, match="3 names"):
        classification_from_arrays(images, MATRIX, ("a", "b"))


def test_file(images, tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x_train=images, y_train=MATRIX, class_names=NAMES)
    dataset = load_classification(path, "train")
    np.testing.assert_array_equal(dataset.labels, MATRIX)
    chosen = load_classification(path, "train", class_names=("blue", "red"))
    np.testing.assert_array_equal(chosen.labels, MATRIX[:, [2, 0]])
    assert chosen.report.num_images == 5
    assert chosen.report.left_out == ("green",)


def test_label_modes_of_two_classes(images):
    dataset = classification_from_arrays(images, [0, 1, 1, 0, 1])
    batches = dataset.batches(32, label_mode="binary")
    assert batches[0][1].tolist() == [[0.0], [1.0], [1.0], [0.0], [1.0]]
    assert dataset.batches(32, label_mode="int")[0][1].dtype == np.int32
    assert dataset.batches(32)[0][1].shape == (5, 2)
    with pytest.raises(ValueError, match="two classes"):
        classification_from_arrays(images, [0, 1, 2, 0, 0]).batches(
            32, label_mode="binary"
        )
    with pytest.raises(ValueError, match="`label_mode` must be one of"):
        dataset.batches(32, label_mode="one")


def test_another_label_mode_of_the_same_batches(images):
    dataset = classification_from_arrays(images, [0, 1, 1, 0, 1])
    batches = dataset.batches(32, 2, training=True, seed=3)
    first = batches[0]  # Threads are making the others now.
    binary = batches.with_label_mode("binary")
    for i in range(len(batches)):
        pixels, labels = batches[i]
        same_pixels, same = binary[i]
        np.testing.assert_array_equal(pixels, same_pixels)
        np.testing.assert_array_equal(labels[:, 1:], same)
    np.testing.assert_array_equal(first[0], batches[0][0])
