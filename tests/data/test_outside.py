"""Annotations do not make files outside the data set part of it."""

import json

import pytest

from keras_efficient.data import load_classification
from keras_efficient.data import load_detection
from keras_efficient.data.readers.files import find_file
from keras_efficient.data.readers.image_finder import plain_path
from tests.data.annotated import coco_image
from tests.data.annotated import coco_row
from tests.data.annotated import count_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_coco
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend

BOX = [4, 5, 10, 20]
REASON = "stated as files outside the data set"


@pytest.fixture(
    params=["../private/x.jpg", "absolute", "b/../../private/x.jpg"]
)
def stated(request, tmp_path):
    """The name of an image beside the data set, as a file may state it."""
    write_image(tmp_path / "private" / "x.jpg")
    write_image(tmp_path / "set" / "a.jpg")
    (tmp_path / "set" / "b").mkdir()
    if request.param == "absolute":
        return str(tmp_path / "private" / "x.jpg")
    return request.param


def write_as_coco(folder, name):
    rows = [coco_row(1, 1, BOX), coco_row(2, 1, BOX)]
    images = [coco_image(1, "a.jpg"), coco_image(2, name)]
    write_coco(folder / "boxes.json", images, rows, [(1, "cup")])


def write_as_csv(folder, name):
    text = f"filename,class,xmin,ymin,xmax,ymax\n{name},cup,1,1,9,9\n"
    write_text(folder / "boxes.csv", text + "a.jpg,cup,1,1,9,9\n")


def write_as_open_images(folder, name):
    text = "ImageID,LabelName,XMin,XMax,YMin,YMax\n"
    text += f"{name},/m/01,0.1,0.5,0.1,0.5\na.jpg,/m/01,0.1,0.5,0.1,0.5\n"
    write_text(folder / "a-annotations-bbox.csv", text)


def write_as_imagefolder(folder, name):
    objects = {"bbox": [[1, 1, 9, 9]], "category": [0]}
    rows = [{"file_name": x, "objects": objects} for x in ("a.jpg", name)]
    write_text(folder / "metadata.jsonl", "\n".join(map(json.dumps, rows)))


def write_as_cvat(folder, name):
    shape = '<box label="cup" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    images = "".join(
        f'<image name="{x}" width="50" height="30">{shape}</image>'
        for x in ("a.jpg", name)
    )
    text = f"<annotations><meta/>{images}</annotations>"
    write_text(folder / "annotations.xml", text)


WRITERS = (
    write_as_coco, write_as_csv, write_as_open_images, write_as_imagefolder,
    write_as_cvat,
)  # fmt: skip


@pytest.mark.parametrize("write", WRITERS)
def test_images_outside_are_dropped_with_the_remedy(tmp_path, stated, write):
    write(tmp_path / "set", stated)
    report = load_detection(tmp_path / "set").report
    assert report.num_images == 1
    assert count_of(report.dropped, REASON) == 1
    assert "pass their folder with `images=`" in str(report)
    with pytest.raises(ValueError, match=REASON):
        load_detection(tmp_path / "set", strict=True)


@pytest.mark.parametrize("write", WRITERS)
def test_images_in_the_folder_that_is_passed_are_used(tmp_path, stated, write):
    write(tmp_path / "set", stated)
    write_image(tmp_path / "private" / "a.jpg")
    dataset = load_detection(tmp_path / "set", images=tmp_path / "private")
    assert sorted(labels_of(dataset)) == ["a.jpg", "x.jpg"]


def test_a_folder_that_contains_both_is_the_data_set(tmp_path, stated):
    write_as_coco(tmp_path / "set", stated)
    dataset = load_detection(tmp_path, strict=True)
    assert sorted(labels_of(dataset)) == ["a.jpg", "x.jpg"]


def test_a_link_on_the_disk_is_followed(tmp_path):
    write_image(tmp_path / "private" / "x.jpg")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "images").symlink_to(tmp_path / "private")
    rows = [coco_row(1, 1, BOX)]
    images = [coco_image(1, "x.jpg")]
    write_coco(tmp_path / "set" / "a.json", images, rows, [(1, "cup")])
    assert len(load_detection(tmp_path / "set", strict=True)) == 1


def test_tables_of_classes(tmp_path, stated):
    text = f"filename,class\na.jpg,cup\n{stated},key\n"
    path = write_text(tmp_path / "set" / "a.csv", text)
    dataset = load_classification(path)
    assert len(dataset) == 1
    assert "an image outside the folder of the file" in str(dataset.report)


def test_lists_of_yolo_name_images_anywhere(tmp_path):
    write_image(tmp_path / "private" / "x.jpg")
    write_text(tmp_path / "private" / "x.txt", "0 0.5 0.5 0.2 0.2")
    name = tmp_path / "private" / "x.jpg"
    write_text(tmp_path / "set" / "train.txt", f"{name}\n")
    lines = "classes = 1\ntrain = train.txt\nnames = obj.names\n"
    write_text(tmp_path / "set" / "obj.data", lines)
    write_text(tmp_path / "set" / "obj.names", "cup\n")
    assert len(load_detection(tmp_path / "set", "train", layout="yolo")) == 1
    folder = tmp_path / "private"
    config = f"path: {folder}\ntrain: {folder}\nnames: [cup]"
    write_text(tmp_path / "set" / "data.yaml", config)
    assert len(load_detection(tmp_path / "set" / "data.yaml", "train")) == 1


def test_names_of_classes_are_not_read_from_any_file(tmp_path):
    write_image(tmp_path / "set" / "a.jpg")
    write_text(tmp_path / "set" / "a.txt", "0 0.5 0.5 0.2 0.2")
    for name, found in (("secret", None), ("usual.names", "token")):
        path = write_text(tmp_path / "private" / name, "token\n")
        write_text(tmp_path / "set" / "obj.data", f"names = {path}\n")
        (only,) = load_detection(tmp_path / "set", layout="yolo").class_names
        assert only == (found or str(path))


def test_find_file_stays_within_folders(tmp_path):
    write_image(tmp_path / "private" / "x.jpg")
    (tmp_path / "set").mkdir()
    folders = [tmp_path / "set"]
    for name in ("../private/x.jpg", str(tmp_path / "private" / "x.jpg")):
        assert find_file(folders, name) is not None
        assert find_file(folders, name, folders) is None
        assert find_file(folders, name, [tmp_path]) is not None
    assert find_file(folders, "a" * 5000) is None
    assert [plain_path(x) for x in ("/", "a/..", "b")] == [
        "unnamed", "unnamed", "b"
    ]  # fmt: skip


def test_files_outside_that_are_no_lists_are_not_read(tmp_path):
    write_image(tmp_path / "set" / "images" / "a.jpg")
    write_text(tmp_path / "set" / "labels" / "a.txt", "0 0.5 0.5 0.2 0.2")
    secret = write_text(tmp_path / "secret", "token\n")
    config = f"train: images\nval: {secret}\nnames: [cup]"
    path = write_text(tmp_path / "set" / "data.yaml", config)
    assert len(load_detection(path, "train")) == 1
    with pytest.raises(FileNotFoundError, match="no split 'val'") as caught:
        load_detection(path, "val")
    assert "token" not in str(caught.value)
    # Inside the data set, lists may have any name.
    write_text(tmp_path / "set" / "list", "images/a.jpg\n")
    path.write_text("train: list\nnames: [cup]")
    assert len(load_detection(path, "train")) == 1


def test_files_passed_together_do_not_share_their_folders(tmp_path):
    """Each of them may only name images in its own folder."""
    write_image(tmp_path / "first" / "x.jpg")
    write_image(tmp_path / "second" / "a.jpg")
    sets = (
        ("first", "x.jpg", "x.jpg"),
        ("second", "a.jpg", "../first/x.jpg"),
    )
    for folder, *names in sets:
        images = [coco_image(i, name) for i, name in enumerate(names)]
        rows = [coco_row(i, 1, BOX) for i in range(2)]
        path = tmp_path / folder / "boxes.json"
        write_coco(path, images, rows, [(1, "cup")])
    dataset = load_detection([tmp_path / x / "boxes.json" for x, *_ in sets])
    assert count_of(dataset.report.dropped, REASON) == 1
