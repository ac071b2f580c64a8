"""Tests for reading data sets, good and bad ones."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_efficient import data
from tests.shared import SHARED
from tests.shared import needs_shared


def write(path, value=0, size=(8, 5)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)


@pytest.fixture
def folder(tmp_path):
    """Two classes; the labels are those of the sorted names."""
    for i in range(3):
        write(tmp_path / "roses" / f"{i}.JPG", 10 * i)
    for i in range(2):
        write(tmp_path / "daisies" / "deeper" / f"{i}.png", 100 + 10 * i)
    (tmp_path / "roses" / "notes.txt").write_text("no image")
    (tmp_path / ".cache").mkdir()
    write(tmp_path / "roses" / "._0.jpg")
    return tmp_path


def test_reads_a_folder_for_each_class(folder):
    dataset = data.load_classification(folder)
    assert dataset.class_names == ("daisies", "roses")
    assert dataset.labels.tolist() == [0, 0, 1, 1, 1]
    assert dataset.report.class_counts == {"daisies": 2, "roses": 3}
    assert dataset.report.ignored == 1
    assert "5 images of 2 classes" in str(dataset.report)


def test_reads_a_split(folder):
    write(folder / "val" / "roses" / "a.jpg")
    assert len(data.load_classification(folder, "val")) == 1
    with pytest.raises(FileNotFoundError, match="no folder .*test.*roses"):
        data.load_classification(folder, "test")


def test_broken_images_are_dropped_and_named(folder):
    (folder / "roses" / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    dataset = data.load_classification(folder)
    assert len(dataset) == 5
    ((path, reason),) = dataset.report.dropped
    assert path.name == "bad.jpg"
    assert "bad.jpg" in str(dataset.report) and "no whole image" in reason
    with pytest.raises(ValueError, match="1 images.*bad.jpg"):
        data.load_classification(folder, strict=True)


def test_headers_alone_miss_what_is_cut_off_behind(folder):
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), "uint8")
    Image.fromarray(noise).save(folder / "roses" / "cut.jpg")
    path = folder / "roses" / "cut.jpg"
    path.write_bytes(path.read_bytes()[:3000])
    assert len(data.load_classification(folder)) == 5
    assert len(data.load_classification(folder, check="header")) == 6


def test_empty_class_folders_are_errors_unless_named(folder):
    (folder / "tulips").mkdir()
    with pytest.raises(
        ValueError, match=r"tulips.*no readable image.*class_na"
    ):
        data.load_classification(folder)
    names = ["daisies", "roses", "tulips"]
    dataset = data.load_classification(folder, class_names=names)
    assert dataset.num_classes == 3
    assert dataset.report.class_counts["tulips"] == 0


def test_class_names_give_the_order_of_the_labels(folder):
    dataset = data.load_classification(folder, class_names=["roses", "daisies"])
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1]
    only = data.load_classification(folder, class_names=["roses"])
    assert len(only) == 3
    with pytest.raises(
        ValueError, match=r"not in `class_names`: \['daisies'\]"
    ):
        data.load_classification(folder, class_names=["roses"], strict=True)


def test_folders_without_classes_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no folder"):
        data.load_classification(tmp_path / "gone")
    write(tmp_path / "flat.jpg")
    with pytest.raises(ValueError, match="no images in folders of classes"):
        data.load_classification(tmp_path)


def test_arrays():
    images = np.zeros((4, 6, 9, 3), "uint8")
    dataset = data.from_arrays(images, np.array([[0], [2], [1], [2]]))
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.report.class_counts == {"0": 1, "1": 1, "2": 2}
    grey = data.from_arrays(np.full((2, 6, 9), 5, "uint8"), [0, 1], ["a", "b"])
    assert grey.records[0].image.shape == (6, 9, 3)


@pytest.mark.parametrize(
    "images, labels, names, message",
    [
        (np.zeros((2, 6, 9, 3)), [0, 1], None, "uint8.*dtype=float64"),
        (np.zeros((2, 6, 9, 5), "uint8"), [0, 1], None, "1, 3 or 4 channels"),
        (np.zeros((0, 6, 9, 3), "uint8"), [], None, "at least one image"),
        (np.zeros((2, 6, 9, 3), "uint8"), [0], None, r"shape \(2,\).*\(1,\)"),
        (np.zeros((2, 6, 9, 3), "uint8"), [0.0, 1.0], None, "integers"),
        (
            np.zeros((2, 6, 9, 3), "uint8"),
            [0, 2],
            ["a", "b"],
            r"\[0, 1\].*0 to 2",
        ),
        (np.zeros((2, 6, 9, 3), "uint8"), [-1, 0], None, "from -1 to 0"),
    ],
)
def test_bad_arrays_are_named(images, labels, names, message):
    with pytest.raises(ValueError, match=message):
        data.from_arrays(images, labels, names)


def test_npz_files(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(
        path,
        x_train=np.zeros((3, 6, 9, 3), "uint8"),
        y_train=np.array([1, 0, 1]),
        x_test=np.zeros((1, 6, 9, 3), "uint8"),
        y_test=np.array([0]),
        class_names=np.array(["a", "b"]),
    )
    assert data.load_classification(path).labels.tolist() == [1, 0, 1]
    assert len(data.load_classification(path, "test")) == 1
    with pytest.raises(ValueError, match="x_val.*Received.*x_train"):
        data.load_classification(path, "val")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="no whole .npz file"):
        data.load_classification(path)


def test_split_keeps_each_class_in_both():
    images = np.zeros((12, 6, 9, 3), "uint8")
    labels = [0] * 8 + [1] * 3 + [2]
    dataset = data.from_arrays(images, labels)
    train, held_out = dataset.split(0.25, seed=1)
    assert held_out.report.class_counts == {"0": 2, "1": 1, "2": 0}
    assert train.report.class_counts == {"0": 6, "1": 2, "2": 1}
    again, _ = dataset.split(0.25, seed=1)
    assert [id(r) for r in train.records] == [id(r) for r in again.records]
    with pytest.raises(ValueError, match="fraction=1.5"):
        dataset.split(1.5)


@needs_shared
def test_real_flowers_and_cifar():
    flowers = SHARED / "data" / "flowers"
    train = data.load_classification(flowers, "train")
    val = data.load_classification(flowers, "val")
    assert set(train.report.class_counts.values()) == {80}
    assert set(val.report.class_counts.values()) == {30}
    assert train.class_names == val.class_names
    assert not train.report.dropped
    cifar = data.load_classification(SHARED / "data/cifar100_subset.npz")
    assert (len(cifar), cifar.num_classes) == (3000, 100)
    images, labels = cifar.batches(40, batch_size=8)[0]
    assert images.shape == (8, 40, 40, 3) and labels.shape == (8, 100)
    assert keras.backend.standardize_dtype(images.dtype) == "float32"
