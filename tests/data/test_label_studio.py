"""Exports of Label Studio in the forms JSON and JSON_MIN."""

import json

import numpy as np
import pytest

from keras_efficient.data import load_detection
from keras_efficient.data.readers import label_studio
from keras_efficient.data.readers import label_studio_results as results
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.folder_listing import FolderListing
from tests.data.annotated import HEIGHT
from tests.data.annotated import WIDTH
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend

BOX = dict(x=20, y=10, width=30, height=40, rotation=0)
FRACTIONS = [0.2, 0.1, 0.5, 0.5]


def result(kind="rectanglelabels", label="cup", value=BOX, **more):
    stated = {kind: [label]} if kind.endswith("labels") and label else {}
    return (
        dict(
            id=more.pop("id", "r1"),
            type=kind,
            from_name="label",
            to_name="image",
            original_width=WIDTH,
            original_height=HEIGHT,
            image_rotation=0,
            value={**value, **stated},
        )
        | more
    )


def annotation(*found, **more):
    return dict(id=1, was_cancelled=False, result=list(found)) | more


def task(number, image, *annotations):
    return dict(id=number, annotations=annotations, data={"image": image})


def short(kind="rectanglelabels", value=BOX, **more):
    """A region in the form JSON_MIN."""
    size = dict(original_width=WIDTH, original_height=HEIGHT)
    return {**value, kind: ["cup"], **size, **more}


def read(folder, content, name="project.json", **options):
    write_text(folder / name, json.dumps(content))
    listing = FolderListing(folder)
    (split,) = label_studio.find_splits(listing).values()
    return label_studio.read(split, ReadOptions(listing, **options))


def boxes_in(raw):
    return {x.image.name: x.boxes.round(6).tolist() for x in raw.images}


def reasons_of(found):
    return {reason for reason, _ in found}


def test_boxes_classes_and_background(tmp_path):
    for name in "abc":
        write_image(tmp_path / "images" / f"{name}.jpg")
    key = result(label="key", value=BOX | dict(x=0), id="r2")
    raw = read(
        tmp_path,
        [
            task(7, "/data/upload/1/a.jpg", annotation(key, result())),
            task(8, "/data/upload/1/b.jpg", annotation()),
            task(9, "/data/upload/1/c.jpg", annotation(result(), id=5)),
        ],
    )
    assert raw.class_names == ("cup", "key") and raw.category_ids == (1, 2)
    assert boxes_in(raw)["a.jpg"] == [[0, 0.1, 0.3, 0.5], FRACTIONS]
    assert raw.images[0].labels.tolist() == [1, 0]
    assert boxes_in(raw)["b.jpg"] == [] and raw.images[1].num_unread == 0
    assert [image.image_id for image in raw.images] == [7, 8, 9]
    assert raw.images[0].size == (HEIGHT, WIDTH)
    assert raw.images[0].image == tmp_path / "images" / "a.jpg"
    assert not raw.dropped and not raw.noted


def test_short_form(tmp_path):
    for name in "ab":
        write_image(tmp_path / f"{name}.jpg")
    rows = [
        dict(image="/data/upload/a.jpg", id=1, label=[short()], annotator=1,
             annotation_id=1),
        dict(image="/data/upload/a.jpg", id=1, label=[short()], annotator=2,
             annotation_id=2),
        dict(image="/data/upload/b.jpg", id=2, annotator=1, annotation_id=3),
    ]  # fmt: skip
    raw = read(tmp_path, rows)
    # The boxes of two annotators are not two objects.
    assert boxes_in(raw) == {"a.jpg": [FRACTIONS], "b.jpg": []}
    assert reasons_of(raw.noted) == {results.SEVERAL_ANNOTATORS}


@pytest.mark.parametrize(
    "annotations, first",
    [
        ([annotation(result(value=BOX | dict(x=1))), annotation(result())],
         0.01),
        ([annotation(result(value=BOX | dict(x=1)), was_cancelled=True),
          annotation(result())], 0.2),
        ([annotation(result(value=BOX | dict(x=1))),
          annotation(result(), ground_truth=True)], 0.2),
    ],
)  # fmt: skip
def test_one_of_several_annotations(tmp_path, annotations, first):
    write_image(tmp_path / "a.jpg")
    raw = read(tmp_path, [task(1, "a.jpg", *annotations)])
    assert raw.images[0].boxes[:, 0] == pytest.approx([first])


def test_tasks_that_nobody_annotated_are_no_background(tmp_path):
    for name in "abc":
        write_image(tmp_path / f"{name}.jpg")
    raw = read(
        tmp_path,
        [
            task(1, "a.jpg", annotation(result())),
            task(2, "b.jpg"),
            task(3, "c.jpg", annotation(was_cancelled=True)),
        ],
    )
    assert list(boxes_in(raw)) == ["a.jpg"]
    assert reasons_of(raw.dropped) == {results.NOT_ANNOTATED}
    assert len(raw.dropped) == 2


def rotated(angle):
    """Box around a rotated rectangle, computed from its corners in pixels."""
    x, y = 0.2 * WIDTH, 0.1 * HEIGHT
    width, height = 0.3 * WIDTH, 0.4 * HEIGHT
    turn = np.exp(1j * np.deg2rad(angle))
    corners = complex(x, y) + turn * np.array(
        [0, width, complex(width, height), complex(0, height)]
    )
    low = corners.real.min() / WIDTH, corners.imag.min() / HEIGHT
    high = corners.real.max() / WIDTH, corners.imag.max() / HEIGHT
    return [*low, *high]


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    "kind, value, expected",
    [
        ("rectangle", BOX | dict(rotation=30), rotated(30)),
        ("rectangle", BOX | dict(rotation=-75.5), rotated(-75.5)),
        ("rectangle", BOX | dict(rotation=90), rotated(90)),
        ("polygon", dict(points=[[20, 30], [50, 10], [35, 50]]), FRACTIONS),
        ("ellipse", dict(x=35, y=30, radiusX=15, radiusY=20, rotation=0),
         FRACTIONS),
        # A quarter turn exchanges the radii in pixels.
        ("ellipse", dict(x=50, y=50, radiusX=20, radiusY=20, rotation=90),
         [0.38, 1 / 6, 0.62, 5 / 6]),
    ],
)  # fmt: skip
def test_enclosing_boxes(tmp_path, is_short, kind, value, expected):
    write_image(tmp_path / "a.jpg")
    kind = f"{kind}labels"
    rows = [task(1, "a.jpg", annotation(result(kind, value=value)))]
    if is_short:
        regions = [short(kind, value)]
        rows = [dict(image="a.jpg", id=1, label=regions, annotation_id=1)]
    raw = read(tmp_path, rows)
    assert raw.images[0].boxes[0] == pytest.approx(expected)
    assert reasons_of(raw.noted) == {results.ENCLOSING_BOX}


@pytest.mark.parametrize(
    "found, reason",
    [
        (result("brushlabels", value=dict(format="rle", rle=[1])),
         results.OTHER_REGION),
        (result("keypointlabels", value=dict(x=1, y=2, width=0.3)),
         results.OTHER_REGION),
        (result("polygonlabels", value=dict(points=[])), results.OTHER_REGION),
        (result(value=BOX | dict(rotation=5), original_width=None),
         results.NO_SIZE),
        (result(image_rotation=90), results.ROTATED_IMAGE),
    ],
)  # fmt: skip
def test_regions_that_cannot_be_read(tmp_path, found, reason):
    write_image(tmp_path / "a.jpg")
    raw = read(tmp_path, [task(1, "a.jpg", annotation(found))])
    assert raw.images[0].num_unread == 1
    assert reasons_of(raw.dropped) == {reason}


def test_labels_in_another_result(tmp_path):
    """The interface of `Rectangle` and `Labels`, and other results."""
    write_image(tmp_path / "a.jpg")
    found = [
        result("rectangle"),
        result("labels", label="", value=BOX | {"labels": ["cup"]}),
        result("choices", value={"choices": ["sharp"]}, id="c"),
        result("textarea", value={"text": ["x"]}, id="t"),
        dict(type="relation", from_id="r1", to_id="r2"),
    ]
    raw = read(tmp_path, [task(1, "a.jpg", annotation(*found))])
    assert boxes_in(raw) == {"a.jpg": [FRACTIONS]}
    assert raw.class_names == ("cup",) and raw.images[0].labels.tolist() == [0]
    assert raw.images[0].num_unread == 0


def test_several_labels_and_none(tmp_path):
    write_image(tmp_path / "a.jpg")
    both = result(label="", value=BOX | {"rectanglelabels": ["key", "cup"]})
    none = result(label="", id="r2")
    raw = read(tmp_path, [task(1, "a.jpg", annotation(both, none))])
    assert raw.class_names == ("key",)
    assert raw.images[0].labels.tolist() == [0, -1]
    assert reasons_of(raw.noted) == {results.SEVERAL_LABELS}


@pytest.mark.parametrize(
    "stated, file",
    [
        ("/data/upload/1/1a2b3c4d-photo%201.jpg", "photo 1.jpg"),
        ("/data/upload/1/1a2b3c4d-photo_1.jpg", "1a2b3c4d-photo_1.jpg"),
        ("/data/upload/1/1a2b3c4d-photo_1.jpg", "photo 1.jpg"),
        ("/data/upload/1/1a2b3c4d-cup_1.jpg", "deep/er/cup (1).jpg"),
        ("/data/local-files/?d=cups/photo%201.jpg", "cups/photo 1.jpg"),
        ("/data/local-files/?d=cups%5Cday%5Cphoto.jpg", "photo.jpg"),
        ("s3://bucket/cups/photo.jpg", "photo.jpg"),
        ("https://example.com/a/photo.jpg?X-Sig=a/b.jpg", "photo.jpg"),
        ("C:\\cups\\photo.jpg", "photo.jpg"),
        ("file:///cups/photo.jpg", "photo.jpg"),
        ("photo#1.jpg", "photo#1.jpg"),
        ("/data/upload/1/Tasse%20%C3%A9.jpg", "Tasse e\u0301.jpg"),
    ],
)
def test_images_by_stated_paths(tmp_path, stated, file):
    write_image(tmp_path / file)
    write_image(tmp_path / "other.jpg")
    raw = read(tmp_path, [task(1, stated, annotation(result()))])
    assert raw.images[0].image == tmp_path / file


def test_images_of_one_name(tmp_path):
    for folder in ("cam1", "cam2"):
        write_image(tmp_path / folder / "0.jpg")
    stated = ["/data/local-files/?d=x/cam2/0.jpg", "/data/upload/0.jpg"]
    rows = [
        task(i, path, annotation(result())) for i, path in enumerate(stated)
    ]
    raw = read(tmp_path, rows)
    assert [x.image for x in raw.images] == [tmp_path / "cam2" / "0.jpg"]
    assert reasons_of(raw.dropped) == {label_studio.SEVERAL_FILES}


def test_the_annotated_field(tmp_path):
    for name in ("left", "right"):
        write_image(tmp_path / f"{name}.jpg")
    data = {"left": "left.jpg", "right": "right.jpg", "text": "a.b"}
    rows = [
        task(1, "", annotation(result(to_name="right"))) | {"data": data},
        task(2, "", annotation(result())) | {"data": data},
    ]
    raw = read(tmp_path, rows)
    assert list(boxes_in(raw)) == ["right.jpg"]
    assert reasons_of(raw.dropped) == {label_studio.NO_IMAGE_FIELD}


def test_folder_of_the_images(tmp_path):
    write_image(tmp_path / "photos" / "a.jpg")
    write_image(tmp_path / "other" / "a.jpg")
    rows = [task(1, "a.jpg", annotation(result()))]
    raw = read(tmp_path / "exports", rows, images=tmp_path / "photos")
    assert raw.images[0].image == tmp_path / "photos" / "a.jpg"
    # A file in a folder of annotations: the images are beside that folder.
    listing = FolderListing(tmp_path / "exports" / "project.json")
    (split,) = label_studio.find_splits(listing).values()
    assert tmp_path in split.folders


def test_splits_have_the_same_classes(tmp_path):
    for name, label in (("train", "key"), ("val", "cup")):
        write_image(tmp_path / f"{name}.jpg")
        rows = [task(1, f"{name}.jpg", annotation(result(label=label)))]
        write_text(tmp_path / f"{name}.json", json.dumps(rows))
    listing = FolderListing(tmp_path)
    splits = label_studio.find_splits(listing)
    assert set(splits) == {"train", "val"}
    for split in splits.values():
        raw = label_studio.read(split, ReadOptions(listing))
        assert raw.class_names == ("cup", "key") and len(raw.images) == 1
    joined = label_studio.join_splits(list(splits.values()))
    raw = label_studio.read(joined, ReadOptions(listing))
    # Tasks of several projects have the same numbers.
    assert len({image.image_id for image in raw.images}) == 2


def test_the_layout_is_recognized(tmp_path):
    write_image(tmp_path / "a.jpg")
    rows = [task(1, "a.jpg", annotation(result()))]
    path = write_text(tmp_path / "project.json", json.dumps(rows))
    for source in (tmp_path, path, [path]):
        dataset = load_detection(source, strict=True)
        assert dataset.report.layout == "Label Studio JSON"
        expected = np.array(FRACTIONS) * [WIDTH, HEIGHT, WIDTH, HEIGHT]
        assert dataset.records[0].boxes[0] == pytest.approx(expected)


def test_other_json_files_are_not_recognized(tmp_path):
    coco = {"images": [], "annotations": [], "categories": []}
    for name, content in (("a", coco), ("b", [1]), ("c", [{"image_id": 1}])):
        write_text(tmp_path / f"{name}.json", json.dumps(content))
    assert label_studio.find_splits(FolderListing(tmp_path)) == {}
