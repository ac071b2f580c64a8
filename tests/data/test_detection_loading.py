"""Tests for recognizing layouts, and for arrays with boxes."""

import struct

import numpy as np
import pytest

from keras_efficient.data import detection_from_arrays
from keras_efficient.data import load_detection
from keras_efficient.data.readers import image_checks
from tests.data.annotated import LARGE
from tests.data.annotated import coco_image
from tests.data.annotated import coco_row
from tests.data.annotated import count_of
from tests.data.annotated import in_format
from tests.data.annotated import labels_of
from tests.data.annotated import random_boxes
from tests.data.annotated import write_coco
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.data.annotated import write_voc
from tests.marks import on_one_backend

pytestmark = on_one_backend

CLASSES = ((1, "cat"), (2, "dog"))


@pytest.fixture
def folder(tmp_path):
    """A set in COCO's layout, with a class for each of two boxes."""
    rows = (coco_row(1, 1, [5, 5, 9, 9]), coco_row(1, 2, [7, 7, 9, 9]))
    write_image(tmp_path / "a.jpg")
    images = (coco_image(1, "a.jpg"),)
    write_coco(tmp_path / "boxes.json", images, rows, CLASSES)
    return tmp_path


def test_class_names_select_and_order_classes(folder):
    dataset = load_detection(folder, class_names=["bus", "dog"])
    assert dataset.class_names == ("bus", "dog")
    assert dataset.category_ids == (3, 2)  # 3 is not used by any
    assert labels_of(dataset) == {"a.jpg": [1]}
    assert dataset.report.left_out == ("cat",)
    reason = "1 boxes of classes that are not in `class_names`"
    assert reason in str(dataset.report)
    with pytest.raises(ValueError, match="classes that are not in.*'cat'"):
        load_detection(folder, class_names=["dog"], strict=True)
    with pytest.raises(ValueError, match="none of the classes"):
        load_detection(folder, class_names=["bus"])


def test_boxes_of_other_classes_are_not_checked(folder):
    rows = (
        coco_row(1, 1, [45, 5, -9, 9]),  # inverted, but a cat
        coco_row(1, 1, [5, 5, 0, 0]),
        coco_row(1, 2, [7, 7, 9, 9]),
    )
    write_coco(folder / "boxes.json", (coco_image(1, "a.jpg"),), rows, CLASSES)
    report = load_detection(folder, class_names=["dog"]).report
    assert not report.repaired
    ((reason, (count, _)),) = report.dropped.items()
    assert count == 2 and "not in `class_names`" in reason


def test_unrecognized_folders_are_described(tmp_path):
    with pytest.raises(ValueError, match="recognized. (.|\n)*an empty folder"):
        load_detection(tmp_path)
    write_image(tmp_path / "roses" / "a.jpg")
    write_text(tmp_path / "notes.md", "")
    with pytest.raises(ValueError) as error:
        load_detection(tmp_path, "train")
    for words in (
        "COCO json:",
        "Pascal VOC:",
        "YOLO:",
        "'roses'",
        "'notes.md'",
    ):
        assert words in str(error.value)
    with pytest.raises(FileNotFoundError, match="No such file or folder"):
        load_detection(tmp_path / "nowhere")


def test_ambiguous_layouts_are_errors(folder):
    write_voc(folder / "a.xml", [("ant", (1, 2, 3, 4))])
    with pytest.raises(ValueError, match="'coco', 'voc'.*layout='coco'"):
        load_detection(folder)
    assert load_detection(folder, layout="voc").class_names == ("ant",)
    assert len(load_detection(folder, layout="coco").class_names) == 2
    with pytest.raises(ValueError, match="`layout` must be one of"):
        load_detection(folder, layout="json")
    with pytest.raises(ValueError, match="the file 'boxes.json'; pass the fo"):
        load_detection(folder / "boxes.json", layout="voc")
    with pytest.raises(
        ValueError, match="in the layout 'coco', .*; pass the f"
    ):
        load_detection([folder / "boxes.json"], layout="yolo")
    with pytest.raises(ValueError, match="at least one.*source=\\[\\]"):
        load_detection([])
    with pytest.raises(FileNotFoundError, match="No such file: .*none.json"):
        load_detection([folder / "boxes.json", folder / "none.json"])
    with pytest.raises(ValueError, match="only used with .* 'imagefolder'"):
        load_detection(folder, layout="voc", bounding_box_format="xyxy")
    # A record without checksums is enough to recognize the layout.
    content = b"image/object/bbox/xmin"
    framed = struct.pack("<QI", len(content), 0) + content + bytes(4)
    (folder / "train.record").write_bytes(framed)
    with pytest.raises(ValueError, match="only used with the layouts 'coco'"):
        load_detection(folder, "train", layout="tfrecord", images=folder)
    (folder / "train.record").unlink()
    # Only one of them has the split.
    write_text(folder / "ImageSets" / "Main" / "train.txt", "a")
    assert load_detection(folder, "train").report.layout == "Pascal VOC"


def test_no_boxes_and_no_images(folder):
    write_coco(folder / "boxes.json", (coco_image(1, "a.jpg"),), (), CLASSES)
    with pytest.raises(ValueError, match="no usable boxes in 1 im"):
        load_detection(folder)
    (folder / "a.jpg").unlink()
    with pytest.raises(
        ValueError, match="none of which(?s:.*)No such image: .*a.jpg"
    ):
        load_detection(folder)
    write_coco(folder / "boxes.json", (), (), CLASSES)
    with pytest.raises(ValueError, match="lists 0 images"):
        load_detection(folder)
    with pytest.raises(ValueError, match="`check` must be one of"):
        load_detection(folder, check="none")


def test_boxes_in_another_format(tmp_path):
    write_image(tmp_path / "a.jpg", *LARGE)
    image = coco_image(1, "a.jpg", *LARGE)
    boxes = random_boxes(40)

    def write(share):
        rows = in_format(boxes, "xywh")
        rows[: int(share * 40)] = boxes[: int(share * 40)]
        rows = [coco_row(1, 1, row) for row in rows.tolist()]
        write_coco(tmp_path / "boxes.json", (image,), rows, CLASSES)

    write(1)
    with pytest.raises(
        ValueError, match="be 'xywh', the format of COCO.*like 'xyxy'"
    ):
        load_detection(tmp_path)
    write(0)
    load_detection(tmp_path, strict=True)
    (tmp_path / "boxes.json").unlink()
    text = "".join(f"0 {a} {b} {c} {d}\n" for a, b, c, d in boxes)
    write_text(tmp_path / "a.txt", text)
    with pytest.raises(ValueError, match="'rel_center_xywh'.*like 'xyxy'"):
        load_detection(tmp_path)
    boxes = in_format(boxes * [0.7, 1, 0.7, 1], "yxyx")
    objects = [("cat", box) for box in boxes]
    write_voc(tmp_path / "a.xml", objects, size=LARGE)
    report = load_detection(tmp_path, layout="voc").report
    assert "cannot be 'xyxy' and look like 'yxyx'" in str(report)


def test_progress_bar_for_many_images(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(image_checks, "MIN_IMAGES_FOR_PROGRESS", 2)
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.jpg")
        write_text(tmp_path / f"{name}.txt", "0 0.5 0.5 0.2 0.2")
    assert len(load_detection(tmp_path)) == 2
    assert "2/2" in capsys.readouterr().out
    load_detection(tmp_path, check="header")
    assert not capsys.readouterr().out


def test_images_of_one_pixel_and_of_10_000(tmp_path):
    write_image(tmp_path / "dot.png", 1, 1)
    write_image(tmp_path / "line.png", 2, 10_000)
    write_text(tmp_path / "dot.txt", "0 0.5 0.5 1 1")
    write_text(tmp_path / "line.txt", "0 0.99995 0.5 0.0001 1")
    dot, line = load_detection(tmp_path, strict=True).records
    assert dot.size == (1, 1) and line.size == (2, 10_000)
    assert dot.boxes.tolist() == [[0, 0, 1, 1]]
    np.testing.assert_allclose(line.boxes, [[9999, 0, 10_000, 2]], atol=2e-3)


def test_arrays():
    images = [np.zeros((30, 50, 3), "uint8"), np.zeros((20, 10), "uint8")]
    boxes = [[[0.1, 0.1, 0.4, 0.5], [0, 0, 1, 1]], [[0.5, 0.5, 0.5, 0.5]]]
    dataset = detection_from_arrays(
        images, boxes, [[2, -1], [0]], bounding_box_format="rel_xywh"
    )
    first, second = dataset.records
    np.testing.assert_allclose(first.boxes, [[5, 3, 25, 18]], rtol=1e-6)
    assert second.boxes.tolist() == [[5, 10, 10, 20]]
    assert first.labels.tolist() == [2] and second.labels.tolist() == [0]
    assert dataset.class_names == ("0", "1", "2")
    assert second.size == (20, 10) and second.image.shape == (20, 10, 3)
    assert [record.image_id for record in dataset.records] == [0, 1]


def test_padded_arrays():
    images = np.zeros((2, 30, 50, 3), "uint8")
    boxes = np.full((2, 3, 4), -1.0)
    labels = np.full((2, 3), -1)
    boxes[1, 0], labels[1, 0] = (1, 2, 60, 4), 0
    dataset = detection_from_arrays(images, boxes, labels, ["cat"])
    assert dataset.records[1].boxes.tolist() == [[1, 2, 50, 4]]
    assert dataset.report.num_empty == 1
    assert "(clipped):\n  image 1: [1.0, 2.0, 60.0, 4.0]" in str(dataset.report)


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(labels=[[0]]), "must have the same length. Received: 2, 2 and 1"),
        (dict(labels=[[0, 1], []]), r"2 labels.*shape=\(1, 4\)"),
        (dict(labels=[[0.5], []]), "image 0 must be integers"),
        (dict(labels=[[4], []]), r"Labels must be in \[0, 1\].*0 to 4"),
        (dict(labels=[[-1], []]), "no usable boxes"),
        (dict(boxes=[[[1, 2, 3]], []]), r"shape \(1, 4\).*shape=\(1, 3\)"),
        (dict(images=np.zeros((2, 9, 9, 3))), "Image 0: .*must be uint8"),
        (dict(bounding_box_format="xyx"), "must be one of"),
        (dict(class_names=["a", "a"]), "no name twice"),
    ],
)
def test_invalid_arrays(changes, message):
    arguments = dict(
        images=np.zeros((2, 30, 50, 3), "uint8"),
        boxes=[[[1, 2, 3, 4]], []],
        labels=[[0], []],
        class_names=["cat", "dog"],
    )
    with pytest.raises(ValueError, match=message):
        detection_from_arrays(**{**arguments, **changes})


def test_every_background_image_has_a_reason(tmp_path):
    names = ("empty", "other", "crowd", "cup", "lost", "both")
    images = [coco_image(i, f"{x}.jpg") for i, x in enumerate(names)]
    for image in images:
        write_image(tmp_path / image["file_name"])
    rows = (
        coco_row(1, 2, [1, 2, 10, 10]),
        coco_row(2, 1, [1, 2, 10, 10], iscrowd=1),
        coco_row(3, 1, [1, 2, 10, 10]),
        coco_row(4, 1, [100, 2, 10, 10]),
        coco_row(5, 1, [100, 2, 10, 10]),
        coco_row(5, 1, [1, 2, 10, 10]),
    )
    write_coco(tmp_path / "a.json", images, rows, ((1, "cup"), (2, "key")))
    dataset = load_detection(tmp_path, class_names=["cup"])
    reasons = {
        record.image.stem: record.background for record in dataset.records
    }
    assert reasons == {
        "empty": "images without annotations",
        "other": "images with boxes of other classes only",
        "crowd": "images with boxes around crowds only",
        "cup": "",
        "both": "",
    }
    report = dataset.report
    assert count_of(report.dropped, "no object can be read") == 1
    assert all(count == 1 for count, _ in report.background.values())
    assert "3 images without boxes, used as background" in str(report)
    first, second = dataset.split(0.4, seed=1)
    parts = [len(part.report.background) for part in (first, second)]
    assert sum(parts) == 3 and all(parts)
