"""Results of classification and detection: tables and pictures."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_efficient.inference import Classification
from keras_efficient.inference import Detections
from keras_efficient.inference.drawing import class_color
from tests.marks import on_one_backend

pytestmark = on_one_backend


def some(number=3, image=None, class_names=("cat", "dog", "bird")):
    corners = np.arange(number)[:, None] * [12.0, 9.0]
    boxes = np.concatenate([corners, corners + [40, 30]], 1).astype("float32")
    return Detections(
        boxes=boxes,
        scores=np.linspace(0.9, 0.3, number).astype("float32"),
        labels=(np.arange(number) % 3).astype("int32"),
        class_names=class_names,
        image_size=(100, 200),
        image=image,
    )


def test_both_results_have_the_same_methods():
    image = np.full((100, 200, 3), 90, "uint8")
    classification = Classification(
        labels=np.array([1, 0], "int32"),
        probabilities=np.array([0.75, 0.25], "float32"),
        class_names=("cat", "dog"),
        image=image,
    )
    for result in (classification, some(2, image, ("dog", "cat"))):
        assert len(result) == len(result.names) == 2
        assert [len(one) for one in result] == [1, 1]
        assert result[1].names == result.names[1:]
        assert set(result.to_dict()) >= {"labels", "names"}
        json.dumps(result.to_dict())
        pixels = np.asarray(result.plot())
        assert pixels.shape == (200, 400, 3)
        for label in result.labels:
            assert (pixels == class_color(label)).all(-1).any()


def test_classification_without_its_image(tmp_path):
    result = Classification(np.array([3]), np.array([0.5]))
    assert result.names == ["3"]
    with pytest.raises(ValueError, match="Pass `image`"):
        result.plot()
    image = np.zeros((400, 500, 3), "uint8")
    result.plot(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (500, 400)


def test_indexing_like_an_array():
    found = some()
    assert len(found) == 3
    assert found[1].names == ["dog"]
    assert found[found.scores > 0.5].names == ["cat", "dog"]
    assert [len(one) for one in found] == [1, 1, 1]
    assert found[-1].boxes.tolist() == found.boxes[-1:].tolist()
    assert found[:0].names == []
    assert some(class_names=None).names == ["0", "1", "2"]


def test_to_dict_is_json():
    content = json.loads(json.dumps(some().to_dict()))
    assert content["names"] == ["cat", "dog", "bird"]
    assert content["image_size"] == [100, 200]
    assert content["boxes"][1] == [12, 9, 52, 39]


def test_to_coco():
    rows = some().to_coco(7)
    assert rows[1]["bbox"] == [12, 9, 40, 30]
    assert [row["category_id"] for row in rows] == [1, 2, 3]
    assert rows[0]["image_id"] == 7
    json.dumps(rows)
    rows = some().to_coco("x", category_ids=[5, 17, 90])
    assert [row["category_id"] for row in rows] == [5, 17, 90]


def test_text():
    lines = str(some()).splitlines()
    assert lines[0] == "Detections: 3 in 200 x 100 pixels"
    assert "cat" in lines[1] and "90.0%" in lines[1]
    lines = str(some(50)).splitlines()
    assert len(lines) == 22 and lines[-1].strip() == "and 30 more"


@pytest.mark.parametrize("size", [(1, 1), (9, 700), (60, 80), (900, 1300)])
def test_labels_are_drawn_on_images_of_any_size(size, tmp_path):
    """Labels have the color of the class, and are large enough to read."""
    image = np.full((*size, 3), 90, "uint8")
    scale = np.array([size[1] / 200, size[0] / 100] * 2, "float32")
    found = some(image=image)
    found = Detections(
        found.boxes * scale,
        found.scores,
        found.labels,
        found.class_names,
        size,
        image,
    )
    path = tmp_path / "drawn.png"
    picture = found.plot(path)
    with Image.open(path) as saved:
        assert saved.size == picture.size
    pixels = np.asarray(picture)
    assert min(size) == 1 or max(picture.size) >= 320
    for label in range(3):
        ink = (pixels == class_color(label)).all(-1)
        if size != (1, 1):
            assert ink.any(), label
    # Each label is at least as high as small print.
    if min(size) >= 60:
        rows = np.nonzero((pixels == class_color(0)).all(-1).sum(1) > 20)[0]
        assert len(rows) >= 11
    np.testing.assert_array_equal(image, 90)


def test_plot_needs_an_image():
    with pytest.raises(ValueError, match="Pass `image`"):
        some().plot()
    picture = some().plot(image=np.zeros((100, 200, 3), "uint8"))
    assert picture.size == (400, 200)


def test_without_detections_the_image_is_unchanged():
    image = np.random.default_rng(0).integers(0, 255, (400, 500, 3), "uint8")
    empty = some(image=image)[:0]
    np.testing.assert_array_equal(np.asarray(empty.plot()), image)
    assert str(empty) == "Detections: 0 in 200 x 100 pixels"


def test_labels_do_not_cover_each_other():
    """Both labels of two equal boxes can be read."""
    image = np.full((400, 400, 3), 90, "uint8")
    boxes = np.array([[100, 100, 300, 300]] * 2, "float32")
    found = Detections(
        boxes,
        np.array([0.9, 0.8]),
        np.array([0, 1]),
        ("cat", "dog"),
        (400, 400),
        image,
    )
    pixels = np.asarray(found.plot())
    grounds = [
        ((pixels == class_color(label)).all(-1).sum(1) > 20).sum()
        for label in range(2)
    ]
    assert min(grounds) >= 10
