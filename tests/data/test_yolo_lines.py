"""What the lines of YOLO's label files mean."""

import numpy as np
import pytest

from keras_efficient.data.readers import yolo_lines
from keras_efficient.data.readers.layouts import read_annotations
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend

BOXES = [(0.3, 0.4, 0.2, 0.3), (0.7, 0.6, 0.2, 0.1), (0.5, 0.5, 0.4, 0.8)]

# Boxes whose size is not near their center, as if both were points.
SPREAD = [(0.2, 0.7, 0.1, 0.2), (0.8, 0.6, 0.2, 0.1), (0.5, 0.5, 0.4, 0.8)]


def read(folder, texts, yaml="names: [cat, dog]\n"):
    """Annotations of images with these label files."""
    for i, text in enumerate(texts):
        write_image(folder / "images" / f"{i}.jpg")
        write_text(folder / "labels" / f"{i}.txt", text)
    write_text(folder / "data.yaml", yaml)
    return read_annotations(folder)


def rows_of(raw):
    return [image.boxes.round(6).tolist() for image in raw.images]


def line(values, label=0):
    return " ".join(map(str, (label, *values))) + "\n"


def around(box, points):
    """Points given as fractions of a box, as fractions of the image."""
    x, y, width, height = box
    return [(x + a * width / 2, y + b * height / 2) for a, b in points]


def flat(points):
    return [round(float(x), 6) for point in points for x in point]


PENTAGON = [(-1, -1), (1, -1), (1, 0), (0, 1), (-1, 0.5)]
FACE = [(-0.5, -0.4), (0.5, -0.4), (0, 0), (-0.4, 0.6), (0.4, 0.6)]
ROTATED = [(0, -1), (1, 0), (0, 1), (-1, 0)]


def with_visibility(points):
    return [(*point, (2, 1, 0)[i % 3]) for i, point in enumerate(points)]


@pytest.mark.parametrize(
    "extra, note",
    [
        ((), None),
        ((0.87,), "confidence or track id"),
        ((7,), "confidence or track id"),
        ((0.9, 12), "confidence or track id"),
    ],
)
def test_numbers_after_a_box_are_ignored(tmp_path, extra, note):
    raw = read(tmp_path, [line((*box, *extra)) for box in BOXES])
    assert rows_of(raw) == [[list(box)] for box in BOXES]
    assert not raw.dropped
    reasons = {reason for reason, _ in raw.noted}
    assert bool(reasons) == bool(note) and all(note in x for x in reasons)


def test_a_track_id_may_be_missing(tmp_path):
    raw = read(tmp_path, [line((*BOXES[0], 4)) + line(BOXES[1], 1)])
    assert rows_of(raw) == [[list(BOXES[0]), list(BOXES[1])]]
    assert raw.images[0].labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    "values",
    [
        (0.3, 0.4, 0.2),
        (0.3, 0.4, 0.2, 0.3, -0.5),  # an angle
        (0.95, 0.9, 0.2, 0.1, 0.1),  # the confidence comes first
        (587.0, 173.3, 614.1, 200.1, 1.65, 1.67, 3.64, -0.65, 1.71, 46.7),
    ],
)
def test_other_numbers_are_reported_and_counted(tmp_path, values):
    raw = read(tmp_path, [line(values)])
    assert rows_of(raw) == [[]]
    assert raw.images[0].num_unread == 1
    ((_, where),) = raw.dropped
    assert "0.txt, line 1: 0 " in where


@pytest.mark.parametrize("extra", [(), (0.8,), (3,)])
@pytest.mark.parametrize("shape", [PENTAGON, ROTATED])
def test_polygons_and_rotated_boxes_have_an_enclosing_box(
    tmp_path, shape, extra
):
    texts = [line((*flat(around(box, shape)), *extra)) for box in BOXES]
    raw = read(tmp_path, texts)
    assert rows_of(raw) == [[list(box)] for box in BOXES]
    assert {x for x, _ in raw.noted} == {yolo_lines.ENCLOSING_BOX}


def test_clipped_polygons_of_different_lengths(tmp_path):
    text = "0 0.4 0.4 0.6 0.4 0.5 0.6\n0 0.5 0.5 0.7 0.5 0.7 0.6 0.6 0.7 0.5 .6"
    raw = read(tmp_path, [text])
    assert rows_of(raw) == [[[0.5, 0.5, 0.2, 0.2], [0.6, 0.6, 0.2, 0.2]]]


@pytest.mark.parametrize("extra", [(), (6,)])
@pytest.mark.parametrize("yaml", ["", "kpt_shape: [5, 3]\n"])
def test_keypoints_with_visibility_are_ignored(tmp_path, yaml, extra):
    # Missing keypoints are (0, 0, 0), far outside their box.
    texts = [
        line((*box, *flat(with_visibility(around(box, FACE))[:-1]), 0, 0, 0)
             + extra)
        for box in BOXES
    ]  # fmt: skip
    raw = read(tmp_path, texts, f"{yaml}names: [cat, dog]\n")
    assert rows_of(raw) == [[list(box)] for box in BOXES]
    assert not raw.dropped


def test_predicted_keypoints_are_ignored(tmp_path):
    points = [[(*p, 0.93) for p in around(box, FACE)] for box in SPREAD]
    texts = [
        line((*box, *flat(x))) for box, x in zip(SPREAD, points, strict=True)
    ]
    assert rows_of(read(tmp_path, texts)) == [[list(box)] for box in SPREAD]


@pytest.mark.parametrize("yaml", ["", "kpt_shape: [5, 2]\n", "task: pose\n"])
def test_keypoints_without_visibility_are_never_polygons(tmp_path, yaml):
    texts = [line((*box, *flat(around(box, FACE)))) for box in SPREAD]
    raw = read(tmp_path, texts, f"{yaml}names: [cat, dog]\n")
    if "task" in yaml:  # the number of keypoints is unknown
        assert [image.num_unread for image in raw.images] == [1, 1, 1]
    else:
        assert rows_of(raw) == [[list(box)] for box in SPREAD]


def test_lines_that_may_be_both_are_dropped(tmp_path):
    """Keypoints of a large box in the center: also a plausible polygon."""
    box = (0.5, 0.5, 0.5, 0.6)
    raw = read(tmp_path, [line((*box, *flat(around(box, FACE))))])
    assert raw.images[0].num_unread == 1 and rows_of(raw) == [[]]
    assert [x for x, _ in raw.dropped] == [yolo_lines.UNDECIDED]
    text = "task: segment\nnames: [cat, dog]\n"
    raw = read(tmp_path, [line((*box, *flat(around(box, FACE))))], text)
    assert raw.images[0].num_unread == 0 and len(raw.images[0].boxes) == 1


def test_visibilities_decide(tmp_path):
    box = (0.5, 0.5, 0.5, 0.6)
    points = flat((*point, 1) for point in around(box, FACE))
    assert rows_of(read(tmp_path, [line((*box, *points))])) == [[list(box)]]


def test_small_polygons_of_one_length_are_no_keypoints(tmp_path):
    box = (0.6, 0.6, 0.1, 0.1)
    raw = read(tmp_path, [line(flat(around(box, PENTAGON)))])
    assert rows_of(raw) == [[list(box)]] and not raw.dropped


def test_a_parallelogram_is_a_rotated_box(tmp_path):
    """Its last corners would also be keypoints in a plausible box."""
    corners = (0.4, 0.5, 0.7, 0.6, 0.6, 0.7, 0.3, 0.6)
    raw = read(tmp_path, [line(corners)])
    assert rows_of(raw) == [[[0.5, 0.6, 0.4, 0.2]]]


def test_another_number_of_keypoints_than_stated(tmp_path):
    text = line((*BOXES[0], *flat(around(BOXES[0], FACE))))
    raw = read(tmp_path, [text], "kpt_shape: [17, 2]\nnames: [cat]\n")
    assert [x for x, _ in raw.dropped] == [yolo_lines.OTHER_KEYPOINTS]


@pytest.mark.parametrize(
    "text",
    [
        "1 0.3 0.4 0.2 0.3",
        "1\t0.3\t0.4\t0.2\t0.3",
        "1,0.3,0.4,0.2,0.3",
        "1, 0.3, 0.4, 0.2, 0.3,",
        "1;0.3;0.4;0.2;0.3",
        "1 0,3 0,4 0,2 0,3",
        "1;0,3;0,4;0,2;0,3",
        "1.0 3e-1 .4 +0.2 0.3",
        "dog 0.3 0.4 0.2 0.3",
        '"dog" 0.3 0.4 0.2 0.3',
        "\ufeff1 0.3 0.4 0.2 0.3\r\n\r\n",
        "# a comment\n1 0.3 0.4 0.2 0.3",
    ],
)
def test_separators_and_names(tmp_path, text):
    raw = read(tmp_path, [text])
    assert rows_of(raw) == [[list(BOXES[0])]] and not raw.dropped
    assert raw.images[0].labels.tolist() == [1]


def test_names_with_spaces_and_numbers(tmp_path):
    yaml = "names: [class 1, class 1 old, '2']\n"
    text = "class 1 0.3 0.4 0.2 0.3\nclass 1 old 0.3 0.4 0.2 0.3\n"
    raw = read(tmp_path, [text + "2 0.3 0.4 0.2 0.3\nowl .3 .4 .2 .3"], yaml)
    assert raw.images[0].labels.tolist() == [0, 1, 2, -1]


def test_names_only_in_the_lines(tmp_path):
    raw = read(tmp_path, ["dog .3 .4 .2 .3\nbig cat .3 .4 .2 .3"], "path: .")
    assert raw.class_names == ("big cat", "dog")
    assert raw.images[0].labels.tolist() == [1, 0]


def test_large_random_sets_are_told_apart():
    rng = np.random.default_rng(0)
    side = rng.uniform(0.05, 0.5, (300, 2))
    center = rng.uniform(side / 2, 1 - side / 2)
    boxes = np.concatenate([center, side], -1)
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False) + rng.uniform(0, 6)
    circle = np.stack([np.cos(turns), np.sin(turns)], -1)
    polygons = center[:, None] + circle * side[:, None] / 2
    inside = rng.uniform(-0.5, 0.5, (300, 8, 2)) * side[:, None]
    keypoints = center[:, None] + inside
    rows = np.concatenate([boxes, keypoints.reshape(300, -1)], -1)
    for values, is_pose in ((polygons.reshape(300, -1), 0), (rows, 1)):
        (reading,) = yolo_lines.choose_readings({16: values}).values()
        assert bool(reading.num_box) == bool(is_pose)
        assert bool(reading.num_polygon) != bool(is_pose)
