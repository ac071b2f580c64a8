"""The task of datasets, and errors for boxes that would train as classes."""

import json

import pytest

from keras_efficient import data
from tests.data.annotated import coco_image
from tests.data.annotated import coco_row
from tests.data.annotated import write_coco
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend


def write_images(folder, splits=("train", "val")):
    for split in splits:
        for i in range(2):
            write_image(folder / split / f"{i}.jpg")


def test_splits_are_not_classes(tmp_path):
    write_images(tmp_path)
    for load in (data.load_classification, data.load_splits):
        with pytest.raises(ValueError, match="'train', 'val' are names of spl"):
            load(tmp_path)
    names = ["train", "val"]
    assert len(data.load_classification(tmp_path, class_names=names)) == 4


def test_classes_named_like_splits_among_others(tmp_path):
    write_images(tmp_path, ("bus", "train"))
    assert data.find_task(tmp_path) == "classification"
    assert data.load_classification(tmp_path).class_names == ("bus", "train")


@pytest.mark.parametrize(
    "name, text",
    [
        ("boxes.csv", "file,x_min,y_min,label\n"),
        ("train/0.json", json.dumps({"regions": [{"bbox": [1, 2, 3, 4]}]})),
        ("rows.jsonl", '{"objects": {"bbox": []}}\n'),
    ],
)
def test_unknown_annotations_are_not_ignored(tmp_path, name, text):
    write_images(tmp_path, ("cat", "dog"))
    assert data.find_task(tmp_path) == "classification"
    write_text(tmp_path / name.replace("train", "cat"), text)
    with pytest.raises(ValueError, match="--task classification"):
        data.load_splits(tmp_path)
    pair = data.load_splits(tmp_path, "classification", validation_share=0.5)
    assert [len(dataset) for dataset in pair] == [2, 2]


def test_other_files_beside_classes_are_ignored(tmp_path):
    write_images(tmp_path, ("cat", "dog"))
    write_text(tmp_path / "README.txt", "Photos of cats and dogs.")
    write_text(tmp_path / "classes.txt", "cat\ndog\n")
    write_text(tmp_path / "info.json", '{"license": "MIT"}')
    assert data.find_task(tmp_path) == "classification"


def test_a_dataset_one_folder_lower_is_named(tmp_path):
    folder = tmp_path / "cups.v1"
    for split in ("train", "valid"):
        write_image(folder / split / "images" / "0.jpg")
        write_text(folder / split / "labels" / "0.txt", "0 0.5 0.5 0.5 0.5")
    try:
        assert data.find_task(tmp_path) == "detection"
    except ValueError as error:
        assert str(folder) in str(error)
    assert data.find_task(folder) == "detection"


def test_names_of_splits_in_any_case(tmp_path):
    write_yolo_splits(tmp_path, ("Train", "Validation"))
    train, validation = data.load_splits(tmp_path)
    assert "/Train/" in str(train.records[0].image)
    assert "/Validation/" in str(validation.records[0].image)


def test_unknown_splits_are_listed_with_the_options(tmp_path):
    write_yolo_splits(tmp_path, ("cam1", "cam2"))
    with pytest.raises(ValueError, match="--split cam1 --val-split cam2"):
        data.load_splits(tmp_path)
    train, validation = data.load_splits(
        tmp_path, split="cam2", validation_split="cam1"
    )
    assert "/cam2/" in str(train.records[0].image)
    assert "/cam1/" in str(validation.records[0].image)
    train, validation = data.load_splits(tmp_path, split="cam2")
    assert len(train) == len(validation) == 1
    assert "/cam2/" in str(validation.records[0].image)


def test_several_years_are_listed(tmp_path):
    write_yolo_splits(tmp_path, ("train2014", "train2017", "val2017"))
    with pytest.raises(ValueError, match="--split train2017"):
        data.load_splits(tmp_path)
    train, validation = data.load_splits(
        tmp_path, split="train2014", validation_split="val2017"
    )
    assert (len(train), len(validation)) == (2, 2)


def test_options_of_detection(tmp_path):
    write_images(tmp_path, ("cat", "dog"))
    with pytest.raises(ValueError, match="'layout', 'images' are options for"):
        data.load_splits(tmp_path, layout="coco", images=tmp_path)


def write_yolo_splits(folder, splits):
    for split in splits:
        for i in range(2):
            write_image(folder / "images" / split / f"{i}.jpg")
            text = "0 0.5 0.5 0.5 0.5"
            write_text(folder / "labels" / split / f"{i}.txt", text)


def test_layouts_with_splits_in_different_spellings_are_listed(tmp_path):
    write_yolo_splits(tmp_path, ("train2017", "val2017"))
    rows = [coco_row(0, 1, [1, 2, 10, 10])]
    for name in ("train", "val"):
        images = [coco_image(0, "0.jpg")]
        file = tmp_path / "annotations" / f"instances_{name}2017.json"
        write_coco(file, images, rows, ((1, "cup"),))
    with pytest.raises(ValueError, match="'coco', 'yolo'.*--layout coco"):
        data.load_splits(tmp_path)
    for layout, count in (("coco", 1), ("yolo", 2)):
        train, _ = data.load_splits(tmp_path, layout=layout)
        assert len(train) == count
    assert len(data.load_detection(tmp_path, "val", layout="yolo")) == 2
