"""Tests for COCO files with rows that are not as they should be."""

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
from tests.data.annotated import write_image
from tests.marks import on_one_backend

pytestmark = on_one_backend

CLASSES = ((1, "cup"), (2, "key"))
IMAGES = (coco_image(1, "a.jpg"), coco_image(2, "b.jpg"))
BOX, OTHER_BOX = [4, 5, 10, 20], [20, 2, 8, 9]
ROWS = (coco_row(1, 1, BOX), coco_row(2, 2, OTHER_BOX))


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        write_image(tmp_path / name)
    return tmp_path


def load(folder, images=IMAGES, rows=ROWS, classes=CLASSES, **options):
    write_coco(folder / "boxes.json", images, rows, classes)
    return load_detection(folder / "boxes.json", **options)


def write(folder, **content):
    text = json.dumps(content)
    (folder / "boxes.json").write_text(text)
    return folder / "boxes.json"


def content_of(rows=ROWS, images=IMAGES, classes=CLASSES):
    categories = [dict(id=i, name=name) for i, name in classes]
    return dict(images=[*images], annotations=[*rows], categories=categories)


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
@pytest.mark.parametrize("row", [None, "0.png", 3, [1, 2]])
def test_rows_that_are_not_objects_are_dropped_with_their_place(
    folder, key, row
):
    content = content_of()
    content[key].insert(1, row)
    dataset = load_detection(write(folder, **content))
    ((reason, (count, places)),) = dataset.report.dropped.items()
    assert reason.startswith(f"rows of '{key}' that are not") and count == 1
    assert places[0] == f"{folder / 'boxes.json'}, {key}[1]: {row!r}"
    assert labels_of(dataset) == {"a.jpg": [0], "b.jpg": [1]}


def test_images_as_plain_names_are_reported_if_nothing_remains(folder):
    content = content_of(images=["a.jpg", "b.jpg"])
    with pytest.raises(ValueError) as caught:
        load_detection(write(folder, **content))
    assert "boxes.json" in str(caught.value)


@pytest.mark.parametrize("value", [[2], {"id": 2}, None, [[1]], True, [1, 2]])
@pytest.mark.parametrize("key", ["image_id", "category_id"])
def test_ids_that_are_not_ids_are_dropped(folder, key, value):
    row = {**ROWS[1], key: value}
    dataset = load(folder, rows=(*ROWS, row))
    report = dataset.report
    assert count_of(report.dropped, f"whose {key} is not a number or text") == 1
    assert "annotations[2]" in str(report)
    assert labels_of(dataset) == {"a.jpg": [0], "b.jpg": [1]}


def test_an_image_whose_only_object_has_no_class_is_not_background(folder):
    for key in ("image_id", "category_id"):
        dataset = load(folder, rows=(ROWS[0], {**ROWS[1], key: [2]}))
        assert labels_of(dataset) == {"a.jpg": [0]}, key


@pytest.mark.parametrize("value", [[1], None, {}, True, float("nan")])
def test_images_with_invalid_ids_or_names_are_dropped(folder, value):
    images = (*IMAGES, coco_image(value, "c.jpg"))
    report = load(folder, images).report
    assert count_of(report.dropped, "without an id or a file name") == 1
    assert "images[2]" in str(report)
    images = (*IMAGES, dict(id=3, file_name=value))
    report = load(folder, images).report
    assert count_of(report.dropped, "without an id or a file name") == 1


@pytest.mark.parametrize("where", ["rows", "images", "classes"])
def test_ids_as_text_and_as_numbers_match(folder, where):
    images, rows, classes = IMAGES, ROWS, CLASSES
    if where == "rows":
        rows = [
            {**row, "image_id": f"{row['image_id']}", "category_id": "2"}
            for row in rows
        ]
    elif where == "images":
        images = [{**image, "id": str(image["id"])} for image in images]
    else:
        classes = [(str(i), name) for i, name in classes]
    dataset = load(folder, images, rows, classes)
    expected = {"a.jpg": [0], "b.jpg": [1]}
    if where == "rows":
        expected = {"a.jpg": [1], "b.jpg": [1]}
    assert labels_of(dataset) == expected


def test_ids_as_text_differ_if_their_texts_do(folder):
    images = (coco_image("7", "a.jpg"), coco_image("007", "b.jpg"))
    rows = (coco_row("007", 1, BOX), coco_row("7", 2, BOX))
    dataset = load(folder, images, rows, strict=True)
    assert labels_of(dataset) == {"a.jpg": [1], "b.jpg": [0]}


def test_numbers_as_text_are_sorted_as_numbers(folder):
    classes = (("10", "key"), ("9", "cup"))
    rows = (coco_row(1, "10", BOX), coco_row(2, 9, BOX))
    dataset = load(folder, rows=rows, classes=classes)
    assert dataset.class_names == ("cup", "key")
    assert labels_of(dataset) == {"a.jpg": [1], "b.jpg": [0]}


def test_two_categories_with_one_id_are_refused(folder):
    with pytest.raises(ValueError) as caught:
        load(folder, classes=(*CLASSES, (2, "pin")))
    for words in ("boxes.json", "the id 2", "'key'", "'pin'", "Export"):
        assert words in str(caught.value)
    # The same category twice is not a contradiction.
    dataset = load(folder, classes=(*CLASSES, (2, "key")))
    assert dataset.class_names == ("cup", "key")


def test_images_with_one_id_are_not_used(folder):
    images = (*IMAGES, coco_image(2, "a.jpg"))
    dataset = load(folder, images)
    assert labels_of(dataset) == {"a.jpg": [0]}
    assert count_of(dataset.report.dropped, "share an id") == 2
    dataset = load(folder, (*IMAGES, IMAGES[1]))
    assert labels_of(dataset) == {"a.jpg": [0], "b.jpg": [1]}
    assert count_of(dataset.report.repaired, "repeat an image") == 1


@pytest.mark.parametrize(
    "value, expected",
    [
        *((x, False) for x in (0, "0", "false", False, None, "", "No", 0.0)),
        *((x, True) for x in (1, "1", "true", True, "TRUE ", 1.0)),
    ],
)
def test_crowds_may_be_texts(folder, value, expected):
    rows = (*ROWS, coco_row(2, 1, BOX, iscrowd=value))
    dataset = load(folder, rows=rows, strict=True)
    assert dataset.records[1].is_crowd.tolist() == [False, expected]


def test_unclear_crowds_are_objects_and_reported(folder):
    rows = (*ROWS, coco_row(2, 1, BOX, iscrowd="perhaps"))
    dataset = load(folder, rows=rows)
    assert not dataset.records[1].is_crowd.any()
    assert count_of(dataset.report.repaired, "iscrowd is not 0 or 1") == 1
    assert "annotations[2]: 'perhaps'" in str(dataset.report)


def crowd_rows(count, total):
    return [
        coco_row(1, 1, [i, i, 9, 9], iscrowd=int(i < count), area=81)
        for i in range(total)
    ]


def test_many_crowds_are_noted_and_may_be_objects(folder):
    for count, total, is_noted in (
        (2, 20, 1),
        (1, 20, 0),
        (1, 2, 0),
        (2, 4, 1),
    ):
        write_coco(
            folder / "boxes.json", IMAGES, crowd_rows(count, total), CLASSES
        )
        dataset = load_detection(folder)
        assert dataset.report.num_crowd == count
        assert ("crowds='objects'" in str(dataset.report)) == is_noted
    rows = crowd_rows(4, 4)
    dataset = load(folder, rows=rows, crowds="objects", strict=True)
    assert dataset.report.num_crowd == 0 and dataset.num_boxes == 4
    assert "crowds=" not in str(dataset.report)
    with pytest.raises(ValueError, match="`crowds` must be one of .*'all'"):
        load(folder, crowds="all")


def test_lvis_states_addresses_instead_of_names(folder):
    images = [
        dict(
            id=i, height=30, width=50, neg_category_ids=[],
            coco_url=f"http://images.cocodataset.org/val2017/{name}",
        )
        for i, name in ((1, "a.jpg"), (2, "b.jpg"))
    ]  # fmt: skip
    dataset = load(folder, images)
    assert boxes_of(dataset)["a.jpg"] == [[4, 5, 14, 25]]
    assert "LVIS" in str(dataset.report)


@pytest.mark.parametrize("side", ["50", 50.0, None, float("nan"), [50]])
def test_stated_sizes_may_be_text_or_missing(folder, side):
    images = ({**IMAGES[0], "width": side, "height": 30}, IMAGES[1])
    dataset = load(folder, images, strict=True)
    assert [record.size for record in dataset.records] == [(30, 50)] * 2


def test_numbers_of_boxes_may_be_texts(folder):
    dataset = load(folder, rows=(coco_row(1, 1, ["4", "5", "10", "20.0"]),))
    assert dataset.records[0].boxes.tolist() == [[4, 5, 14, 25]]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"]
)
def test_encodings_of_unicode(folder, encoding):
    content = content_of(classes=((1, "Tasse"), (2, "Schlüssel")))
    text = json.dumps(content, ensure_ascii=False)
    (folder / "boxes.json").write_text(text, encoding=encoding)
    dataset = load_detection(folder, strict=True)
    assert dataset.class_names == ("Tasse", "Schlüssel")


def test_other_encodings_are_noted(folder):
    content = content_of(classes=((1, "Tasse"), (2, "Schlüssel")))
    text = json.dumps(content, ensure_ascii=False)
    (folder / "boxes.json").write_text(text, encoding="latin-1")
    dataset = load_detection(folder)
    assert dataset.class_names == ("Tasse", "Schlüssel")
    assert "not UTF-8" in str(dataset.report)


@pytest.mark.parametrize(
    "name, content",
    [
        ("notes.json", dict(categories=[dict(id=0, name="cup")], info={})),
        ("package.json", dict(name="set", images="none", annotations="none")),
        ("a.json", dict(regions=[], images=1, annotations={})),
        ("task.json", dict(id=1, annotations=[dict(result=[])], data={})),
        ("info.json", dict(images=[], categories=[])),
        (
            "texts.json",
            dict(images=[*IMAGES], annotations=[dict(image_id=1, caption="A")]),
        ),
        (
            "segments.json",
            dict(
                images=[*IMAGES], categories=[],
                annotations=[dict(image_id=1, segments_info=[])],
            ),
        ),
    ],
)  # fmt: skip
def test_other_json_files_are_not_recognized(folder, name, content):
    path = folder / name
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="no annotations that are recognized"):
        load_detection(folder)
    dataset = load(folder)
    assert load_detection(folder).num_boxes == dataset.num_boxes == 2


def test_a_broken_file_is_recognized_and_reported(folder):
    write_coco(folder / "boxes.json", IMAGES, ROWS, CLASSES)
    text = (folder / "boxes.json").read_text()
    (folder / "boxes.json").write_text(text[:-20])
    with pytest.raises(ValueError, match="boxes.json is not a complete json"):
        load_detection(folder)


def test_messages_name_the_file_of_several(folder):
    write_coco(folder / "first.json", IMAGES[:1], ROWS[:1], CLASSES)
    second = write_coco(folder / "second.json", IMAGES[1:], ROWS[1:], CLASSES)
    content = json.loads(second.read_text())
    content["annotations"].append(None)
    second.write_text(json.dumps(content))
    dataset = load_detection([folder / "first.json", second])
    ((_, places),) = dataset.report.dropped.values()
    assert places[0] == f"{second}, annotations[1]: None"
    np.testing.assert_array_equal(dataset.records[1].boxes, [[20, 2, 28, 11]])
