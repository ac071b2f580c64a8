"""Tests for finding the images that annotation files state."""

import unicodedata

import pytest

from keras_efficient.data import load_detection
from keras_efficient.data.readers.image_finder import path_parts
from tests.data.annotated import coco_image
from tests.data.annotated import coco_row
from tests.data.annotated import count_of
from tests.data.annotated import write_coco
from tests.data.annotated import write_image
from tests.marks import on_one_backend

pytestmark = on_one_backend


def load(folder, *names, file="boxes.json", split=None, **options):
    """Image i has one box, of left edge i; returns paths by stated name."""
    images = [coco_image(i, name, None, None) for i, name in enumerate(names)]
    rows = [coco_row(i, 1, [i, 2, 10, 10]) for i in range(len(names))]
    write_coco(folder / file, images, rows, ((1, "cup"),))
    return load_detection(folder, split, **options)


def found(folder, dataset):
    """Relative path by the index of the image."""
    return {
        int(record.boxes[0, 0]): record.image.resolve()
        .relative_to(folder.resolve())
        .as_posix()
        for record in dataset.records
    }


def write_images(folder, *names):
    for i, name in enumerate(names):
        write_image(folder / name, 30 + i, 50 + i)


@pytest.mark.parametrize(
    "stated, actual",
    [
        ("C:\\set\\cam 1\\a.jpg", "images/cam 1/a.jpg"),
        ("/mnt/share/project/cam1/a.jpg", "images/cam1/a.jpg"),
        ("/mnt/share/project/cam1/a.jpg", "images/a.jpg"),
        ("\\\\server\\share\\a.jpg", "data/a.jpg"),
        ("https://host.org/x/cam1/a.jpg?size=3#top", "images/cam1/a.jpg"),
        ("s3://bucket/a.jpg", "images/a.jpg"),
        ("file:///home/me/a.jpg", "a.jpg"),
        ("/data/local-files/?d=cam1/a.jpg", "images/cam1/a.jpg"),
        ("/data/upload/1/1a2b3c4d-a.jpg", "images/a.jpg"),
        ("a%20b%281%29.jpg", "images/a b(1).jpg"),
        ("a%20b.jpg", "images/a%20b.jpg"),
        ("a.JPG", "images/a.jpg"),
        ("a.jpg", "images/a.JPG"),
        ("./images/a.jpg", "images/a.jpg"),
        ("images\\a.jpg", "images/a.jpg"),
        ("a.jpg", "images/deep/down/a.jpg"),
        (unicodedata.normalize("NFC", "é.jpg"),
         unicodedata.normalize("NFD", "images/é.jpg")),
        (unicodedata.normalize("NFD", "é.jpg"),
         unicodedata.normalize("NFC", "é.jpg")),
        ("x?y#z.jpg", "images/x?y#z.jpg"),
    ],
)  # fmt: skip
def test_finds(tmp_path, stated, actual):
    write_images(tmp_path, actual)
    dataset = load(tmp_path, stated, strict=True)
    assert found(tmp_path, dataset) == {0: actual}


@pytest.mark.parametrize("prefix", ["", "/mnt/share/", "C:\\x\\", "images/"])
def test_equal_names_in_two_folders_are_told_apart(tmp_path, prefix):
    write_images(tmp_path, "images/cam1/0.jpg", "images/cam2/0.jpg")
    dataset = load(tmp_path, f"{prefix}cam2/0.jpg", f"{prefix}cam1/0.jpg")
    assert found(tmp_path, dataset) == {
        0: "images/cam2/0.jpg",
        1: "images/cam1/0.jpg",
    }


def test_a_name_of_two_files_is_not_used(tmp_path):
    write_images(
        tmp_path, "images/cam1/0.jpg", "images/cam2/0.jpg", "images/1.jpg"
    )
    dataset = load(tmp_path, "0.jpg", "1.jpg")
    assert found(tmp_path, dataset) == {1: "images/1.jpg"}
    assert count_of(dataset.report.dropped, "file is not certain") == 1
    assert "cam1/0.jpg" in str(dataset.report)
    with pytest.raises(ValueError, match="cam2/0.jpg"):
        load(tmp_path, "0.jpg", "1.jpg", strict=True)


def test_copies_of_a_file_are_the_same_image(tmp_path):
    for name in ("images/cam1/0.jpg", "images/cam2/0.jpg"):
        write_image(tmp_path / name)
    assert len(load(tmp_path, "0.jpg", strict=True)) == 1


def test_one_file_is_not_used_for_two_stated_paths(tmp_path):
    write_images(tmp_path, "images/0.jpg", "images/1.jpg")
    dataset = load(tmp_path, "/x/cam1/0.jpg", "/x/cam2/0.jpg", "/x/cam1/1.jpg")
    assert found(tmp_path, dataset) == {2: "images/1.jpg"}
    assert count_of(dataset.report.dropped, "file is not certain") == 2


def test_names_that_differ_in_the_case_of_their_endings(tmp_path):
    write_images(tmp_path, "a.jpg", "a.JPG")
    dataset = load(tmp_path, "a.JPG", "a.jpg", strict=True)
    assert found(tmp_path, dataset) == {0: "a.JPG", 1: "a.jpg"}
    dataset = load(tmp_path, "a.Jpg", "a.jpg")
    assert found(tmp_path, dataset) == {1: "a.jpg"}


@pytest.mark.parametrize("other", ["valid/a.jpg", "train/../a.jpg"])
def test_images_of_another_split_are_not_used(tmp_path, other):
    write_images(tmp_path, "train/b.jpg", other)
    file = "train/_annotations.coco.json"
    dataset = load(tmp_path, "a.jpg", "b.jpg", file=file)
    assert found(tmp_path, dataset) == {1: "train/b.jpg"}
    assert count_of(dataset.report.dropped, "missing images") == 1


def test_splits_in_one_folder_of_images(tmp_path):
    write_images(tmp_path, "images/val/a.jpg", "images/x/b.jpg")
    dataset = load(
        tmp_path, "a.jpg", "b.jpg", file="annotations/instances_train.json"
    )
    assert found(tmp_path, dataset) == {1: "images/x/b.jpg"}


@pytest.mark.parametrize(
    "file, image",
    [
        ("Train/_annotations.coco.json", "Train/a.jpg"),
        ("annotations/instances_Train.json", "images/train/a.jpg"),
        ("annotations/instances_default.json", "images/default/a.jpg"),
        ("annotations/instances_default.json", "images/a.jpg"),
        ("annotations/instances_validation.json", "val/a.jpg"),
        ("annotations/instances_validation.json", "images/valid/a.jpg"),
        ("labels.json", "data/a.jpg"),
        ("train/labels.json", "train/data/a.jpg"),
        ("train/annotations/instances.json", "train/images/a.jpg"),
        ("result.json", "images/a.jpg"),
        ("annotations/a.json", "a.jpg"),
        ("annotations/a.json", "frames/a.jpg"),
    ],
)
def test_folders_of_tools(tmp_path, file, image):
    write_images(tmp_path, image)
    dataset = load(tmp_path, "a.jpg", file=file, strict=True)
    assert found(tmp_path, dataset) == {0: image}


def test_the_folder_of_images_that_is_passed_has_precedence(tmp_path):
    write_images(tmp_path, "a.jpg", "other/sub/a.jpg", "other/b.jpg")
    names = str(tmp_path / "a.jpg"), "b.jpg"
    dataset = load(tmp_path, *names, images=tmp_path / "other", strict=True)
    assert found(tmp_path, dataset) == {0: "other/sub/a.jpg", 1: "other/b.jpg"}


def test_existing_absolute_paths(tmp_path):
    write_images(tmp_path, "set/a.jpg", "images/a.jpg")
    dataset = load(tmp_path, str(tmp_path / "set" / "a.jpg"), strict=True)
    assert found(tmp_path, dataset) == {0: "set/a.jpg"}


def test_parts_of_paths():
    assert path_parts("a/./b//c.jpg") == ("a", "b", "c.jpg")
    assert path_parts("../a.jpg") == ("..", "a.jpg")
    assert path_parts("/") == ("/",)


def test_a_missing_image_is_reported_with_its_folder(tmp_path):
    write_images(tmp_path, "images/b.jpg")
    report = load(tmp_path, "a.jpg", "b.jpg", file="annotations/a.json").report
    assert count_of(report.dropped, "missing images") == 1
