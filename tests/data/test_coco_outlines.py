"""Tests for the boxes of COCO's polygons, masks and rotated boxes."""

import numpy as np
import pytest
from faster_coco_eval.core import mask as masks

from keras_efficient.data import load_detection
from tests.data.annotated import HEIGHT
from tests.data.annotated import WIDTH
from tests.data.annotated import boxes_of
from tests.data.annotated import coco_image
from tests.data.annotated import count_of
from tests.data.annotated import write_coco
from tests.data.annotated import write_image
from tests.marks import on_one_backend

pytestmark = on_one_backend

# left, top, right, bottom: the box of all outlines below
EDGES = [4, 5, 14, 25]
POLYGON = [4, 5, 14, 9, 10, 25, 5, 20]


def mask_of(edges=EDGES, size=(HEIGHT, WIDTH)):
    mask = np.zeros(size, "uint8", order="F")
    mask[edges[1] : edges[3], edges[0] : edges[2]] = 1
    return mask


def compressed(edges=EDGES):
    mask = masks.encode(mask_of(edges))
    return {"size": mask["size"], "counts": mask["counts"].decode()}


def run_lengths(edges=EDGES, size=(HEIGHT, WIDTH)):
    """Counts of 0 and 1 in turn, the first of 0, down the columns."""
    flat = mask_of(edges, size).reshape(-1, order="F")
    stops = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *stops, flat.size]).tolist()
    return {"size": [*size], "counts": counts}


OUTLINES = {
    "polygon": [POLYGON],
    "two polygons": [[4, 5, 8, 5, 8, 10], [9, 20, 14, 20, 9, 25]],
    "one flat polygon": POLYGON,
    "pairs": [[[4, 5], [14, 9], [10, 25], [5, 20]]],
    "a point beside a polygon": [[0, 0], POLYGON],
    "compressed mask": compressed(),
    "run lengths": run_lengths(),
    "masks": [compressed([4, 5, 9, 9]), compressed([8, 8, 14, 25])],
}


@pytest.fixture
def load(tmp_path):
    """A function that loads a row for image a.jpg, and one for b.jpg."""
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        write_image(tmp_path / name)
    images = [coco_image(i, name) for i, name in ((1, "a.jpg"), (2, "b.jpg"))]

    def load_row(row, **options):
        rows = [
            dict(image_id=1, category_id=1, **row),
            dict(image_id=2, category_id=1, bbox=[1, 2, 3, 4]),
        ]
        write_coco(tmp_path / "boxes.json", images, rows, ((1, "cup"),))
        return load_detection(tmp_path, **options)

    return load_row


@pytest.mark.parametrize("box", ["none", None, [], [0, 0, 0, 0]])
@pytest.mark.parametrize("outline", OUTLINES)
def test_enclosing_boxes_of_outlines(load, outline, box):
    row = {"segmentation": OUTLINES[outline]}
    if box != "none":
        row["bbox"] = box
    dataset = load(row, strict=True)
    assert boxes_of(dataset)["a.jpg"] == [EDGES]
    assert "(enclosing box of their polygons or mask used)" in str(
        dataset.report
    )


def test_stated_boxes_have_precedence(load):
    dataset = load({"bbox": [1, 1, 5, 5], "segmentation": [POLYGON]})
    assert boxes_of(dataset)["a.jpg"] == [[1, 1, 6, 6]]
    assert "enclosing" not in str(dataset.report)


UNREADABLE = {
    "nothing": {},
    "empty": {"bbox": [], "segmentation": []},
    "keypoints": {"keypoints": [4, 5, 2, 14, 9, 2, 10, 25, 2, 5, 20, 2]},
    "keypoints and an empty outline": {
        "keypoints": [4, 5, 2, 14, 9, 2, 10, 25, 2], "segmentation": [],
    },
    "a point": {"segmentation": [[4, 5]]},
    "a line": {"segmentation": [[4, 5, 14, 25]]},
    "an odd polygon": {"segmentation": [[4, 5, 14, 25, 3, 4, 5]]},
    "text": {"segmentation": "4 5 14 25 8 8"},
    "words": {"segmentation": [["a", "b", "c", "d", "e", "f"]]},
    "NaN": {"segmentation": [[4, 5, float("nan"), 9, 10, 25]]},
    "malformed mask": {"segmentation": {"size": [30, 50], "counts": "0H~"}},
    "letters": {"segmentation": {"size": [30, 50], "counts": "ö"}},
    "empty mask": {"segmentation": {"size": [30, 50], "counts": [1500]}},
    "short run lengths": {"segmentation": {"size": [30, 50], "counts": [9, 9]}},
    "negative runs": {"segmentation": {"size": [30, 50], "counts": [-9, 1509]}},
    "mask without size": {"segmentation": {"counts": [9, 1491]}},
    "nested runs": {"segmentation": {"size": [30, 50], "counts": [[9], 1491]}},
    "mask of another size": {"segmentation": run_lengths(size=(60, 100))},
    "five numbers": {"bbox": [9, 15, 10, 20, 30]},
    "three numbers": {"bbox": [9, 15, 10]},
    "text as box": {"bbox": "4 5 10 20"},
}  # fmt: skip


@pytest.mark.parametrize("case", UNREADABLE)
def test_images_with_unreadable_objects_are_left_out(load, case):
    dataset = load(UNREADABLE[case])
    assert boxes_of(dataset) == {"b.jpg": [[1, 2, 4, 6]]}
    report = str(dataset.report)
    assert "boxes.json, annotations[0]" in report
    assert dataset.report.num_empty == 0
    with pytest.raises(ValueError, match="strict=False"):
        load(UNREADABLE[case], strict=True)


def test_reasons_of_unreadable_objects(load):
    for case, words in (
        ("keypoints", "annotations of keypoints without a box"),
        ("five numbers", "boxes of five numbers"),
        ("mask of another size", "size is not the stated one"),
        ("empty", "annotations without a box of four numbers"),
    ):
        dropped = load(UNREADABLE[case]).report.dropped
        assert count_of(dropped, words) == 1, case


def test_rotated_boxes_are_enclosed(load):
    corners = [10, 5, 20, 15, 15, 20, 5, 10]
    dataset = load({"bbox": corners})
    assert boxes_of(dataset)["a.jpg"] == [[5, 5, 20, 20]]
    assert count_of(dataset.report.noted, "rotated boxes") == 1
    # 20 by 10 around (25, 15); 90 degrees make it 10 by 20.
    row = {"bbox": [15, 10, 20, 10]}
    for angle, expected in (
        (90, [20, 5, 30, 25]),
        (-90.0, [20, 5, 30, 25]),
        ("90", [20, 5, 30, 25]),
        (180, [15, 10, 35, 20]),
        (0.0, [15, 10, 35, 20]),
        (None, [15, 10, 35, 20]),
        (True, [15, 10, 35, 20]),
        # Half diagonal: 30 / sqrt(2) / 2 on each side
        (45, [14.3934, 4.3934, 35.6066, 25.6066]),
    ):
        dataset = load({**row, "attributes": {"rotation": angle}})
        np.testing.assert_allclose(
            boxes_of(dataset)["a.jpg"], [expected], atol=1e-4
        )


def test_the_outline_of_a_rotated_box_has_precedence(load):
    row = {"bbox": [15, 10, 20, 10], "attributes": {"rotation": 30}}
    dataset = load({**row, "segmentation": [POLYGON]})
    assert boxes_of(dataset)["a.jpg"] == [EDGES]
