"""Time and memory are bounded by the size of the files, whatever they state.

Each file has some hundred kilobytes, for which a reader takes milliseconds.
The contents would make readers that trust them take minutes or gigabytes.
"""

import json

import numpy as np
import pytest

from keras_efficient.data import load_detection
from keras_efficient.data.readers.run_lengths import mask_box
from keras_efficient.data.readers.safe_yaml import parse_yaml
from keras_efficient.data.records import listed
from tests.data.annotated import boxes_of
from tests.data.annotated import coco_image
from tests.data.annotated import coco_row
from tests.data.annotated import count_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_coco
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.data.bounded import NUMBER
from tests.data.bounded import bounded  # noqa: F401
from tests.marks import on_one_backend

pytestmark = [on_one_backend, pytest.mark.usefixtures("bounded")]


@pytest.fixture
def yolo(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / "images" / f"{name}.jpg")
        write_text(tmp_path / "labels" / f"{name}.txt", "1 0.5 0.5 0.2 0.2\n")
    return tmp_path


def test_a_huge_number_of_a_class_is_dropped(yolo):
    line = "999999999 0.5 0.5 0.2 0.2\n1e300 0.5 0.5 0.2 0.2\n"
    write_text(yolo / "labels" / "b.txt", line)
    dataset = load_detection(yolo)
    assert labels_of(dataset) == {"a.jpg": [1]}
    assert dataset.class_names == ("0", "1")
    assert count_of(dataset.report.dropped, "has no name and a number of") == 2
    assert "b.txt, line 1: 999999999" in str(dataset.report)


@pytest.mark.parametrize(
    "text, message",
    [
        ("nc: 999999999", "999999999 classes without names.*correct `nc`"),
        ("names: {0: a, 999999999: b}", "numbers up to 999999999.*renumber"),
        ("nc: " + "9" * 5000, None),
        ("names: [a, b]\nnc: " + "9" * 5000, None),
        ("names: {" + "9" * 900 + ": a}", "must be a list of names"),
    ],
)
def test_huge_numbers_of_classes_in_data_yaml(yolo, text, message):
    write_text(yolo / "data.yaml", f"train: images\n{text}\n")
    if message is None:
        assert len(load_detection(yolo / "data.yaml")) == 2
        return
    with pytest.raises(ValueError, match=message) as caught:
        load_detection(yolo / "data.yaml")
    assert str(yolo) in str(caught.value) and len(str(caught.value)) < 3000


def test_a_huge_number_in_rows(tmp_path):
    write_image(tmp_path / "a.jpg")
    huge = "9" * 5000
    rows = f"a.jpg 1,1,9,9,0 2,2,9,9,999999999 3,3,9,9,{huge}\n"
    write_text(tmp_path / "_annotations.txt", rows)
    dataset = load_detection(tmp_path)
    assert labels_of(dataset) == {"a.jpg": [0]}
    assert count_of(dataset.report.dropped, "boxes of a class that") == 1
    assert count_of(dataset.report.dropped, "boxes that are not") == 1


def test_a_line_of_many_words(tmp_path):
    write_image(tmp_path / "a.jpg")
    text = "a.jpg 1,1,9,9,0\n" + "x " * NUMBER + "\n" + "img/" * NUMBER
    write_text(tmp_path / "train.txt", text)
    assert len(load_detection(tmp_path, "train", layout="yolo_rows")) == 1


def test_aliases_of_yaml(yolo):
    lines = ["v0: &v0 [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"v{i}: &v{i} [{', '.join([f'*v{i - 1}'] * 9)}]" for i in range(1, 12)
    ]
    text = "\n".join([*lines, "train: images", "names: *v11"])
    write_text(yolo / "data.yaml", text)
    with pytest.raises(ValueError, match="data.yaml.*aliases repeat more"):
        load_detection(yolo / "data.yaml")
    with pytest.raises(ValueError, match="f is not.*inside the value it"):
        parse_yaml("names: &a [*a]", "f")
    text = "train: &t [a, b]\nval: *t\nno: &n x\nyes: *n"
    assert parse_yaml(text, "f")["val"] == ["a", "b"]
    for text in ("[" * NUMBER, "- " * NUMBER):
        with pytest.raises(ValueError, match="f .*has lists inside lists"):
            parse_yaml(text, "f")


@pytest.mark.parametrize("place", ["/", "../../.."])
def test_the_root_of_the_disk_is_not_searched(yolo, place):
    text = f"path: {place}\ntrain: images\nval: {place}\nnames: [a, b]"
    write_text(yolo / "data.yaml", text)
    dataset = load_detection(yolo / "data.yaml", "train")
    assert len(dataset) == 2
    with pytest.raises(FileNotFoundError, match="no split 'val'"):
        load_detection(yolo / "data.yaml", "val")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"images": ' + "[" * 100_000,
        '{"images": [], "annotations": [], "categories": [{"id": '
        + "9" * 10_000 + ', "name": "cup"}]}',
    ],
)  # fmt: skip
def test_json_that_python_refuses(tmp_path, text):
    write_text(tmp_path / "boxes.json", text)
    with pytest.raises(ValueError, match="boxes.json (is not|has lists)"):
        load_detection(tmp_path / "boxes.json")


def test_numbers_beyond_64_bits(tmp_path):
    write_image(tmp_path / "a.jpg")
    image = coco_image(10**40, "a.jpg", 10**400, 10**400)
    rows = [
        coco_row(10**40, 10**18, [1, 2, 9, 9], area=10**400),
        coco_row(10**40, 10**18, [10**400, 2, 9, 9]),
        coco_row(10**40, 10**18, [1, 2, 9, 9], iscrowd=10**400),
    ]
    text = json.dumps(
        dict(images=[image], annotations=rows,
             categories=[dict(id=10**18, name="cup")])
    )  # fmt: skip
    write_text(tmp_path / "boxes.json", text)
    dataset = load_detection(tmp_path)
    assert boxes_of(dataset) == {"a.jpg": [[1, 2, 10, 11]] * 2}
    assert dataset.category_ids == (10**18,)
    assert dataset.records[0].areas is None


def test_names_of_a_megabyte_are_shortened_in_reports(tmp_path):
    write_image(tmp_path / "a.jpg")
    long = "x" * 1_000_000
    images = [coco_image(1, "a.jpg"), coco_image(2, f"{long}.jpg")]
    rows = [coco_row(i, j, [1, 2, 9, 9]) for i in (1, 2) for j in (1, 2)]
    write_coco(tmp_path / "a.json", images, rows, [(1, "cup"), (2, long)])
    dataset = load_detection(tmp_path)
    assert len(dataset) == 1 and len(str(dataset.report)) < 3000
    assert len(listed([long] * 10)) < 5000
    with pytest.raises(ValueError, match="x\\.\\.\\.x") as caught:
        load_detection(tmp_path, strict=True)
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("count", [[5, 2], [2**70, 0], [0, 2**62]])
def test_masks_of_any_stated_size(count):
    side = 2**31
    rest = side * side - sum(count)
    mask = {"size": [side, side], "counts": [*count, rest]}
    box, _ = mask_box(mask)
    assert box is None or len(box) == 4
    assert mask_box({"size": [10**18, 10**18], "counts": [1]}) == (None, None)
    text = "1" * NUMBER
    assert mask_box({"size": [8, 8], "counts": text}) == (None, None)


@pytest.mark.parametrize(
    "mask",
    [
        {}, {"size": 3, "counts": [1]}, {"size": [2, 2], "counts": None},
        {"size": [2, 2], "counts": [1, -1, 4]}, {"size": [2], "counts": [2]},
        {"size": [2, 2], "counts": [1, "1", 2]},
        {"size": [2, 2], "counts": "\x00"}, {"size": [2, 2], "counts": "é"},
        {"size": [2, 2], "counts": "Q" * 20},
        {"size": [None, 2], "counts": [4]}, {"size": [2, 2], "counts": [1]},
    ],
)  # fmt: skip
def test_broken_masks_have_no_box(mask):
    assert mask_box(mask) == (None, None)


def test_masks_have_the_boxes_of_the_coco_tools():
    masks = pytest.importorskip("faster_coco_eval.core.mask")
    rng = np.random.default_rng(0)
    for _ in range(200):
        height, width = rng.integers(1, 12, 2).tolist()
        pixels = rng.random((height, width)) < rng.random()
        encoded = masks.encode(np.asfortranarray(pixels.astype("uint8")))
        text = encoded["counts"].decode()
        box, size = mask_box({"size": [height, width], "counts": text})
        assert size == (height, width)
        expected = masks.toBbox(encoded).reshape(4).tolist()
        assert box == (expected if pixels.any() else None)
        flat = np.concatenate([[0], pixels.T.ravel(), [2]]).astype(int)
        edges = np.flatnonzero(np.diff(flat) != 0)
        counts = np.diff(np.concatenate([[0], edges])).tolist()
        counts = counts if not pixels.T.ravel()[0] else [0, *counts[1:]]
        if sum(counts) == height * width:
            again, _ = mask_box({"size": [height, width], "counts": counts})
            assert again == box
