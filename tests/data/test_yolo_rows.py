"""Text files with one line for each image."""

import pytest

from keras_efficient.data import load_detection
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.layouts import read_annotations
from keras_efficient.data.readers.layouts import split_names
from tests.data.annotated import boxes_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend

LINES = "a.jpg 1,2,30,20,1 5,5,9,9,0\nphoto 1.jpg 2,3,12,13,0\nc.jpg\n"


def write_rows(folder, name="_annotations.txt", text=LINES):
    for image in ("a", "photo 1", "c"):
        write_image(folder / f"{image}.jpg")
    write_text(folder / "_classes.txt", "cup\nkey\n")
    return write_text(folder / name, text)


def test_folders_of_roboflow(tmp_path):
    for split in ("train", "valid"):
        write_rows(tmp_path / split)
    assert split_names(FolderListing(tmp_path)) == {"train", "valid"}
    dataset = load_detection(tmp_path, "train", strict=True)
    assert dataset.class_names == ("cup", "key")
    assert boxes_of(dataset) == {
        "a.jpg": [[1, 2, 30, 20], [5, 5, 9, 9]],
        "photo 1.jpg": [[2, 3, 12, 13]],
        "c.jpg": [],
    }
    assert labels_of(dataset)["a.jpg"] == [1, 0]


@pytest.mark.parametrize("prefix", ["", "images/", "/home/me/set/images/"])
def test_lists_with_paths(tmp_path, prefix):
    for folder in ("images", "other"):
        write_image(tmp_path / folder / "a.jpg")
    lines = f"{prefix}a.jpg 1,2,30,20,1\n"
    path = write_text(tmp_path / "train.txt", lines)
    for source in (tmp_path, path):
        raw = read_annotations(source, images=tmp_path / "images")
        images = [image.image for image in raw.images]
        assert images == [tmp_path / "images" / "a.jpg"]
        if prefix:
            raw = read_annotations(source)
            assert [image.image for image in raw.images] == images


def test_invalid_lines_are_reported(tmp_path):
    text = "a.jpg 1,2,30,20,7 1,2,30\n???\nc.jpg 1,2,3\n"
    raw = read_annotations(write_rows(tmp_path, text=text))
    assert [image.num_unread for image in raw.images] == [1, 1]
    assert raw.images[0].labels.tolist() == [-1]
    assert [where.split(": ")[1] for _, where in raw.dropped] == [
        "1,2,30",
        "???",
        "1,2,3",
    ]


def test_names_of_classes(tmp_path):
    path = write_rows(tmp_path)
    (tmp_path / "_classes.txt").unlink()
    assert read_annotations(path).class_names == ("0", "1")
    raw = read_annotations(path, class_names=["cup", "key", "pin"])
    assert raw.class_names == ("cup", "key", "pin")


def test_other_text_files_are_not_recognized(tmp_path):
    write_image(tmp_path / "a.jpg")
    write_text(tmp_path / "train.txt", "a.jpg\n")
    write_text(tmp_path / "annotations.txt", "a.jpg is a cup, 1,2 or 3\n")
    assert split_names(FolderListing(tmp_path)) == set()
