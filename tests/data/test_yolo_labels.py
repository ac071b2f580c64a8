"""Where the label files of a YOLO dataset are found."""

import unicodedata

import pytest

from keras_efficient.data.readers.annotations import EMPTY_LABEL_FILE
from keras_efficient.data.readers.annotations import NO_LABEL_FILE
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.layouts import read_annotations
from keras_efficient.data.readers.layouts import split_names
from keras_efficient.data.readers.yolo import UNCERTAIN
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend


def write_set(root, pairs):
    """Write images and label files; each box has another width."""
    for i, (image, label) in enumerate(pairs):
        write_image(root / image)
        if label is not None:
            write_text(root / label, f"0 0.5 0.5 0.{i + 1} 0.2\n")


def widths(raw):
    """Widths of the boxes, by the name of the image."""
    return {x.image.name: x.boxes[:, 2].tolist() for x in raw.images}


def same_names(images, labels, names):
    return [(f"{images}/{x}.jpg", f"{labels}/{x}.txt") for x in names]


@pytest.mark.parametrize(
    "images, labels",
    [
        ("images", "labels"),
        ("Images", "Labels"),
        ("imgs", "labels"),
        ("img", "annotations"),
        ("JPEGImages", "labels"),
        ("images", "annotations_yolo"),
        ("images/cam1", "labels/cam1"),
        ("images/cam1", "labels"),
        ("images", "labels/all"),
        ("images/train", "labels/train"),
        ("train/images", "train/labels"),
        ("train/images", "labels/train"),
        ("train/Images", "train/label"),
        ("train", "train/labels"),
        ("train", "labels/train"),
        ("train", "train"),
        ("obj_train_data/share/day 1", "obj_train_data/share/day 1"),
        ("images/train/images/a", "labels/train/images/a"),
        ("images/train/images/a", "images/train/labels/a"),
    ],
)
@pytest.mark.parametrize("has_yaml", [False, True])
def test_folders_of_labels(tmp_path, images, labels, has_yaml):
    write_set(tmp_path, same_names(images, labels, "ab"))
    if has_yaml:
        top = (
            images if "/train/" not in images else images.split("/images/a")[0]
        )
        write_text(tmp_path / "data.yaml", f"train: {top}\nnames: [cup]")
    split = "train" if has_yaml else None
    raw = read_annotations(tmp_path, split, layout="yolo")
    assert widths(raw) == {"a.jpg": [0.1], "b.jpg": [0.2]}
    assert not raw.dropped


@pytest.mark.parametrize("labels", ["boxes", "x/y", "yolo out"])
def test_any_folder_if_the_configuration_names_the_images(tmp_path, labels):
    write_set(tmp_path, same_names("scans/day1", labels, "ab"))
    write_text(tmp_path / "data.yaml", "train: scans\nnames: [cup]")
    write_text(tmp_path / "README.txt", "A dataset of cups.")
    raw = read_annotations(tmp_path, "train")
    assert widths(raw) == {"a.jpg": [0.1], "b.jpg": [0.2]}


def test_images_folders_inside_the_images(tmp_path):
    """CVAT keeps the paths of a share, which may contain `images`."""
    names = ["train/Set1/images/train/a", "train/c"]
    write_set(tmp_path, same_names("images", "labels", names))
    raw = read_annotations(tmp_path)
    assert widths(raw) == {"a.jpg": [0.1], "c.jpg": [0.2]}
    assert [image.image_id for image in raw.images] == ["a", "c"]


def test_labels_have_precedence_over_other_folders(tmp_path):
    write_set(tmp_path, same_names("images", "annotations", "abc"))
    write_text(tmp_path / "labels" / "c.txt", "0 0.5 0.5 0.9 0.2")
    assert widths(read_annotations(tmp_path))["c.jpg"] == [0.9]


def test_the_folder_that_fits_most_images_is_used(tmp_path):
    place = "images/train/images"
    write_set(tmp_path, same_names(place, "labels/train/images", "abc"))
    write_text(tmp_path / "images/train/labels/c.txt", "0 0.5 0.5 0.9 0.2")
    assert widths(read_annotations(tmp_path))["c.jpg"] == [0.3]


def test_a_missing_label_file_is_not_taken_from_another_split(tmp_path):
    write_set(tmp_path, same_names("images/train", "labels/train", "abc"))
    write_set(
        tmp_path, [("images/val/d.jpg", None), ("images/val/e.jpg", None)]
    )
    write_text(tmp_path / "labels/train/d.txt", "0 0.5 0.5 0.9 0.2")
    with pytest.raises(ValueError, match="None of the 2 images .*: none"):
        read_annotations(tmp_path, "val")
    write_text(tmp_path / "labels/val/e.txt", "0 0.5 0.5 0.1 0.2")
    raw = read_annotations(tmp_path, "val")
    assert widths(raw) == {"d.jpg": [], "e.jpg": [0.1]}


def test_one_folder_of_labels_for_several_splits(tmp_path):
    write_set(tmp_path, same_names("images/train", "labels", "ab"))
    write_set(tmp_path, same_names("images/val", "labels", "c"))
    assert widths(read_annotations(tmp_path, "val")) == {"c.jpg": [0.1]}
    raw = read_annotations(tmp_path, "train")
    assert len(widths(raw)) == 2 and not raw.dropped


def test_one_name_in_two_folders(tmp_path):
    images = "images/cam1", "images/cam2"
    for folder in images:
        write_image(tmp_path / folder / "0.jpg")
    write_set(tmp_path, same_names("images/cam1", "labels", "1"))
    write_text(tmp_path / "labels/0.txt", "0 0.5 0.5 0.9 0.2")
    # 0.txt belongs to one of two images. Neither is background.
    write_text(tmp_path / "data.yaml", "train: images\nnames: [cup]")
    raw = read_annotations(tmp_path, "train")
    assert widths(raw) == {"1.jpg": [0.1]}
    assert [where.split(": ")[1] for _, where in raw.dropped] == [
        f"{tmp_path}/labels/0.txt"
    ] * 2


def test_labels_of_some_images_elsewhere(tmp_path):
    write_set(tmp_path, same_names("images/cam1", "labels/cam1", "ab"))
    write_set(tmp_path, same_names("images/cam2", "labels", "cd"))
    write_image(tmp_path / "images" / "cam2" / "empty.jpg")
    write_text(tmp_path / "data.yaml", "train: images\nnames: [cup]")
    raw = read_annotations(tmp_path, "train")
    assert widths(raw) == {"a.jpg": [0.1], "b.jpg": [0.2], "empty.jpg": []}
    assert [reason for reason, _ in raw.dropped] == [UNCERTAIN] * 2


def test_two_images_for_one_label_file(tmp_path):
    for folder in ("images/train", "train/images"):
        write_image(tmp_path / folder / "0.jpg")
    write_set(tmp_path, same_names("images/train", "labels/train", "1"))
    write_text(tmp_path / "labels/train/0.txt", "0 0.5 0.5 0.9 0.2")
    text = "train: [images/train, train/images]\nnames: [cup]"
    write_text(tmp_path / "data.yaml", text)
    raw = read_annotations(tmp_path, "train")
    assert widths(raw) == {"1.jpg": [0.1]}
    assert [reason for reason, _ in raw.dropped] == [UNCERTAIN] * 2


def test_empty_and_missing_files_differ(tmp_path):
    write_set(tmp_path, same_names("images", "labels", "ab"))
    write_image(tmp_path / "images/c.jpg")
    write_text(tmp_path / "labels/b.txt", "\n")
    images = {x.image.name: x for x in read_annotations(tmp_path).images}
    assert images["b.jpg"].background == EMPTY_LABEL_FILE
    assert images["c.jpg"].background == NO_LABEL_FILE
    assert images["c.jpg"].where.endswith("c.jpg")


def test_labels_of_other_images_are_an_error(tmp_path):
    write_set(tmp_path, [(f"images/{x}.jpg", None) for x in "ab"])
    write_text(tmp_path / "labels/frame_1.txt", "0 0.5 0.5 0.1 0.2")
    with pytest.raises(ValueError) as info:
        read_annotations(tmp_path)
    message = str(info.value)
    assert "None of the 2 images" in message and "frame_1.txt" in message
    assert f"{tmp_path}/labels'" in message


def test_most_labels_of_other_images(tmp_path):
    """Images whose label file may have another name are no background."""
    write_set(tmp_path, same_names("images", "labels", "a"))
    write_set(tmp_path, [("images/b.jpg", None), ("images/c.jpg", None)])
    for name in ("x", "y"):
        write_text(tmp_path / f"labels/{name}.txt", "0 0.5 0.5 0.1 0.2")
    raw = read_annotations(tmp_path)
    assert widths(raw) == {"a.jpg": [0.1]}
    reasons = [reason for reason, _ in raw.dropped]
    assert sum("text files without an image" in x for x in reasons) == 2
    assert sum("most label files have no image" in x for x in reasons) == 2


def test_other_text_files_are_no_labels(tmp_path):
    write_set(tmp_path, same_names(".", ".", "ab"))
    write_text(tmp_path / "README.txt", "See https://example.com")
    write_text(tmp_path / "classes.txt", "cup\n")
    raw = read_annotations(tmp_path)
    assert not raw.dropped and raw.class_names == ("cup",)


@pytest.mark.parametrize("label", ["a.jpg.txt", "a.TXT"])
def test_endings_of_label_files(tmp_path, label):
    write_set(tmp_path, [("images/a.jpg", f"labels/{label}")])
    assert widths(read_annotations(tmp_path)) == {"a.jpg": [0.1]}


def test_accents_in_another_normal_form(tmp_path):
    names = [unicodedata.normalize(form, "tasse_é") for form in ("NFC", "NFD")]
    image, label = f"images/{names[0]}.jpg", f"labels/{names[1]}.txt"
    write_set(tmp_path, [(image, label)])
    assert widths(read_annotations(tmp_path)) == {f"{names[0]}.jpg": [0.1]}


def test_datasets_with_other_classes_beside_each_other(tmp_path):
    for name, classes in (("one", "cup\nkey\n"), ("two", "key\ncup\n")):
        write_set(tmp_path / name, same_names("images", "labels", "ab"))
        write_text(tmp_path / name / "labels" / "classes.txt", classes)
    assert split_names(FolderListing(tmp_path)) == {"one", "two"}
    raw = read_annotations(tmp_path, "two")
    assert raw.class_names == ("key", "cup")


def test_one_folder_too_high(tmp_path):
    root = tmp_path / "outer" / "cups.v1.yolov8"
    for split in ("train", "valid"):
        images, labels = f"{split}/images", f"{split}/labels"
        write_set(root, same_names(images, labels, split))
    text = "train: ../train/images\nval: ../valid/images\nnames: [cup]"
    write_text(root / "data.yaml", text)
    raw = read_annotations(tmp_path / "outer", "train")
    assert raw.class_names == ("cup",) and len(raw.images) == 5


@pytest.mark.parametrize(
    "places", [["labels"], ["labels/a", "labels/b"], ["."]]
)
def test_images_in_a_folder_of_their_own(tmp_path, places):
    """As Label Studio exports them, which renames uploaded images."""
    names = ["photo 1", "photo_2", "photo (3)", "photo é"]
    labels = ["1a2b3c4d-photo_1", "photo_2", "deadbeef-photo_3",
              "01234567-photo%20%C3%A9"]  # fmt: skip
    export, photos = tmp_path / "export", tmp_path / "photos"
    (export / "images").mkdir(parents=True)
    for i, (name, label) in enumerate(zip(names, labels, strict=True)):
        write_image(photos / "day1" / f"{name}.jpg")
        text = f"0 0.5 0.5 0.{i + 1} 0.2"
        write_text(export / places[i % len(places)] / f"{label}.txt", text)
    write_text(export / "classes.txt", "cup\n")
    if len(places) == 1:
        with pytest.raises(ValueError, match="Pass the folder of the images"):
            read_annotations(export)
        raw = read_annotations(export, images=photos)
        stated = [0.1, 0.2, 0.3, 0.4]
        assert widths(raw) == {
            f"{x}.jpg": [y] for x, y in zip(names, stated, strict=True)
        }
        assert not raw.dropped and raw.class_names == ("cup",)
    else:
        raw = read_annotations(export, "b", images=photos)
        assert widths(raw)["photo_2.jpg"] == [0.2]
        assert widths(raw)["photo 1.jpg"] == []


def test_lists_of_images_in_a_folder_of_their_own(tmp_path):
    export, photos = tmp_path / "export", tmp_path / "photos"
    for split, names in (("train", "ab"), ("valid", "cd")):
        place = f"obj_{split}_data"
        for name in names:
            write_image(photos / f"{name}.jpg")
            text = f"0 0.5 0.5 0.{ord(name) - 96} 0.2"
            write_text(export / place / f"{name}.txt", text)
        lines = "".join(f"data/{place}/{x}.jpg\n" for x in names)
        write_text(export / f"{split}.txt", lines)
    text = "classes = 1\ntrain = data/train.txt\nvalid = data/valid.txt\n"
    write_text(export / "obj.data", f"{text}names = data/obj.names\n")
    write_text(export / "obj.names", "cup\n")
    raw = read_annotations(export, "valid", images=photos)
    assert widths(raw) == {"c.jpg": [0.3], "d.jpg": [0.4]}
    assert not raw.dropped
