"""Tests for reading COCO's json files."""

import json

import numpy as np
import pytest

from keras_efficient.data import load_detection
from tests.data.annotated import boxes_of
from tests.data.annotated import coco_image
from tests.data.annotated import coco_row
from tests.data.annotated import count_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_coco
from tests.data.annotated import write_cut_image
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend
from tests.shared import SHARED
from tests.shared import needs_shared

pytestmark = on_one_backend

SPARSE = ((18, "dog"), (3, "car"), (90, "brush"))
IMAGES = (coco_image(7, "a.jpg"), coco_image(5, "b.jpg"))
ROWS = (
    coco_row(7, 18, [4, 5, 10, 20], area=150.5),
    coco_row(7, 3, [0, 0, 50, 30], iscrowd=1, area=700),
)


@pytest.fixture
def folder(tmp_path):
    """Image a.jpg has a dog and a crowd of cars; b.jpg has nothing."""
    for image in IMAGES:
        write_image(tmp_path / image["file_name"])
    write_coco(tmp_path / "boxes.json", IMAGES, ROWS, SPARSE)
    return tmp_path


def test_reads_boxes_crowds_areas_and_sparse_ids(folder):
    dataset = load_detection(folder, strict=True)
    assert dataset.class_names == ("car", "dog", "brush")
    assert dataset.category_ids == (3, 18, 90)
    first, second = dataset.records
    # x, y, width, height -> 4 + 10, 5 + 20
    assert first.boxes.tolist() == [[4, 5, 14, 25], [0, 0, 50, 30]]
    assert first.boxes.dtype == np.float32 and first.labels.dtype == np.int32
    assert first.labels.tolist() == [1, 0]
    assert first.is_crowd.tolist() == [False, True]
    assert first.areas.tolist() == [150.5, 700]
    assert (first.size, first.image_id) == ((30, 50), 7)
    assert second.boxes.shape == (0, 4) and second.is_crowd.shape == (0,)
    report = dataset.report
    assert report.class_counts == {"car": 1, "dog": 1, "brush": 0}
    assert (report.num_images, report.num_empty, report.num_crowd) == (2, 1, 1)
    assert str(report) == (
        f"2 images with 2 boxes of 3 classes in {folder / 'boxes.json'} "
        "(COCO json)\n  car: 1, dog: 1\nclasses without boxes: 'brush'\n"
        "1 images without boxes, used as background\n"
        "  1 images without annotations\n1 boxes around crowds"
    )


def test_missing_areas_are_areas_of_the_boxes(folder):
    rows = (ROWS[0], coco_row(7, 3, [40, 20, 20, 5]))
    write_coco(folder / "boxes.json", IMAGES, rows, SPARSE)
    # Clipped at the width of 50: 10 * 5.
    assert load_detection(folder).records[0].areas.tolist() == [150.5, 50]
    write_coco(folder / "boxes.json", IMAGES, rows[1:], SPARSE)
    assert load_detection(folder).records[0].areas is None


@pytest.mark.parametrize(
    "file, image",
    [
        ("annotations/instances_train.json", "train/a.jpg"),
        ("annotations/instances_train2017.json", "train2017/a.jpg"),
        ("annotations/instances_train2017.json", "images/train2017/a.jpg"),
        ("annotations/instances_train2017.json", "images/train/a.jpg"),
        ("annotations/train.json", "images/a.jpg"),
        ("train/_annotations.coco.json", "train/a.jpg"),
        ("train/some_name.json", "train/images/a.jpg"),
        ("train.json", "a.jpg"),
        ("instances_train.json", "train/a.jpg"),
    ],
)
def test_finds_the_split_and_its_images(tmp_path, file, image):
    val = file.replace("train", "val")
    for name in (file, val):
        write_coco(tmp_path / name, IMAGES[:1], ROWS, SPARSE)
    write_image(tmp_path / image)
    dataset = load_detection(tmp_path, "train", strict=True)
    assert [record.image for record in dataset.records] == [tmp_path / image]
    with pytest.raises(ValueError, match="divided into .*train.*val.*split="):
        load_detection(tmp_path)
    with pytest.raises(FileNotFoundError, match="no split 'test': .*'val"):
        load_detection(tmp_path, "test")


def test_the_folder_of_annotations_has_precedence(tmp_path):
    files = "annotations/instances_Set.json", "Set/_annotations.coco.json"
    for file, rows in zip(files, (ROWS, ROWS[:1]), strict=True):
        write_coco(tmp_path / file, IMAGES[:1], rows, SPARSE)
    write_image(tmp_path / "Set" / "a.jpg")
    assert load_detection(tmp_path, "Set").num_boxes == 2


def test_the_year_is_required_if_there_are_two(folder):
    for year in (2014, 2017):
        write_coco(folder / f"train{year}.json", IMAGES[:1], ROWS, SPARSE)
    (folder / "boxes.json").unlink()
    with pytest.raises(FileNotFoundError, match="'train2014', 'train2017'"):
        load_detection(folder, "train")
    assert len(load_detection(folder, "train2017")) == 1


def test_json_files_for_other_tasks_are_ignored(folder):
    for name in ("captions_boxes.json", "image_info_boxes.json"):
        write_coco(folder / name, IMAGES, ROWS, SPARSE)
    write_text(folder / "package.json", '{"name": "set"}')
    write_text(folder / "detections.json", '[{"image_id": 7}]')
    assert len(load_detection(folder)) == 2


def test_a_file_and_a_folder_of_images(folder, tmp_path):
    path = folder / "boxes.json"
    assert len(load_detection(path)) == 2
    write_image(tmp_path / "elsewhere" / "a.jpg", 60, 100)
    (record,) = load_detection(path, images=tmp_path / "elsewhere").records
    assert record.size == (60, 100)
    with pytest.raises(FileNotFoundError, match="No such folder of images"):
        load_detection(path, images=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="No such file or folder"):
        load_detection(folder / "none.json")


def test_file_names_with_foreign_folders(folder):
    images = (coco_image(7, "C:\\set\\a.jpg"), coco_image(5, "../x/b.jpg"))
    write_coco(folder / "boxes.json", images, ROWS, SPARSE)
    dataset = load_detection(folder, strict=True)
    assert sorted(labels_of(dataset)) == ["a.jpg", "b.jpg"]


def test_several_files_share_classes_by_name_not_by_number(folder):
    write_image(folder / "c.jpg")
    second = write_coco(
        folder / "more.json",
        (coco_image(7, "c.jpg"),),
        (coco_row(7, 3, [1, 2, 3, 4]), coco_row(7, 4, [2, 2, 3, 4])),
        ((3, "dog"), (4, "bus")),  # 3 is the car of the first file
    )
    paths = [folder / "boxes.json", str(second)]
    dataset = load_detection(paths, strict=True)
    assert dataset.class_names == ("car", "dog", "brush", "bus")
    assert dataset.category_ids == (3, 18, 90, 4)
    assert labels_of(dataset)["c.jpg"] == [1, 3]
    ids = [record.image_id for record in dataset.records]
    assert ids == [7, 5, f"{folder.name}/more:7"]


def test_a_category_number_used_twice_is_replaced(folder):
    second = write_coco(folder / "2.json", (), (), ((3, "bus"),))
    dataset = load_detection([folder / "boxes.json", second])
    assert dataset.class_names[3] == "bus" and dataset.category_ids[3] == 91


def test_an_image_in_two_files_gets_the_boxes_of_both_once(folder):
    second = write_coco(
        folder / "more.json",
        (coco_image(1, "a.jpg"),),
        (coco_row(1, 18, [4, 5, 10, 20]), coco_row(1, 18, [7, 7, 7, 7])),
        SPARSE,
    )
    dataset = load_detection([folder / "boxes.json", second])
    first = dataset.records[0]
    assert first.labels.tolist() == [1, 0, 1]
    assert first.boxes[2].tolist() == [7, 7, 14, 14]
    assert first.is_crowd.tolist() == [False, True, False]
    assert first.areas.tolist() == [150.5, 700, 49]
    assert count_of(dataset.report.repaired, "listed twice") == 1


def test_invalid_annotations_are_repaired_or_dropped_and_reported(folder):
    write_cut_image(folder / "cut.jpg")
    (folder / "text.jpg").write_text("no image")
    images = (
        *IMAGES,
        coco_image(1, "cut.jpg"),
        coco_image(2, "text.jpg"),
        coco_image(3, "gone.jpg"),
        coco_image(10, "x.jpg"),
        coco_image(10, "y.jpg"),  # the id of x.jpg
        coco_image(8, "./b.jpg"),  # the file of id 5
        dict(id=9),
    )
    rows = (
        *(coco_row(7, 3, [i, i, 10, 10]) for i in range(20)),
        coco_row(7, 4, [1, 1, 2, 2]),  # no such class
        coco_row(99, 3, [1, 1, 2, 2]),  # no such image
        coco_row(10, 3, [1, 1, 2, 2]),  # of x.jpg or y.jpg
        coco_row(7, 3, [30, 20, -5, -6]),  # inverted: 25..30, 14..20
        coco_row(7, 3, [45, 5, 10, 10]),  # beyond 50
        coco_row(7, 3, [60, 5, 10, 10]),
        coco_row(7, 3, [5, 5, 0, 10]),
        coco_row(7, 3, [5, float("nan"), 10, 10]),
        coco_row(7, 3, [5, float("inf"), 10, 10]),
        coco_row(7, 3, [5, None, 10, 10]),
        coco_row(7, 3, [5, "a", 10, 10]),
        coco_row(7, 3, []),
        coco_row(7, 3, None),
    )
    write_coco(folder / "boxes.json", images, rows, SPARSE)
    dataset = load_detection(folder)
    report = dataset.report
    assert boxes_of(dataset)["a.jpg"][20:] == [
        [25, 14, 30, 20],
        [45, 5, 50, 15],
    ]
    assert len(dataset) == 2
    for words, count in (("inverted", 1), ("clipped", 1), ("listed twice", 1)):
        assert count_of(report.repaired, words) == count, words
    for words, count in (
        ("class that the file does not name", 1),
        ("images that are not listed", 1),
        ("outside", 1),
        ("without area", 1),
        ("NaN or infinite", 4),
        ("without a box of four", 2),
        ("missing images", 1),
        ("cannot be read", 2),
        ("share an id", 2),
        ("without an id or a file name", 1),
    ):
        assert count_of(report.dropped, words) == count, words
    assert len(report.repaired) == 3 and len(report.dropped) == 10
    text = str(report)
    assert "gone.jpg" in text and "a.jpg: [45.0, 5.0, 10.0, 10.0]" in text
    with pytest.raises(ValueError, match="1 inverted .*a.jpg.*strict=False"):
        load_detection(folder, strict=True)
    report = load_detection(folder, check="header").report
    assert count_of(report.dropped, "cannot be read") == 1  # not cut.jpg


def test_wrongly_stated_sizes_are_reported(folder):
    images = (coco_image(7, "a.jpg", 31, 50), coco_image(5, "b.jpg", 0, 0))
    write_coco(folder / "boxes.json", images, ROWS, SPARSE)
    report = load_detection(folder).report
    assert count_of(report.repaired, "differs from the stated") == 1
    assert "a.jpg: stated (31, 50), is (30, 50)" in str(report)


def test_crowds_alone_are_not_usable(folder):
    write_coco(folder / "boxes.json", IMAGES, ROWS[1:], SPARSE)
    with pytest.raises(ValueError, match="no usable boxes in 2"):
        load_detection(folder)


def test_classes_with_equal_names_are_numbered(folder):
    categories = ((18, "crane"), (3, "crane"), (90, "bus"))
    write_coco(folder / "boxes.json", IMAGES, ROWS, categories)
    names = load_detection(folder).class_names
    assert names == ("crane (3)", "crane (18)", "bus")


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "not a complete json"),
        ("[1]", "must contain lists named.*Received: list"),
        ('{"images": [], "annotations": []}', r"Received: \['annotations'"),
        (b"\xff\xfe", "not a complete json"),
    ],
)
def test_files_that_are_not_coco(tmp_path, content, message):
    path = tmp_path / "boxes.json"
    content = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_detection(path)


def test_categories_without_names(folder):
    path = folder / "boxes.json"
    content = json.loads(path.read_text())
    content["categories"] = [{"id": 1}]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="an integer 'id' and a 'name'"):
        load_detection(folder)


@needs_shared
def test_reads_real_coco():
    path = SHARED / "data" / "coco_val_mini"
    content = json.loads((path / "instances.json").read_text())
    dataset = load_detection(path, strict=True)
    assert (len(dataset), dataset.report.num_boxes) == (24, 291)
    assert (len(dataset.class_names), dataset.report.num_crowd) == (80, 4)
    assert dataset.category_ids[:12] == (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13)
    assert dataset.category_ids[-1] == 90
    rows = {}
    for row in content["annotations"]:
        rows.setdefault(row["image_id"], []).append(row)
    for record in dataset.records:
        own = rows.get(record.image_id, [])
        ids = [dataset.category_ids[label] for label in record.labels]
        assert ids == [row["category_id"] for row in own]
        boxes = np.array([row["bbox"] for row in own]).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        np.testing.assert_allclose(record.boxes, boxes, atol=0.5)
