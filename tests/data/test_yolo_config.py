"""What data.yaml, Darknet's obj.data and lists of classes state."""

import unicodedata

import pytest
import yaml

from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.layouts import read_annotations
from keras_efficient.data.readers.layouts import split_names
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend

LINE = "1 0.5 0.5 0.2 0.2\n"


def write_images(root, images, labels, names):
    for name in names:
        write_image(root / images / f"{name}.jpg")
        write_text(root / labels / f"{name}.txt", LINE)


def names_in(raw):
    return sorted(image.image.stem for image in raw.images)


@pytest.mark.parametrize("prefix", ["data/", "", "/home/me/cups/", "C:\\x\\"])
@pytest.mark.parametrize("keys", [("train", "valid"), ("Train", "Validation")])
def test_darknet_lists_divide_the_images(tmp_path, prefix, keys):
    write_images(tmp_path, "obj", "obj", "abcdef")
    for key, names in zip(keys, ("abcd", "ef"), strict=True):
        lines = [f"{prefix}obj/{name}.jpg" for name in names]
        write_text(tmp_path / f"{key}.txt", "\n".join(lines) + "\n\n")
    path = write_text(
        tmp_path / "obj.data",
        f"classes= 2\n{keys[0]}  = {prefix}{keys[0]}.txt\n"
        f"{keys[1]}={prefix}{keys[1]}.txt\nNames = {prefix}obj.names\n"
        "backup = backup/\n",
    )
    write_text(tmp_path / "obj.names", "cup\nkey\n")
    assert split_names(FolderListing(tmp_path)) == set(keys)
    for source in (tmp_path, path):
        for key, names in zip(keys, ("abcd", "ef"), strict=True):
            raw = read_annotations(source, key)
            assert names_in(raw) == list(names)
            assert raw.class_names == ("cup", "key")
            assert raw.images[0].labels.tolist() == [1]
            assert not raw.dropped and not raw.noted


def test_cvat_lists_with_paths_of_a_share(tmp_path):
    place = "obj_train_data/share/images/day 1"
    write_images(tmp_path, place, place, "ab")
    write_images(tmp_path, "obj_train_data", "obj_train_data", "c")
    lines = [f"data/{place}/{x}.jpg\n" for x in "ab"]
    lines.append("data/obj_train_data/c.jpg\n")
    write_text(tmp_path / "train.txt", "".join(lines))
    write_text(tmp_path / "obj.names", "cup\nkey\n")
    text = "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n"
    write_text(tmp_path / "obj.data", text)
    assert names_in(read_annotations(tmp_path)) == ["a", "b", "c"]
    # Without the lists, the folders are enough.
    (tmp_path / "obj.data").unlink()
    (tmp_path / "train.txt").unlink()
    raw = read_annotations(tmp_path, "obj_train_data")
    assert names_in(raw) == ["a", "b", "c"]


def test_lists_without_a_configuration_divide_the_images(tmp_path):
    write_images(tmp_path, "images", "labels", "abc")
    write_text(tmp_path / "train.txt", "./images/a.jpg\nimages/b.jpg\n")
    write_text(tmp_path / "val.txt", "images\\c.jpg\n")
    assert split_names(FolderListing(tmp_path)) == {"train", "val"}
    assert names_in(read_annotations(tmp_path, "train")) == ["a", "b"]
    assert names_in(read_annotations(tmp_path, "val")) == ["c"]


def test_lists_in_another_spelling(tmp_path):
    names = ["tasse_é", "a cup", "big"]
    write_images(tmp_path, "images", "labels", names)
    accents = unicodedata.normalize("NFD", names[0])
    lines = [accents, "a%20cup", "big"]
    text = "".join(f"data/images/{line}.JPG\n" for line in lines)
    write_text(tmp_path / "train.txt", text)
    write_text(tmp_path / "data.yaml", "train: train.txt\nnames: [a, b]")
    raw = read_annotations(tmp_path)
    assert names_in(raw) == sorted(names)
    assert all(image.image.is_file() for image in raw.images)


def test_lists_in_the_yaml_file_have_any_names(tmp_path):
    """As CVAT and datumaro write them."""
    write_images(tmp_path, "images/Batch 1", "labels/Batch 1", "ab")
    write_text(tmp_path / "Batch 1.txt", "data/images/Batch 1/a.jpg\n")
    text = yaml.dump({"path": ".", "Batch 1": "Batch 1.txt", "names": {0: "a"}})
    write_text(tmp_path / "data.yaml", text)
    assert split_names(FolderListing(tmp_path)) == {"Batch 1"}
    assert names_in(read_annotations(tmp_path)) == ["a"]


@pytest.mark.parametrize(
    "stated",
    ["/home/me/cups/train/images", "C:\\data\\cups\\train\\images",
     "../train/images", "cups/train/images", "./train/images"],
)  # fmt: skip
def test_paths_of_another_machine(tmp_path, stated):
    write_images(tmp_path, "train/images", "train/labels", "ab")
    write_images(tmp_path, "valid/images", "valid/labels", "c")
    other = stated.replace("train", "valid")
    text = f"train: {stated}\nval: {other}\nnames: [cup, key]"
    write_text(tmp_path / "data.yaml", text)
    assert names_in(read_annotations(tmp_path, "train")) == ["a", "b"]
    assert names_in(read_annotations(tmp_path, "val")) == ["c"]


def test_a_missing_split_is_not_another_one(tmp_path):
    write_images(tmp_path, "images", "labels", "ab")
    text = "train: /x/train/images\nval: /x/val/images\nnames: [cup, key]"
    write_text(tmp_path / "data.yaml", text)
    assert split_names(FolderListing(tmp_path)) == {None}
    text = "train: images\nval: images\nnames: [cup, key]"
    write_text(tmp_path / "data.yaml", text)
    assert split_names(FolderListing(tmp_path)) >= {"train", "val"}


def test_roboflow_paths_stay_inside_the_dataset(tmp_path):
    """`../train/images` is not the folder of a dataset beside."""
    root = tmp_path / "cups"
    write_images(tmp_path, "train/images", "train/labels", "z")
    write_images(root, "train/images", "train/labels", "ab")
    write_text(root / "data.yaml", "train: ../train/images\nnames: [a, b]")
    assert names_in(read_annotations(root, "train")) == ["a", "b"]


@pytest.mark.parametrize(
    "names, expected",
    [
        ({0: "Кружка", 1: "café"}, ("Кружка", "café")),
        ({0: "no", 1: "1"}, ("no", "1")),
        ({"0": "cup", "1": "key"}, ("cup", "key")),
        ({"cup": 0, "key": 1}, ("cup", "key")),
        ([{"id": 1, "name": "key"}, {"id": 0, "name": "cup"}], ("cup", "key")),
        ([{"name": "cup"}, {"name": "key"}], ("cup", "key")),
        ([{0: "cup"}, {1: "key"}], ("cup", "key")),
        ({1: "cup", 3: "key"}, ("0", "cup", "2", "key")),
        ("cup, key", ("cup", "key")),
        ("data/obj.names", ("cup", "key")),
    ],
)
def test_names_as_tools_write_them(tmp_path, names, expected):
    write_images(tmp_path, "images", "labels", "a")
    write_text(tmp_path / "obj.names", "cup\nkey\n")
    write_text(tmp_path / "data.yaml", yaml.dump({"names": names}))
    assert read_annotations(tmp_path).class_names == expected


def test_invalid_names(tmp_path):
    write_images(tmp_path, "images", "labels", "a")
    write_text(tmp_path / "data.yaml", "names: {a: {b: c}}")
    with pytest.raises(ValueError, match="must be a list of names"):
        read_annotations(tmp_path)


def test_another_number_of_classes_is_noted(tmp_path):
    write_images(tmp_path, "images", "labels", "a")
    write_text(tmp_path / "data.yaml", "nc: 3\nnames: [cup, key]")
    raw = read_annotations(tmp_path)
    assert raw.class_names == ("cup", "key")
    ((_, where),) = raw.noted
    assert "3 classes are stated, 2 are named" in where


def test_files_with_different_names_are_an_error(tmp_path):
    for folder, text in (("cam1", "cup\nkey"), ("cam2", "key\ncup")):
        write_images(tmp_path, f"images/{folder}", f"labels/{folder}", folder)
        write_text(tmp_path / "labels" / folder / "classes.txt", text)
    write_text(tmp_path / "data.yaml", "train: images\nnc: 2")
    with pytest.raises(ValueError, match="Files with class names differ"):
        read_annotations(tmp_path, "train")
    # labelImg appends classes as they are first used.
    for folder, text in (("cam1", "cup\n"), ("cam2", "cup\nkey\n")):
        write_text(tmp_path / "labels" / folder / "classes.txt", text)
    raw = read_annotations(tmp_path, "train")
    assert raw.class_names == ("cup", "key")


def test_several_yaml_files(tmp_path):
    write_images(tmp_path, "images", "labels", "a")
    write_text(tmp_path / "cups.yaml", "names: [cup, key]")
    write_text(tmp_path / "pins.yaml", "names: [key, pin]")
    with pytest.raises(ValueError, match="Pass the path of one of them"):
        read_annotations(tmp_path)
    raw = read_annotations(tmp_path / "pins.yaml")
    assert raw.class_names == ("key", "pin")
    write_text(tmp_path / "data.yaml", "names: [a, b]")
    assert read_annotations(tmp_path).class_names == ("a", "b")


def test_an_empty_line_between_names_keeps_the_numbers(tmp_path):
    write_images(tmp_path, "images", "labels", "a")
    write_text(tmp_path / "classes.txt", "cup\n\nkey\n\n")
    assert read_annotations(tmp_path).class_names == ("cup", "1", "key")
