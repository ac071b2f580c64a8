"""Values of another type than readers expect; found by `tests.fuzz`."""

import json

import numpy as np
import pytest

from keras_efficient.data import load_classification
from keras_efficient.data import load_detection
from keras_efficient.data import load_image
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.coco import LAYOUT
from keras_efficient.data.readers.object_rows import read_objects
from keras_efficient.data.readers.tfrecord_examples import objects_of
from keras_efficient.data.readers.tfrecord_examples import size_of
from keras_efficient.data.readers.tfrecord_examples import write_image as save
from keras_efficient.data.readers.unexpected import UnexpectedContentError
from keras_efficient.data.readers.unexpected import named_errors
from tests.data.annotated import coco_image
from tests.data.annotated import coco_row
from tests.data.annotated import labels_of
from tests.data.annotated import write_coco
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend

VALUES = (3, "x", [], {}, [3], [[3]], None, True, float("inf"), {"a": 1})
VALUE = {"x": 10, "y": 10, "width": 50, "height": 40, "rotation": 0}


def label_studio_tasks():
    result = {
        "type": "rectanglelabels", "id": "r", "to_name": "image",
        "original_width": 50, "original_height": 30,
        "value": {**VALUE, "rectanglelabels": ["cup"]},
    }  # fmt: skip
    return [
        {"id": i, "data": {"image": f"{name}.jpg"},
         "annotations": [{"id": i, "result": [json.loads(json.dumps(result))]}]}
        for i, name in enumerate("ab")
    ]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    "keys",
    [
        ("id",), ("annotations",), ("annotations", 0),
        ("annotations", 0, "result"), ("annotations", 0, "result", 0, "id"),
        ("annotations", 0, "result", 0, "value"),
        ("annotations", 0, "result", 0, "original_width"),
        ("annotations", 0, "result", 0, "value", "rectanglelabels"),
        ("annotations", 0, "result", 0, "value", "rotation"),
        ("annotations", 0, "result", 0, "value", "x"),
    ],
)  # fmt: skip
def test_label_studio(tmp_path, keys, value):
    for name in ("a.jpg", "b.jpg"):
        write_image(tmp_path / name)
    tasks = label_studio_tasks()
    place = tasks[0]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    write_text(tmp_path / "a.json", json.dumps(tasks))
    dataset = load_detection(tmp_path, layout="label_studio")
    assert "b.jpg" in labels_of(dataset)


@pytest.mark.parametrize("layout", ["label_studio", "coco"])
def test_addresses_that_are_none_are_searched_by_name(tmp_path, layout):
    write_image(tmp_path / "a.jpg")
    path = tmp_path / "a.json"
    if layout == "coco":
        images = [coco_image(1, "http://[x/a.jpg")]
        rows = [coco_row(1, 1, [1, 2, 3, 4])]
        write_coco(path, images, rows, [(1, "cup")])
    else:
        tasks = label_studio_tasks()[:1]
        tasks[0]["data"]["image"] = "http://[x/a.jpg"
        write_text(path, json.dumps(tasks))
    dataset = load_detection(path, layout=layout, strict=True)
    assert labels_of(dataset) == {"a.jpg": [0]}


@pytest.mark.parametrize("name", ["a\0.jpg", "x" * 300 + ".jpg", "\ud800.jpg"])
def test_names_that_no_disk_accepts(tmp_path, name):
    write_image(tmp_path / "a.jpg")
    images = [coco_image(1, "a.jpg"), coco_image(2, name)]
    rows = [coco_row(i, 1, [1, 2, 3, 4]) for i in (1, 2)]
    write_coco(tmp_path / "a.json", images, rows, [(1, "cup")])
    dataset = load_detection(tmp_path)
    assert labels_of(dataset) == {"a.jpg": [0]}
    assert dataset.report.num_problems == 1
    if "\ud800" not in name:
        with pytest.raises((ValueError, OSError), match="jpg"):
            load_image(tmp_path / name)


def test_boxes_of_pairs_are_no_boxes():
    pairs = [[1, 2], [3, 4], [5, 6], [7, 8]]
    image = RawImage("a.jpg", [pairs, [1, 2, 3, 4]], [0, 1], 1)
    assert np.isnan(image.boxes[0]).all()
    assert image.boxes[1].tolist() == [1, 2, 3, 4]
    assert np.isnan(RawImage("a.jpg", [pairs], [0], 1).boxes).tolist() == [
        [1] * 4
    ]
    image = RawImage("a.jpg", [[10**400, 2, "3", None]], [0], 1)
    np.testing.assert_equal(image.boxes, [[np.nan, 2, 3, np.nan]])


def test_other_columns_of_objects_are_not_read():
    value = {"bbox": [[1, 2, 3, 4]], "category": [0], "other": [1, 2, 3]}
    assert read_objects(value).boxes == [[1, 2, 3, 4]]
    assert read_objects(value).unread == []


def test_features_of_another_type(tmp_path):
    edges = [f"image/object/bbox/{x}" for x in ("xmin", "ymin", "xmax", "ymax")]
    example = dict.fromkeys(edges, [0.5])
    example["image/object/class/text"] = [3]
    example["image/object/class/label"] = [b"cup"]
    assert objects_of(example).num_unread == 1
    assert objects_of(dict.fromkeys(edges, [b"x"])).boxes == []
    for value in ([], [b"8"], [0.5], [2**62], [-1]):
        assert size_of({"image/height": value, "image/width": [8]}) is None
    assert save({"image/encoded": [3]}, tmp_path / "a") is None


@pytest.mark.parametrize(
    "name, ending",
    [
        (b"x", b"/../../../evil"), (b"../../evil", b"png"), (b"..", b""),
        (b"a\0b", b"jpg"), (b"n" * 300, b"jpg"), (b"/etc/x.png", b"png"),
    ],
)  # fmt: skip
def test_names_in_examples_do_not_leave_the_folder(tmp_path, name, ending):
    example = {"image/encoded": [b"data"], "image/filename": [name],
               "image/format": [ending]}  # fmt: skip
    path = save(example, tmp_path / "0")
    assert path is not None and path.parent == tmp_path / "0"
    assert [x for x in tmp_path.rglob("*") if x.is_file()] == [path]


def test_the_last_resort_names_the_file(tmp_path, monkeypatch):
    with pytest.raises(UnexpectedContentError, match="a.json.*KeyError: 'x'"):
        with named_errors("a.json"):
            raise KeyError("x")
    with pytest.raises(FileNotFoundError):
        with named_errors("a.json"):
            raise FileNotFoundError("b.json")
    write_image(tmp_path / "a.jpg")
    images, rows = [coco_image(1, "a.jpg")], [coco_row(1, 1, [1, 2, 3, 4])]
    path = write_coco(tmp_path / "a.json", images, rows, [(1, "cup")])

    def broken(*_):
        raise IndexError("list index out of range")

    monkeypatch.setitem(vars(LAYOUT), "read", broken)
    with pytest.raises(ValueError, match="a.json has contents.*IndexError"):
        load_detection(path, layout="coco")


def test_tables_whose_rows_are_not_what_their_start_looks_like(tmp_path):
    write_image(tmp_path / "a.jpg")
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n" * 70_000 + b"filename,class\na.jpg,cup\n")
    with pytest.raises((ValueError, OSError), match="a.csv"):
        load_classification(path)


@pytest.mark.parametrize("cell", [";", " ; ,"])
def test_tables_without_any_class(tmp_path, cell):
    write_image(tmp_path / "a.jpg")
    text = f'id,labels\na.jpg,"{cell}"\n'
    path = write_text(tmp_path / "a.csv", text)
    with pytest.raises(ValueError, match="a.csv states no class"):
        load_classification(path)


def test_csv_files_that_state_no_classes_are_not_called_folders(tmp_path):
    path = write_text(tmp_path / "a.csv", "x,y\n1,2\n")
    with pytest.raises(ValueError, match="a.csv does not state the classes"):
        load_classification(path)
