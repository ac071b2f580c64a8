"""Tests for the csv files of Open Images."""

import pytest

from keras_efficient.data import load_detection
from tests.data.annotated import boxes_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend

HEADER = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,"
    "IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
)
# XMin, XMax, YMin, YMax
ROWS = """0a1b,xclick,/m/01,1,0.1,0.3,0.2,0.8,0,0,0,0,0
0a1b,xclick,/m/02,1,0.5,1.0,0.5,0.9,0,0,1,0,0
0c2d,activemil,/m/02,1,0.0,0.5,0.0,0.5,-1,-1,-1,-1,-1
"""
TEXT = f"{HEADER}\n{ROWS}"
NAMES = '/m/02,Zebra\n/m/01,Apple\n/m/03,"Bed, large"\n'
BOXES = {
    "0a1b.jpg": [[5, 6, 15, 24], [25, 15, 50, 27]],
    "0c2d.jpg": [[0, 0, 25, 15]],
}


def write_set(root, table, names, folder, text=TEXT):
    write_text(root / table, text)
    if names is not None:
        write_text(root / names, NAMES)
    for image in ("0a1b", "0c2d"):
        write_image(root / folder / f"{image}.jpg")


@pytest.mark.parametrize(
    "table, names, folder",
    [
        ("train-annotations-bbox.csv", "class-descriptions.csv", "train"),
        ("oidv6-train-annotations-bbox.csv", "names.csv", "images/train"),
        ("csv_folder/train-annotations-bbox.csv", "csv_folder/names.csv",
         "Dataset/train/Apple"),
        ("train/labels/detections.csv", "train/metadata/classes.csv",
         "train/data"),
        ("annotations/train.csv", "names.csv", "data"),
    ],
)  # fmt: skip
def test_reads_boxes_groups_and_names(tmp_path, table, names, folder):
    write_set(tmp_path, table, names, folder)
    dataset = load_detection(tmp_path, "train", strict=True)
    assert dataset.class_names == ("Zebra", "Apple", "Bed, large")
    assert labels_of(dataset) == {"0a1b.jpg": [1, 0], "0c2d.jpg": [0]}
    for name, boxes in BOXES.items():
        assert boxes_of(dataset)[name] == [pytest.approx(x) for x in boxes]
    crowds = [record.is_crowd.tolist() for record in dataset.records]
    assert crowds == [[False, True], [False]]
    assert [x.image_id for x in dataset.records] == ["0a1b", "0c2d"]
    objects = load_detection(tmp_path, "train", crowds="objects")
    assert objects.report.num_crowd == 0


def test_images_that_were_not_downloaded_are_noted(tmp_path):
    write_set(tmp_path, "train-annotations-bbox.csv", "names.csv", "train")
    (tmp_path / "train" / "0c2d.jpg").unlink()
    dataset = load_detection(tmp_path, "train", strict=True)
    assert len(dataset) == 1
    assert "1 of 2 images, such as 0c2d" in str(dataset.report)


def test_classes_without_descriptions(tmp_path):
    write_set(tmp_path, "train-annotations-bbox.csv", None, "train")
    text = f"{HEADER}\n0a1b,x,/m/09,1,0.1,0.3,0.2,0.8,0,0,0,0,0\n"
    write_text(tmp_path / "validation-annotations-bbox.csv", text)
    dataset = load_detection(tmp_path, "train", strict=True)
    assert dataset.class_names == ("/m/01", "/m/02", "/m/09")
    assert "LabelName used" in str(dataset.report)
    write_image(tmp_path / "validation" / "0a1b.jpg")
    assert labels_of(load_detection(tmp_path, "val")) == {"0a1b.jpg": [2]}


def test_descriptions_of_other_labels(tmp_path):
    """As datumaro writes them."""
    text = TEXT.replace("/m/01", "apple").replace("/m/02", "zebra")
    write_set(tmp_path, "annotations/train-annotations-bbox.csv", None, "train",
              text)  # fmt: skip
    names = "zebra,Zebra\napple,Apple\n"
    write_text(tmp_path / "annotations" / "class-descriptions.csv", names)
    dataset = load_detection(tmp_path, "train", strict=True)
    assert dataset.class_names == ("Zebra", "Apple")
    assert labels_of(dataset) == {"0a1b.jpg": [1, 0], "0c2d.jpg": [0]}


def test_a_header_of_descriptions(tmp_path):
    write_set(tmp_path, "train-annotations-bbox.csv", None, "train")
    write_text(tmp_path / "names.csv", f"LabelName,DisplayName\n{NAMES}")
    names = load_detection(tmp_path, "train").class_names
    assert names == ("Zebra", "Apple", "Bed, large")


def test_a_file_and_a_folder_of_images(tmp_path):
    write_set(tmp_path, "boxes.csv", "names.csv", "far/away")
    path = tmp_path / "boxes.csv"
    dataset = load_detection(path, images=tmp_path / "far", strict=True)
    assert len(dataset) == 2 and dataset.class_names[0] == "Zebra"
    assert dataset.report.layout == "Open Images csv"


def test_incomplete_rows_are_reported(tmp_path):
    text = (
        f"{TEXT}0a1b,xclick,/m/01\n0a1b,x,/m/77,1,0.1,0.3,0.2,0.8,0,0,0,0,0\n"
    )
    write_set(tmp_path, "boxes.csv", "names.csv", "images", text)
    report = load_detection(tmp_path).report
    assert sorted(report.dropped) == [
        "boxes of a class that the file does not name",
        "rows that lack columns",
    ]
    assert "boxes.csv, line 5" in str(report)
