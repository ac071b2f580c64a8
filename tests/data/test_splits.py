import numpy as np
import pytest

from keras_efficient import data
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend
from tests.shared import SHARED
from tests.shared import needs_shared

pytestmark = on_one_backend


def write_classes(folder, count, names=("blue", "red")):
    for name in names:
        for i in range(count):
            write_image(folder / name / f"{i}.png")


def write_yolo(folder, splits=("train", "test"), count=2):
    for split in splits:
        for i in range(count):
            write_image(folder / split / "images" / f"{i}.png")
            text = "0 0.5 0.5 0.5 0.5\n"
            write_text(folder / split / "labels" / f"{i}.txt", text)
    return write_text(folder / "data.yaml", "names: [cell]\n")


def files(dataset):
    return {str(record.image) for record in dataset.records}


def test_a_random_share_is_held_out(tmp_path):
    write_classes(tmp_path, 5)
    assert data.find_task(tmp_path) == "classification"
    train, validation = data.load_splits(tmp_path)
    assert (len(train), len(validation)) == (8, 2)
    assert not files(train) & files(validation)
    _, again = data.load_splits(tmp_path, "classification")
    assert files(again) == files(validation)
    _, other = data.load_splits(tmp_path, validation_share=0.4, seed=1)
    assert len(other) == 4 and not files(validation) <= files(other)


def test_folders_of_classes_in_splits(tmp_path):
    write_classes(tmp_path / "training", 3, ("a", "b"))
    write_classes(tmp_path / "test", 1, ("b",))
    assert data.find_task(str(tmp_path)) == "classification"
    train, validation = data.load_splits(tmp_path)
    assert (len(train), len(validation)) == (6, 1)
    # Both have the labels of the training set.
    assert validation.class_names == train.class_names == ("a", "b")
    assert validation.records[0].label == 1
    train, _ = data.load_splits(tmp_path, class_names=["b"])
    assert len(train) == 3
    with pytest.raises(ValueError, match="not in `class_names`: 'a'"):
        data.load_splits(tmp_path, class_names=["b"], strict=True)


def test_folder_and_file_of_yolo(tmp_path):
    file = write_yolo(tmp_path)
    for source in (tmp_path, file):
        assert data.find_task(source) == "detection"
        train, validation = data.load_splits(source)
        assert (len(train), len(validation)) == (2, 2)
        assert "/train/" in files(train).pop()
        assert "/test/" in files(validation).pop()


def test_npz_file(tmp_path):
    path = tmp_path / "set.npz"
    images = np.zeros((8, 9, 9, 3), "uint8")
    np.savez(
        path,
        x_train=images[:6],
        y_train=np.arange(6) % 2,
        x_test=images[6:],
        y_test=np.arange(2),
    )
    assert data.find_task(path) == "classification"
    train, validation = data.load_splits(path, validation_share=1)
    assert (len(train), len(validation)) == (6, 2)


def test_downloads_of_keras(monkeypatch):
    arrays = np.zeros((3, 8, 8, 3), "uint8"), np.array([[0], [1], [2]])
    monkeypatch.setattr(
        "keras.datasets.cifar10.load_data", lambda: (arrays, arrays)
    )
    assert data.find_task("cifar10") == "classification"
    train, validation = data.load_splits("cifar10")
    assert (len(train), len(validation)) == (3, 3)
    train, _ = data.load_splits("cifar10", class_names=["a", "b", "c"])
    assert train.class_names == ("a", "b", "c")
    both = data.load_all_splits("cifar10")
    assert {name: len(part) for name, part in both.items()} == {
        "train": 3, "test": 3
    }  # fmt: skip
    assert list(data.load_all_splits("cifar10", split="test")) == ["test"]
    parts = data.load_splits("cifar10", split="test")
    assert sum(map(len, parts)) == 3  # The test images alone, divided.
    with pytest.raises(FileNotFoundError, match="'train', 'test'.*'val'"):
        data.load_all_splits("cifar10", split="val")


def test_task_is_not_recognized(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="No such file or.*cifar10, cifar"
    ):
        data.find_task(tmp_path / "nowhere", "detection")
    with pytest.raises(ValueError, match="neither images with boxes"):
        data.load_splits(tmp_path)
    with pytest.raises(ValueError, match="must be one of.*'regression'"):
        data.find_task(tmp_path, "regression")
    assert data.find_task(tmp_path, "detection") == "detection"


@needs_shared
@pytest.mark.parametrize(
    "name, task, lengths",
    [
        ("bccd", "detection", (205, 87)),
        ("coco_val_mini", "detection", (19, 5)),
        ("flowers", "classification", (400, 150)),
        ("cifar100_subset.npz", "classification", (3000, 1000)),
    ],
)
def test_real_data(name, task, lengths):
    source = SHARED / "data" / name
    assert data.find_task(source) == task
    assert tuple(map(len, data.load_splits(source, task))) == lengths
