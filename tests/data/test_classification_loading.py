"""Tests for loading valid and invalid datasets for classification."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_efficient import data
from keras_efficient.data.readers import image_checks
from tests.data.pictures import write
from tests.marks import on_one_backend
from tests.shared import SHARED
from tests.shared import needs_shared

pytestmark = on_one_backend


@pytest.fixture
def folder(tmp_path):
    """Two classes; the labels are those of the sorted names."""
    for i in range(3):
        write(tmp_path / "roses" / f"{i}.JPG", 40 + 10 * i)
    for i in range(2):
        write(tmp_path / "daisies" / "deeper" / f"{i}.png", 100 + 10 * i)
    (tmp_path / "roses" / "notes.txt").write_text("no image")
    write(tmp_path / ".cache" / "0.jpg")
    write(tmp_path / "roses" / ".thumbnails" / "0.jpg")
    write(tmp_path / "roses" / "._0.jpg")
    write(tmp_path / "overview.png")
    return tmp_path


def test_reads_a_folder_for_each_class(folder):
    dataset = data.load_classification(folder)
    assert dataset.class_names == ("daisies", "roses")
    assert dataset.labels.tolist() == [0, 0, 1, 1, 1]
    assert dataset.report.class_counts == {"daisies": 2, "roses": 3}
    assert dataset.report.ignored == 2  # notes.txt and overview.png
    assert str(dataset.report) == (
        f"5 images of 2 classes in {folder}\nignored: 2 other files"
    )


def test_reads_a_split(folder):
    write(folder / "val" / "roses" / "a.jpg")
    write(folder / "val" / "daisies" / "a.jpg")
    assert len(data.load_classification(folder, "val")) == 2
    with pytest.raises(
        FileNotFoundError, match="No such folder: .*test.*roses"
    ):
        data.load_classification(folder, "test")


def test_splits_are_not_classes(folder):
    for split in ("train", "Val"):
        write(folder / split / "roses" / "a.jpg")
    with pytest.raises(ValueError, match="'Val', 'train'.*split='Val'"):
        data.load_classification(folder)
    chosen = data.load_classification(folder, class_names=["Val", "train"])
    assert chosen.labels.tolist() == [0, 1]


def test_a_class_with_the_name_of_a_split(folder):
    write(folder / "test" / "a.jpg")
    write(folder / "test" / "deeper" / "b.jpg")
    dataset = data.load_classification(folder)
    assert dataset.report.class_counts["test"] == 2


def test_broken_images_are_dropped_and_reported(folder):
    (folder / "roses" / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    dataset = data.load_classification(folder)
    assert len(dataset) == 5
    ((path, reason),) = dataset.report.dropped
    assert path.name == "bad.jpg"
    assert "bad.jpg" in str(dataset.report) and "not a complete image" in reason
    with pytest.raises(ValueError, match="1 images.*bad.jpg"):
        data.load_classification(folder, strict=True)


def test_header_check_misses_truncated_files(folder):
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


def test_class_names_determine_the_order_of_labels(folder):
    dataset = data.load_classification(folder, class_names=["roses", "daisies"])
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1]
    only = data.load_classification(folder, class_names=["roses"])
    assert len(only) == 3
    assert only.report.left_out == ("daisies",)
    assert "left out, not in `class_names`: 'daisies'" in str(only.report)
    with pytest.raises(ValueError, match="not in `class_names`: 'daisies'"):
        data.load_classification(folder, class_names=["roses"], strict=True)


def test_class_names_without_a_folder_are_reported(folder):
    names = ["roses", "daisies", "Tulips"]
    dataset = data.load_classification(folder, class_names=names)
    assert "classes without images: 'Tulips'" in str(dataset.report)
    with pytest.raises(ValueError, match="lacks classes.*'Tulips'.*found"):
        data.load_classification(folder, class_names=names, strict=True)
    with pytest.raises(ValueError, match="none of the classes.*found"):
        data.load_classification(folder, class_names=["Tulips"])


@pytest.mark.parametrize(
    "names, message",
    [
        ("roses", "sequence of strings.*'roses'"),
        (["roses", "roses"], "no name twice"),
        ([], "at least one"),
    ],
)
def test_bad_class_names_are_errors(folder, names, message):
    with pytest.raises(ValueError, match=message):
        data.load_classification(folder, class_names=names)
    with pytest.raises(ValueError, match=message):
        data.classification_from_arrays(
            np.zeros((1, 6, 9, 3), "uint8"), [0], names
        )


def test_progress_bar_for_many_images(folder, monkeypatch, capsys):
    monkeypatch.setattr(image_checks, "MIN_IMAGES_FOR_PROGRESS", 5)
    monkeypatch.setattr(image_checks, "CHUNK", 2)
    (folder / "roses" / "1.JPG").write_bytes(b"")
    dataset = data.load_classification(folder)
    assert len(dataset) == 4 and len(dataset.report.dropped) == 1
    assert "5/5" in capsys.readouterr().out


def test_far_too_large_images_are_dropped(folder, monkeypatch):
    write(folder / "roses" / "large.png", size=(40, 50))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for check in ("decode", "header"):
        dataset = data.load_classification(folder, check=check)
        assert len(dataset) == 5
        assert "large.png has too many pixels" in str(dataset.report)


def test_long_reports_are_cut(folder):
    for i in range(12):
        (folder / "roses" / f"empty_{i:02}.jpg").write_bytes(b"")
    report = str(data.load_classification(folder).report)
    assert "dropped: 12 images" in report and "and 2 more" in report
    assert "empty_09.jpg is empty" in report and "empty_10" not in report


def test_folders_without_classes_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such folder: .*gone"):
        data.load_classification(tmp_path / "gone")
    write(tmp_path / "flat.jpg")
    with pytest.raises(ValueError, match="no folders of classes, only 1 files"):
        data.load_classification(tmp_path)
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "tom.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="no readable.*tom.jpg is empty"):
        data.load_classification(tmp_path)
    with pytest.raises(ValueError, match="check='all'"):
        data.load_classification(tmp_path, check="all")


def test_arrays():
    images = np.zeros((4, 6, 9, 3), "uint8")
    dataset = data.classification_from_arrays(
        images, np.array([[0], [2], [1], [2]])
    )
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.report.class_counts == {"0": 1, "1": 1, "2": 2}
    gray = data.classification_from_arrays(
        np.full((2, 6, 9), 5, "uint8"), [0, 1], ["a", "b"]
    )
    assert gray.records[0].image.shape == (6, 9, 3)


@pytest.mark.parametrize(
    "images, labels, names, message",
    [
        (np.zeros((2, 6, 9, 3)), [0, 1], None, r"in \[0, 1\].*dtype=float64"),
        (np.full((2, 6, 9, 3), "a"), [0, 1], None, "uint8.*dtype=<U1"),
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
        data.classification_from_arrays(images, labels, names)


def test_arrays_of_zeros_and_ones_are_told():
    images = np.eye(6, dtype="uint8")[None, ..., None].repeat(2, 0)
    for given in (images, images[..., 0]):
        with pytest.warns(UserWarning, match=r"are in \[0, 1\], nearly black"):
            data.classification_from_arrays(given, [0, 1])


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
    with pytest.raises(ValueError, match="not a complete .npz"):
        data.load_classification(path)


def test_npz_class_names_and_selection(tmp_path):
    path = tmp_path / "set.npz"
    images = np.zeros((3, 6, 9, 3), "uint8")
    names = np.array(["apple", "bear", "chair"])
    np.savez(path, x_train=images, y_train=[0, 1, 2], class_names=names)
    dataset = data.load_classification(path)
    assert dataset.class_names == ("apple", "bear", "chair")
    dataset = data.load_classification(path, class_names=["bear", "apple"])
    assert dataset.labels.tolist() == [1, 0]
    assert dataset.report.class_counts == {"bear": 1, "apple": 1}
    assert dataset.report.left_out == ("chair",)
    with pytest.raises(ValueError, match="none of the classes"):
        data.load_classification(path, class_names=["door"])
    np.savez(path, x_train=images, y_train=[0, 1, 2])
    dataset = data.load_classification(path, class_names=["x", "y", "z"])
    assert dataset.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_files_that_are_not_npz_are_errors(tmp_path, content):
    path = tmp_path / "set.npz"
    with pytest.raises(FileNotFoundError, match="No such file: .*set.npz"):
        data.load_classification(path)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="set.npz is not a complete .npz"):
        data.load_classification(path)


def test_files_with_broken_data_are_errors(tmp_path):
    path = tmp_path / "set.npz"
    noise = np.random.default_rng(0).integers(0, 9, (30, 6, 9, 3), "uint8")
    np.savez_compressed(path, x_train=noise, y_train=np.zeros(30, int))
    content = bytearray(path.read_bytes())
    content[300:340] = b"\xff" * 40
    path.write_bytes(content)
    with pytest.raises(ValueError, match="set.npz is not a complete .npz"):
        data.load_classification(path)


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


def test_images_of_many_formats_in_class_folders(tmp_path):
    endings = "tif tiff jfif jpe avif jp2 j2k ppm".split()
    (tmp_path / "cats").mkdir()
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    for i, ending in enumerate(endings):
        kind = {"jfif": "jpeg", "jpe": "jpeg", "j2k": "jpeg2000"}.get(ending)
        image.save(tmp_path / "cats" / f"{i}.{ending}", kind)
    dataset = data.load_classification(tmp_path)
    assert len(dataset) == len(endings) and not dataset.report.dropped


def test_formats_that_are_not_installed_name_the_package(tmp_path):
    write(tmp_path / "cats" / "a.png")
    path = tmp_path / "cats" / "b.jxl"
    path.write_bytes(b"\xff\n an image that nothing here decodes")
    ((dropped, why),) = data.load_classification(tmp_path).report.dropped
    assert dropped == path
    assert why.endswith("not installed. Run `pip install pillow-jxl-plugin`")
