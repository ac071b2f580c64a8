"""Tests for the boxes of Hugging Face's datasets, in memory and in folders."""

import io
import json
import types

import numpy as np
import pytest
from PIL import Image

from keras_efficient.data import load_detection
from tests.data.annotated import boxes_of
from tests.data.annotated import count_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend

OBJECTS = {
    "bbox": [[4, 5, 10, 20], [20, 2, 8, 9]],
    "category": [1, 0],
    "area": [150.0, 72.0],
}
ROWS = [
    {"file_name": "a.jpg", "objects": OBJECTS},
    {"file_name": "b.jpg", "objects": {"bbox": [], "category": []}},
]
BOXES = [[4, 5, 14, 25], [20, 2, 28, 11]]


class ImageFeature:
    """Stands for `datasets.Image`."""

    def __init__(self, decode=True):
        self.decode = decode


class Dataset(list):
    """Stands for `datasets.Dataset`, which the package does not import."""

    def __init__(self, rows, names=("cup", "key"), is_encoded=False):
        super().__init__(rows)
        label = types.SimpleNamespace()
        if names is not None:
            label.names = list(names)
        several = types.SimpleNamespace(feature=label)
        objects = {"bbox": object(), "category": several, "area": object()}
        self.features = {"image": ImageFeature(), "objects": objects}
        self.column_names = list(self.features)
        self.is_encoded = is_encoded

    def cast_column(self, name, feature):
        assert name == "image" and feature.decode is False
        return Dataset([*list.__iter__(self)], is_encoded=True)

    def __iter__(self):
        for row in list.__iter__(self):
            assert self.is_encoded or "image" not in row
            yield row

    def __getitem__(self, key):
        assert key == "objects"
        return [row["objects"] for row in list.__iter__(self)]


def encoded(value, **options):
    file = io.BytesIO()
    image = Image.new("RGB", (50, 30), (value, 0, 0))
    image.save(file, "PNG", **options)
    return {"path": "a.png", "bytes": file.getvalue()}


def rows_in_memory():
    return [
        {"image": encoded(i), "objects": row["objects"]}
        for i, row in enumerate(ROWS)
    ]


def test_reads_a_dataset_in_memory():
    dataset = load_detection(Dataset(rows_in_memory()), strict=True)
    assert dataset.class_names == ("cup", "key")
    first, second = dataset.records
    assert first.boxes.tolist() == BOXES and first.labels.tolist() == [1, 0]
    assert first.areas.tolist() == [150, 72]
    assert first.image.shape == (30, 50, 3) and second.image[0, 0, 0] == 1
    assert len(second.boxes) == 0
    assert dataset.report.layout == "Hugging Face dataset"


def test_lists_of_objects_and_files(tmp_path):
    write_image(tmp_path / "a.jpg")
    objects = [
        {"bbox": np.array([4, 5, 10, 20]), "category": np.int64(1)},
        {"bbox": [20, 2, 8, 9], "category": 0, "iscrowd": True},
        {"bbox": None, "category": 0},
        {"bbox": [1, 2, 3, 4], "category": None},
    ]
    path = str(tmp_path / "a.jpg")
    row = {"image": {"path": path, "bytes": None}, "objects": objects}
    dataset = load_detection(Dataset([row]))
    assert boxes_of(dataset) == {"a.jpg": BOXES}
    assert dataset.records[0].is_crowd.tolist() == [False, True]
    assert count_of(dataset.report.dropped, "without a box of four") == 1
    assert count_of(dataset.report.dropped, "without a class") == 1


def test_splits_of_a_dataset():
    rows = rows_in_memory()
    source = {"train": Dataset(rows), "validation": Dataset(rows[:1])}
    assert len(load_detection(source, "train")) == 2
    assert len(load_detection(source, "val", class_names=["key"])) == 1
    with pytest.raises(ValueError, match="divided into 'train', 'validation'"):
        load_detection(source)
    with pytest.raises(FileNotFoundError, match="no split 'test': it has 'tr"):
        load_detection(source, "test")
    with pytest.raises(ValueError, match="has no layout. Received: 'layout'"):
        load_detection(source, "train", layout="coco")


def test_other_formats_of_boxes():
    rows = rows_in_memory()
    rows[0]["objects"] = {"bbox": [[4, 5, 14, 25]], "category": [1]}
    dataset = load_detection(Dataset(rows), bounding_box_format="xyxy")
    assert dataset.records[0].boxes.tolist() == [[4, 5, 14, 25]]


def test_broken_images_and_missing_columns():
    rows = rows_in_memory()
    rows[1]["image"] = {"path": None, "bytes": b"no image"}
    report = load_detection(Dataset(rows)).report
    assert count_of(report.dropped, "without an image that can be read") == 1
    dataset = Dataset(rows)
    del dataset.features["objects"]
    with pytest.raises(ValueError, match="one of objects.*columns 'image'"):
        load_detection(dataset)


def write_rows(path, rows):
    return write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("name", ["train", "data/train"])
def test_reads_a_folder(tmp_path, name):
    folder = tmp_path / name
    for image in ("a.jpg", "b.jpg"):
        write_image(folder / image)
    write_rows(folder / "metadata.jsonl", ROWS)
    dataset = load_detection(tmp_path, "train", strict=True)
    assert boxes_of(dataset) == {"a.jpg": BOXES, "b.jpg": []}
    assert dataset.class_names == ("0", "1")
    names = ["cup", "key"]
    for source in (folder, folder / "metadata.jsonl"):
        dataset = load_detection(source, class_names=names, strict=True)
        assert dataset.class_names == ("cup", "key")
        assert labels_of(dataset)["a.jpg"] == [1, 0]


def test_splits_of_a_folder_share_their_classes(tmp_path):
    for split, names in (("train", ["key", "cup"]), ("test", ["pin"])):
        objects = {"bbox": [[1, 2, 3, 4]] * len(names), "category": names}
        write_image(tmp_path / split / "a.jpg")
        row = {"file_name": "a.jpg", "objects": objects}
        write_rows(tmp_path / split / "metadata.jsonl", [row])
    dataset = load_detection(tmp_path, "test", strict=True)
    assert dataset.class_names == ("cup", "key", "pin")
    assert labels_of(dataset) == {"a.jpg": [2]}


def test_invalid_lines_of_a_folder(tmp_path):
    for image in ("a.jpg", "b.jpg", "c.jpg"):
        write_image(tmp_path / image)
    rows = [
        *ROWS,
        {"objects": OBJECTS},
        {"file_name": "c.jpg", "objects": "cup"},
        [1],
    ]
    path = write_rows(tmp_path / "metadata.jsonl", rows)
    dataset = load_detection(tmp_path)
    assert sorted(boxes_of(dataset)) == ["a.jpg", "b.jpg"]
    assert count_of(dataset.report.dropped, "without a file_name") == 2
    assert count_of(dataset.report.dropped, "are not boxes with classes") == 1
    assert "metadata.jsonl, line 4" in str(dataset.report)
    path.write_text(path.read_text() + "{\n")
    with pytest.raises(ValueError, match="line 6 is not json"):
        load_detection(tmp_path)


def test_other_metadata_is_not_recognized(tmp_path):
    write_image(tmp_path / "a.jpg")
    write_rows(
        tmp_path / "metadata.jsonl", [{"file_name": "a.jpg", "text": ""}]
    )
    with pytest.raises(ValueError, match="no annotations that are recognized"):
        load_detection(tmp_path)


def test_the_format_of_boxes_is_for_layouts_that_do_not_state_it(tmp_path):
    write_image(tmp_path / "a.jpg")
    text = "filename,class,xmin,ymin,xmax,ymax\na.jpg,cup,1,2,3,4\n"
    write_text(tmp_path / "boxes.csv", text)
    with pytest.raises(ValueError, match="only used with .*'imagefolder'"):
        load_detection(tmp_path, bounding_box_format="xyxy")
