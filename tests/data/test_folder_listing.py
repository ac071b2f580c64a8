"""Tests for the listing of the folders of a dataset."""

import collections
import os

import numpy as np
import pytest

from keras_efficient import data
from keras_efficient.data.readers.folder_listing import FolderListing
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend


@pytest.fixture
def listed(monkeypatch):
    """The number of times that each folder has been read."""
    counts = collections.Counter()
    scandir, listdir = os.scandir, os.listdir

    def count(function):
        def counting(path="."):
            if not isinstance(path, int):  # `shutil.rmtree` passes those
                counts[os.path.abspath(path)] += 1
            return function(path)

        return counting

    monkeypatch.setattr(os, "scandir", count(scandir))
    monkeypatch.setattr(os, "listdir", count(listdir))
    return counts


@pytest.mark.parametrize("layout", ["coco", "voc", "yolo"])
def test_each_folder_is_read_once(tmp_path, listed, layout):
    images = np.zeros((4, 20, 30, 3), "uint8")
    boxes, labels = [[[2, 3, 12, 13]]] * 4, [[0]] * 4
    whole = data.detection_from_arrays(images, boxes, labels, ["cup"])
    parts = dict(zip(("train", "val"), whole.split(0.5), strict=True))
    root = tmp_path / "set"
    data.save_detection(parts, root, layout=layout)
    listed.clear()
    assert len(data.load_detection(root, "train", strict=True)) == 2
    inside = {x: n for x, n in listed.items() if x.startswith(str(root))}
    assert set(inside.values()) == {1}, inside


def test_links_to_a_folder_above(tmp_path):
    write_text(tmp_path / "a" / "b" / "x.json", "{}")
    for i in range(20):
        os.symlink(tmp_path, tmp_path / "a" / f"link{i}")
    os.symlink("self", tmp_path / "self")
    listing = FolderListing(tmp_path)
    expected = [tmp_path / "a" / "b" / "x.json"]
    assert listing.files_to_depth(6, ".json") == expected
    assert listing.files_below(tmp_path, ".json") == expected


def test_linked_folders_are_part_of_limited_depths_only(tmp_path):
    write_image(tmp_path / "elsewhere" / "a.jpg")
    (tmp_path / "set").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "set" / "link")
    listing = FolderListing(tmp_path / "set")
    image = tmp_path / "set" / "link" / "a.jpg"
    assert listing.files_to_depth(1) == [image]
    assert listing.files_below(listing.root) == []
    assert listing.files_below(image.parent) == [image]


def test_hidden_and_missing_folders_have_no_files(tmp_path):
    for name in (".hidden/a.jpg", "images/.a.jpg", "images/B.JPG"):
        write_image(tmp_path / name)
    listing = FolderListing(tmp_path)
    assert listing.folders() == ["images"]
    image = tmp_path / "images" / "B.JPG"
    assert listing.files_below(tmp_path, ".jpg") == [image]
    assert listing.has_images(tmp_path)
    for missing in (tmp_path / "labels", image, tmp_path / ("x" * 5000)):
        assert listing.names(missing) == ([], [])
        assert listing.files_to_depth(2, "", missing) == []
        assert not listing.has_images(missing)


def test_the_listing_of_a_file_is_that_of_its_folder(tmp_path):
    write_image(tmp_path / "a.jpg")
    path = write_text(tmp_path / "boxes.csv", "")
    listing = FolderListing(path)
    assert listing.is_file and listing.root == tmp_path
    assert listing.files(listing.root, ".jpg") == [tmp_path / "a.jpg"]
