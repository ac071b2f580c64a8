"""Tests for reading YOLO's text files."""

import numpy as np
import pytest

from keras_efficient.data import load_detection
from tests.data.annotated import boxes_of
from tests.data.annotated import count_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend

# In 30 x 50: x 0.4 * 50 +- 5, y 0.5 * 30 +- 3.
LINE = "1 0.4 0.5 0.2 0.2\n"
BOX = [15, 12, 25, 18]


def write_split(root, images="images/train", labels="labels/train"):
    """Two images: a.jpg has one box, b.jpg none."""
    write_image(root / images / "a.jpg")
    write_image(root / images / "b.jpg")
    write_text(root / labels / "a.txt", LINE)


def near(boxes):
    return pytest.approx(np.array(boxes), abs=1e-4)


@pytest.mark.parametrize(
    "images, labels",
    [
        ("images/train", "labels/train"),
        ("train/images", "train/labels"),
        ("train", "train"),
    ],
)
def test_a_folder_for_each_split(tmp_path, images, labels):
    write_split(tmp_path, images, labels)
    other = images.replace("train", "val"), labels.replace("train", "val")
    write_split(tmp_path, *other)
    write_text(tmp_path / "data.yaml", "names: [cat, dog]")
    dataset = load_detection(tmp_path, "train", strict=True)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.category_ids == (0, 1)
    assert labels_of(dataset) == {"a.jpg": [1], "b.jpg": []}
    assert np.array(boxes_of(dataset)["a.jpg"]) == near([BOX])
    assert dataset.report.num_empty == 1
    assert [record.image_id for record in dataset.records] == ["a", "b"]
    # "val" is also found by its other names.
    assert len(load_detection(tmp_path, "validation")) == 2
    with pytest.raises(ValueError, match="divided into 'train', 'val'"):
        load_detection(tmp_path)


@pytest.mark.parametrize("images, labels", [("images", "labels"), ("", "")])
def test_one_folder_without_splits(tmp_path, images, labels):
    write_split(tmp_path, images, labels)
    write_text(tmp_path / labels / "classes.txt", "cat\nbig dog\n")
    dataset = load_detection(tmp_path, strict=True)
    assert dataset.class_names == ("cat", "big dog") and len(dataset) == 2
    with pytest.raises(FileNotFoundError, match="it is not divided"):
        load_detection(tmp_path, "train")


@pytest.mark.parametrize(
    "yaml, place",
    [
        ("train: images/a\n", "images/a"),
        ("path: ../set\ntrain: images/a\n", "images/a"),
        ("path: /content/set\ntrain: images/a\n", "images/a"),
        ("train: ../pictures/images\n", "pictures/images"),  # Roboflow
        ("train: list.txt\n", "images/a"),
        ("train: [images/a, images/none]\nval: x\n", None),
        ("train:\n  - images/a\n  - images/b\n", "images/a"),
    ],
)
def test_paths_of_the_yaml_file(tmp_path, yaml, place):
    root = tmp_path / "set"
    for name in ("images/a", "images/b", "pictures/images"):
        write_split(root, name, name.replace("images", "labels"))
    write_text(root / "list.txt", "./images/a/a.jpg\nimages/a/b.jpg\n")
    path = write_text(root / "data.yaml", f"{yaml}names: {{0: cat, 1: dog}}")
    if place is None:  # one of the folders is not there
        with pytest.raises(FileNotFoundError, match="no split 'train'"):
            load_detection(root, "train")
        return
    for source in (root, path):
        dataset = load_detection(source, "train", strict=True, layout="yolo")
        folders = {record.image.parent.resolve() for record in dataset.records}
        assert (root / place).resolve() in folders
        assert len(dataset) == (4 if "images/b" in yaml else 2)
        # Images of one name keep ids that differ.
        assert len({x.image_id for x in dataset.records}) == len(dataset)


def test_polygons_become_boxes_and_class_numbers_become_names(tmp_path):
    write_split(tmp_path)
    text = "3 0.1 0.2 0.3 0.1 0.2 0.5\n0 0.5 0.5 1 1\n"
    write_text(tmp_path / "labels" / "train" / "b.txt", text)
    dataset = load_detection(tmp_path, "train", strict=True)
    assert dataset.class_names == ("0", "1", "2", "3")
    # x 0.1..0.3 of 50, y 0.1..0.5 of 30.
    expected = [[5, 3, 15, 15], [0, 0, 50, 30]]
    assert np.array(boxes_of(dataset)["b.jpg"]) == near(expected)
    names = ["a", "b", "c", "d", "e"]
    named = load_detection(tmp_path, class_names=names)
    assert named.class_names == tuple(names)
    assert labels_of(named)["b.jpg"] == [3, 0]


def test_keypoints_are_ignored(tmp_path):
    write_split(tmp_path)
    text = "0 0.5 0.5 1 1 0.1 0.2 0.3 0.4\n"
    write_text(tmp_path / "labels" / "train" / "b.txt", text)
    yaml = "kpt_shape: [2, 2]\nnames: [cat, dog]\n"
    write_text(tmp_path / "data.yaml", yaml)
    dataset = load_detection(tmp_path)
    assert boxes_of(dataset)["b.jpg"] == [[0, 0, 50, 30]]


def test_invalid_annotations_are_repaired_or_dropped_and_reported(tmp_path):
    write_split(tmp_path)
    lines = [
        *["0 0.5 0.5 0.3 0.2"] * 30,
        "0 0.5 0.5 0.2",
        "cat 0.5 0.5 0.2 0.2",
        "0.5 0.5 0.5 0.2 0.2",
        "0 0.5 0.5 0.2 0.2 0.9",
        "2 0.5 0.5 0.2 0.2",
        "-1 0.5 0.5 0.2 0.2",
        "0 0.9 0.5 0.4 0.2",
        "0 1.6 0.5 0.4 0.2",
        "0 0.5 0.5 0 0.2",
        "0 nan 0.5 0.1 0.2",
        "0 0.25000001 0.5 0.50000004 0.2",  # rounding is no fault
        "",
    ]
    write_text(tmp_path / "labels" / "train" / "b.txt", "\n".join(lines))
    write_text(tmp_path / "labels" / "train" / "gone.txt", LINE)
    write_text(tmp_path / "data.yaml", "names: [cat, dog]")
    report = load_detection(tmp_path, "train").report
    assert report.class_counts == {"cat": 34, "dog": 1}
    assert {k: n for k, (n, _) in report.repaired.items()} == {
        "boxes partly outside the image (clipped)": 1
    }
    assert len(report.dropped) == 6
    for words, count in (
        ("lines that are not", 2),
        ("class that the file does not name", 2),
        ("outside", 1),
        ("without area", 1),
        ("NaN", 1),
        ("without an image", 1),
    ):
        assert count_of(report.dropped, words) == count, words
    assert "b.txt, line 31: 0 0.5 0.5 0.2" in str(report)
    with pytest.raises(ValueError, match="line 33"):
        load_detection(tmp_path, "train", strict=True)


def test_images_with_the_same_label_file_are_duplicates(tmp_path):
    write_split(tmp_path)
    write_image(tmp_path / "images" / "train" / "a.png")
    report = load_detection(tmp_path).report
    assert count_of(report.dropped, "id of an earlier image") == 1


@pytest.mark.parametrize(
    "text, names",
    [
        ("names: ['a, b', \"c\", d e]", ("a, b", "c", "d e")),
        ("names:\n- a\n- 'b: c'\nnc: 2", ("a", "b: c")),
        ("names:\n  0: a # b\n  2: c#d", ("a", "1", "c#d")),
        ("names: {0: a, 1: 'b'}", ("a", "b")),
        ('names: {"0":"a","1":"b"}', ("a", "b")),
        ("names: ['a',\n  'b',\n]\nnc: 2", ("a", "b")),
        ("# x\n---\npath: C:\\set\ntrain:\nnames: [a, b]", ("a", "b")),
        ("names: ['a # b', 'it''s']  # x", ("a # b", "it's")),
        ("names: [don't, no, 1]", ("don't", "no", "1")),
        ("names: [a, b]\ndownload: |\n  a = {1: 2}\n  b = [", ("a", "b")),
        ("names: []\nnc: 3", ("0", "1", "2")),
    ],
)
def test_names_in_the_yaml_file(tmp_path, text, names):
    write_split(tmp_path)
    path = write_text(tmp_path / "data.yaml", text)
    for source in (tmp_path, path):
        assert load_detection(source, "train").class_names == names


def test_broken_yaml_files(tmp_path):
    write_split(tmp_path)
    path = write_text(tmp_path / "a.yaml", "names: [a, b")
    with pytest.raises(ValueError, match="a.yaml is not valid YAML: "):
        load_detection(path)
    # In a folder it may be a file for something else.
    write_text(tmp_path / "b.yaml", "names: [a, b]")
    write_text(tmp_path / "list.yaml", "- a")
    assert load_detection(tmp_path).class_names == ("a", "b")
