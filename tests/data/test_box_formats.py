"""Recognition of wrong formats of boxes, and repair of single boxes."""

import numpy as np
import pytest

from keras_efficient.data.readers.boxes import guess_box_format
from keras_efficient.data.readers.boxes import repair_boxes
from keras_efficient.ops import convert_boxes
from tests.data.annotated import LARGE
from tests.data.annotated import in_format
from tests.data.annotated import random_boxes
from tests.marks import on_one_backend

pytestmark = on_one_backend

FORMATS = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw")
FORMATS += tuple(f"rel_{name}" for name in FORMATS)
SIZES = np.array([LARGE] * 200)


@pytest.mark.parametrize("box_format", FORMATS)
def test_right_format_is_not_doubted(box_format):
    boxes = random_boxes()
    written = in_format(boxes, box_format)
    for size in (LARGE, SIZES):
        read = convert_boxes(written, box_format, "xyxy", size)
        np.testing.assert_allclose(read, boxes)
    # What is right is never doubted, with a few bad boxes neither.
    assert guess_box_format(written, SIZES, box_format) is None
    written[:20] = written[:20, ::-1]
    written[20] = np.nan
    assert guess_box_format(written, SIZES, box_format) is None


@pytest.mark.parametrize(
    "expected, given",
    [
        ("xywh", "xyxy"),
        ("xywh", "rel_xywh"),
        ("xywh", "rel_xyxy"),
        ("xyxy", "rel_xyxy"),
        ("xyxy", "rel_yxyx"),
        ("rel_center_xywh", "xyxy"),
        ("rel_center_xywh", "center_xywh"),
        ("rel_xyxy", "xyxy"),
        ("rel_center_xywh", "rel_xyxy"),
    ],
)
def test_guesses_other_formats(expected, given):
    boxes = in_format(random_boxes(), given)
    looks_like = guess_box_format(boxes, SIZES, expected)
    if given == "rel_yxyx":  # both orders lie in [0, 1]
        given = "rel_xyxy"
    assert looks_like == given


def test_guesses_xywh_from_small_boxes():
    boxes = random_boxes()
    boxes[:, 2:] = boxes[:, :2] + 20
    written = in_format(boxes, "xywh")
    assert guess_box_format(written, SIZES, "xyxy") == "xywh"
    # Of boxes that reach to x = 350 fewer are beyond the height of 300.
    tall = in_format(random_boxes() * [0.7, 1, 0.7, 1], "yxyx")
    assert guess_box_format(tall, SIZES, "xyxy") is None
    assert guess_box_format(tall, SIZES, "xyxy", suspicious=0.1) == "yxyx"


def test_does_not_guess_from_too_little():
    one_slip = np.array([[30, 20, 10, 5]])
    assert guess_box_format(one_slip, SIZES[:1], "xyxy") is None
    corner = np.array([[0, 0, 1, 1]] * 3)  # one pixel, or all
    assert guess_box_format(corner, SIZES[:3], "xyxy") is None
    garbage = np.random.default_rng(0).uniform(-900, 900, (200, 4))
    assert guess_box_format(garbage, SIZES, "xyxy") is None
    assert guess_box_format(np.zeros((0, 4)), SIZES[:0], "xyxy") is None


def test_repairs_boxes():
    nan, inf = np.nan, np.inf
    boxes = [
        [1, 2, 3, 4],
        [3, 2, 1, 4],
        [-5, 2, 3, 99],
        [3, -0.4, 1, 4],  # no more than rounding
        [60, 2, 70, 4],
        [50, 2, 70, 4],  # begins at the edge
        [3, 2, 3, 4],
        [60, 2, 60, 4],
        [nan, 2, 3, 4],
        [1, 2, inf, 4],
        [1, 2, 1 + 1e-9, 4],
    ]
    boxes_found, repaired, dropped = repair_boxes(boxes, (30, 50))
    repaired, dropped = (
        {
            reason.split()[1]: np.flatnonzero(x).tolist()
            for reason, x in y.items()
        }
        for y in (repaired, dropped)
    )
    assert repaired == {"boxes": [1, 3], "partly": [2]}
    assert dropped == {
        "with": [8, 9],
        "without": [6, 7, 10],
        "outside": [4, 5],
    }
    assert boxes_found[:4].tolist() == [
        [1, 2, 3, 4],
        [1, 2, 3, 4],
        [0, 2, 3, 30],
        [1, 0, 3, 4],
    ]
