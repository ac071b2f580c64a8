"""Tests for reading the json files of labelme."""

import base64
import json

import numpy as np
import pytest

from keras_efficient.data import load_detection
from tests.data.annotated import HEIGHT
from tests.data.annotated import WIDTH
from tests.data.annotated import boxes_of
from tests.data.annotated import count_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend


def shape(points, kind="rectangle", label="cat", **more):
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        **more,
    }


CAT = shape([[1, 2], [10, 20]])
DOG = shape([[5, 5], [40, 25]], label="dog")


def write(path, shapes, image_path=None, **more):
    """Writes a file as labelme 5 does."""
    content = {
        "version": "5.4.1",
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path or f"{path.stem}.jpg",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
        **more,
    }
    return write_text(path, json.dumps(content, indent=2))


@pytest.mark.parametrize(
    "points, kind",
    [
        ([[10, 5], [30, 25]], "rectangle"),
        ([[30, 25], [10, 5]], "rectangle"),
        ([[10, 25], [30, 5]], "rectangle"),
        # X-AnyLabeling writes four corners.
        ([[10, 5], [30, 5], [30, 25], [10, 25]], "rectangle"),
        ([[20, 5], [30, 15], [20, 25], [10, 15]], "rotation"),
        ([[10, 5], [30, 9], [20, 25]], "polygon"),
        ([[10, 5], [30, 9], [20, 25]], None),
        ([[20, 15], [26, 23]], "circle"),  # center, and a point on it
        ([[10, 5], [30, 25]], "mask"),
    ],
)
def test_shapes_become_the_box_around_them(tmp_path, points, kind):
    write_image(tmp_path / "a.jpg")
    write(tmp_path / "a.json", [shape(points, kind, group_id=3)])
    dataset = load_detection(tmp_path, strict=True)
    assert boxes_of(dataset) == {"a.jpg": [[10, 5, 30, 25]]}
    assert dataset.class_names == ("cat",)
    assert dataset.report.layout == "labelme json"


@pytest.mark.parametrize(
    "other",
    [
        shape([[3, 4]], "point"),
        shape([[3, 4], [8, 9]], "points"),
        shape([[3, 4], [8, 9]], "line"),
        shape([[3, 4], [8, 9], [20, 3]], "linestrip"),
        shape([[3, 4]], "circle"),
        shape([[3, 4], [None, 8]]),
        shape([[3, 4], [8]]),
        shape(None),
        shape([], "polygon"),
        None,
    ],
)
def test_images_with_only_unread_shapes_are_no_background(tmp_path, other):
    for name, shapes in (("a", [CAT, other]), ("b", [other]), ("c", [])):
        write_image(tmp_path / f"{name}.jpg")
        write(tmp_path / f"{name}.json", shapes)
    dataset = load_detection(tmp_path)
    assert labels_of(dataset) == {"a.jpg": [0], "c.jpg": []}
    assert count_of(dataset.report.dropped, "objects without a box") == 2


@pytest.mark.parametrize(
    "annotations, images, image_path",
    [
        ("{}", "{}", "a.jpg"),
        ("{}/labels", "{}/images", "..\\images\\a.jpg"),
        ("annotations/{}", "images/{}", "../../images/{}/a.jpg"),
        ("json_{}", "images_{}", "C:\\data\\a.jpg"),
    ],
)
def test_splits_and_folders(tmp_path, annotations, images, image_path):
    for split, shapes in (("train", [CAT]), ("val", [DOG])):
        write_image(tmp_path / images.format(split) / "a.jpg")
        path = tmp_path / annotations.format(split) / "a.json"
        write(path, shapes, image_path.format(split))
    for i, split in enumerate(("train", "val")):
        dataset = load_detection(tmp_path, split, strict=True)
        (record,) = dataset.records
        assert record.image == tmp_path / images.format(split) / "a.jpg"
        assert record.labels.tolist() == [i]
        assert dataset.class_names == ("cat", "dog")
    with pytest.raises(ValueError, match="divided into 'train', 'val'"):
        load_detection(tmp_path)


def test_the_stated_path_decides_between_folders(tmp_path):
    for i, side in enumerate(("left", "right")):
        write_image(tmp_path / side / "a.jpg", HEIGHT + i)
    write(tmp_path / "json" / "a.json", [CAT], "..\\right\\a.jpg")
    dataset = load_detection(tmp_path)
    assert dataset.records[0].image == tmp_path / "right" / "a.jpg"


def test_files_of_several_images_with_one_name(tmp_path):
    for name, one in (("a.jpg", CAT), ("a.png", DOG)):
        write_image(tmp_path / name, HEIGHT + (one is DOG))
    write(tmp_path / "a.json", [DOG], "a.png")
    dataset = load_detection(tmp_path)
    assert list(labels_of(dataset)) == ["a.png"]
    assert count_of(dataset.report.noted, "another ending") == 1


def test_an_image_in_the_file(tmp_path):
    write_image(tmp_path / "a.png")
    data = base64.b64encode((tmp_path / "a.png").read_bytes()).decode()
    write(tmp_path / "a.json", [CAT], "a.png", imageData=data)
    assert load_detection(tmp_path, strict=True).records[0].size == (30, 50)
    (tmp_path / "a.png").unlink()
    dataset = load_detection(tmp_path)
    (record,) = dataset.records
    assert record.image.shape == (HEIGHT, WIDTH, 3)
    assert (record.image == np.array([90, 120, 60])).all()
    assert record.boxes.tolist() == [[1, 2, 10, 20]]
    assert count_of(dataset.report.repaired, "missing images") == 1
    # A broken one is missing.
    write_image(tmp_path / "b.jpg")
    write(tmp_path / "b.json", [CAT])
    write(tmp_path / "a.json", [CAT], "a.png", imageData=data[:40])
    dataset = load_detection(tmp_path)
    assert list(labels_of(dataset)) == ["b.jpg"]
    assert count_of(dataset.report.dropped, "missing images") == 1


def test_invalid_files_are_reported(tmp_path):
    for name in "abc":
        write_image(tmp_path / f"{name}.jpg")
    write(tmp_path / "a.json", [CAT])
    write_text(tmp_path / "b.json", '{"shapes": [')
    write_text(tmp_path / "classes.json", '["cat"]')
    report = load_detection(tmp_path).report
    assert count_of(report.dropped, "json files that cannot be read") == 1
    assert count_of(report.dropped, "images without a json file") == 1
    assert count_of(report.noted, "not in the form of labelme json") == 1


def test_other_json_files_are_not_labelmes(tmp_path):
    write_image(tmp_path / "a.jpg")
    write_text(tmp_path / "a.json", '{"name": "a", "version": 3}')
    with pytest.raises(ValueError, match="no annotations that are recognized"):
        load_detection(tmp_path)
