"""Tests for boxes in csv files of TensorFlow's tools, Roboflow and AutoML."""

import pytest

from keras_efficient.data import load_detection
from tests.data.annotated import boxes_of
from tests.data.annotated import count_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend

HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax"
ROWS = """a.jpg,50,30,cup,4,5,14,25
a.jpg,50,30,key,20,2,28,11
b.jpg,50,30,cup,1,2,4,6
"""
TEXT = f"{HEADER}\n{ROWS}"
BOXES = {"a.jpg": [[4, 5, 14, 25], [20, 2, 28, 11]], "b.jpg": [[1, 2, 4, 6]]}


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        write_image(tmp_path / name)
    return tmp_path


def test_reads_a_file_of_tensorflow(folder):
    write_text(folder / "boxes.csv", TEXT)
    for source in (folder, folder / "boxes.csv", [folder / "boxes.csv"]):
        dataset = load_detection(source, strict=True)
        assert dataset.class_names == ("cup", "key")
        assert dataset.category_ids == (1, 2)
        assert boxes_of(dataset) == BOXES
        assert labels_of(dataset) == {"a.jpg": [0, 1], "b.jpg": [0]}
        assert dataset.report.layout == "CSV"
    assert not dataset.report.noted


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace(",", ";"),
        TEXT.replace(",", "\t"),
        TEXT.replace(",", " , "),
        "\ufeff" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("filename", "image_path").replace("class", "label"),
        TEXT.replace(
            HEADER, HEADER.replace("xm", "x_m").replace("ym", "y_m").upper()
        ),
        'filename,class,xmin,ymin,xmax,ymax\n"a.jpg","cup",4,5,14,25\n'
        "\na.jpg,key,20,2,28.0,11\nb.jpg,cup,1,2,4,6",
        "a.jpg,4,5,14,25,cup\na.jpg,20,2,28,11,key\nb.jpg,1,2,4,6,cup\n",
    ],
)  # fmt: skip
def test_forms_of_tables(folder, text):
    write_text(folder / "boxes.csv", text)
    dataset = load_detection(folder, strict=True)
    assert boxes_of(dataset) == BOXES
    assert labels_of(dataset) == {"a.jpg": [0, 1], "b.jpg": [0]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_encodings(folder, encoding):
    text = TEXT.replace("key", "Schlüssel")
    (folder / "boxes.csv").write_bytes(text.encode(encoding))
    assert load_detection(folder).class_names == ("Schlüssel", "cup")


@pytest.mark.parametrize(
    "file, image",
    [
        ("train/_annotations.csv", "train/b.jpg"),
        ("train.csv", "train/b.jpg"),
        ("train_labels.csv", "images/train/b.jpg"),
        ("data/train_labels.csv", "images/b.jpg"),
        ("annotations/train.csv", "images/b.jpg"),
    ],
)
def test_splits_share_their_classes(tmp_path, file, image):
    write_text(tmp_path / file, f"{HEADER}\nb.jpg,50,30,key,1,2,4,6\n")
    write_text(
        tmp_path / file.replace("train", "test"),
        f"{HEADER}\nb.jpg,50,30,cup,1,2,4,6\n",
    )
    write_image(tmp_path / image)
    dataset = load_detection(tmp_path, "train", strict=True)
    assert dataset.class_names == ("cup", "key")
    assert labels_of(dataset) == {"b.jpg": [1]}
    assert dataset.records[0].image == tmp_path / image
    with pytest.raises(ValueError, match="divided into 'test', 'train'"):
        load_detection(tmp_path)


def test_invalid_rows_are_reported_with_their_lines(folder):
    rows = (
        "a.jpg,50,30,,1,2,3,4",
        "a.jpg,50,30,cup,1",
        "a.jpg,50,30,cup,1,2,x,4",
        ",50,30,cup,1,2,3,4",
        "c.jpg,50,30,,,,,",
        "d.jpg,50,30,,1,2,3,4",
    )
    write_image(folder / "d.jpg")
    write_text(folder / "boxes.csv", TEXT + "\n".join(rows))
    dataset = load_detection(folder)
    report = dataset.report
    assert boxes_of(dataset) == {**BOXES, "c.jpg": []}
    assert count_of(report.dropped, "rows that lack columns") == 2
    assert count_of(report.dropped, "a box and no class") == 2
    assert count_of(report.dropped, "NaN") == 1
    assert count_of(report.dropped, "no object can be read") == 1  # d.jpg
    assert "boxes.csv, line 5" in str(report)
    assert report.num_empty == 1  # c.jpg


AUTOML = """TRAIN,gs://bucket/set/a.jpg,cup,0.08,0.2,,,0.28,0.8,,
TRAIN,gs://bucket/set/a.jpg,key,0.4,0.1,0.56,0.1,0.56,0.4,0.4,0.4
VALIDATION,gs://bucket/set/b.jpg,key,0.5,0.5,,,1.0,0.9,,
TRAIN,gs://bucket/set/c.jpg,,,,,,,,,
"""


def test_reads_a_file_of_automl(folder):
    write_text(folder / "import.csv", AUTOML)
    train = load_detection(folder, "train", strict=True)
    assert train.class_names == ("cup", "key")
    assert boxes_of(train) == {
        "a.jpg": [[4, 6, 14, 24], [20, 3, 28, 12]],
        "c.jpg": [],
    }
    val = load_detection(folder / "import.csv", "val", strict=True)
    assert boxes_of(val) == {"b.jpg": [[25, 15, 50, 27]]}
    assert labels_of(val) == {"b.jpg": [1]}


@pytest.mark.parametrize(
    "text",
    [
        "name,price\na,3\n",
        "filename,class\na.jpg,cup\n",
        "",
        "\n\n",
        "1,2,3,4,5,6\n",
        "epoch,loss\n1,2\n",
    ],
)
def test_other_tables_are_not_recognized(folder, text):
    write_text(folder / "other.csv", text)
    with pytest.raises(ValueError, match="no annotations that are recognized"):
        load_detection(folder)
    write_text(folder / "boxes.csv", TEXT)
    assert load_detection(folder).num_boxes == 3


def test_equal_names_in_two_folders(tmp_path):
    for i, name in enumerate(("one", "two")):
        write_image(tmp_path / "images" / name / "0.jpg", 30 + i, 50)
    rows = "/x/two/0.jpg,50,31,cup,1,2,3,4\n/x/one/0.jpg,50,30,cup,5,6,7,8\n"
    write_text(tmp_path / "boxes.csv", f"{HEADER}\n{rows}")
    dataset = load_detection(tmp_path, strict=True)
    paths = [record.image.parent.name for record in dataset.records]
    assert paths == ["two", "one"]
