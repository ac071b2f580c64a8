"""Tests for reading Pascal VOC's xml files."""

import pytest

from keras_efficient.data import load_detection
from tests.data.annotated import boxes_of
from tests.data.annotated import count_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.data.annotated import write_turned_image
from tests.data.annotated import write_voc
from tests.marks import on_one_backend
from tests.shared import SHARED
from tests.shared import needs_shared

pytestmark = on_one_backend

CAT, DOG = ("cat", (1, 2, 10, 20)), ("dog", (5, 5, 40, 25))


@pytest.fixture
def folder(tmp_path):
    """Three images; `train` has two of them, without any dog."""
    for name, objects in (("a", [DOG, CAT]), ("b", [CAT]), ("c", [])):
        write_image(tmp_path / "JPEGImages" / f"{name}.jpg")
        write_voc(tmp_path / "Annotations" / f"{name}.xml", objects)
    write_text(tmp_path / "ImageSets" / "Main" / "train.txt", "b\nc\n\n")
    write_text(tmp_path / "ImageSets" / "Main" / "val.txt", "a  1\n")
    write_text(tmp_path / "ImageSets" / "Main" / "cat_val.txt", "a  1\n")
    return tmp_path


def test_reads_all_or_a_split(folder):
    dataset = load_detection(folder, strict=True)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.category_ids == (1, 2)
    # The edges as they are, difficult or not.
    assert boxes_of(dataset)["a.jpg"] == [[5, 5, 40, 25], [1, 2, 10, 20]]
    assert labels_of(dataset) == {"a.jpg": [1, 0], "b.jpg": [0], "c.jpg": []}
    assert [record.image_id for record in dataset.records] == ["a", "b", "c"]
    assert dataset.report.num_empty == 1
    train = load_detection(folder, "train", strict=True)
    assert labels_of(train) == {"b.jpg": [0], "c.jpg": []}
    # The other split's classes count, so that labels are the same.
    assert train.class_names == ("cat", "dog")
    assert len(load_detection(folder, "val")) == 1
    with pytest.raises(FileNotFoundError, match="it has 'train', 'val'. "):
        load_detection(folder, "test")


@pytest.mark.parametrize(
    "annotations, images",
    [
        ("train", "train"),
        ("train/Annotations", "train/JPEGImages"),
        ("train/annotations", "train/images"),
        ("annotations/train", "images/train"),
    ],
)
def test_a_folder_for_each_split(tmp_path, annotations, images):
    write_image(tmp_path / images / "a.png")
    write_voc(tmp_path / annotations / "a.xml", [CAT])
    other = annotations.replace("train", "valid")
    write_voc(tmp_path / other / "b.xml", [("ant", (1, 1, 5, 5))])
    dataset = load_detection(tmp_path, "train", strict=True)
    assert labels_of(dataset) == {"a.png": [1]}
    assert dataset.class_names == ("ant", "cat")
    with pytest.raises(ValueError, match="divided into 'train', 'valid'"):
        load_detection(tmp_path)


@pytest.mark.parametrize(
    "annotations, images",
    [("", ""), ("annotations", "images"), ("annotations/xmls", "images")],
)
def test_one_folder_without_splits(tmp_path, annotations, images):
    write_image(tmp_path / images / "a.JPG")
    write_voc(tmp_path / annotations / "a.xml", [CAT])
    assert labels_of(load_detection(tmp_path, strict=True)) == {"a.JPG": [0]}


def test_file_names_take_precedence_over_their_contents(folder):
    write_voc(folder / "Annotations" / "b.xml", [CAT], filename="a.jpg")
    assert len(load_detection(folder, strict=True)) == 3
    write_voc(folder / "Annotations" / "x.xml", [CAT], "C:\\set\\new.png")
    write_image(folder / "JPEGImages" / "new.png")
    dataset = load_detection(folder)
    assert dataset.records[-1].image.name == "new.png"
    assert not dataset.report.dropped


def test_invalid_annotations_are_repaired_or_dropped_and_reported(folder):
    write_text(folder / "Annotations" / "a.xml", "<annotation><obj")
    objects = [
        *[("cat", (i, i, i + 5, i + 5)) for i in range(20)],
        ("cat", (20, 20, 10, 12)),  # inverted
        ("cat", ("x", 1, 2, 3)),
        ("", (1, 2, 3, 4)),
        ("cat", (504, 5, 504, 5)),
    ]
    write_voc(folder / "Annotations" / "b.xml", objects)
    write_voc(folder / "Annotations" / "gone.xml", [CAT])
    write_image(folder / "JPEGImages" / "new.jpg")
    report = load_detection(folder).report
    assert report.num_images == 2
    assert count_of(report.repaired, "inverted") == 1
    for words, count in (
        ("xml files that cannot be read", 1),
        ("missing images", 1),
        ("without an xml file", 1),
        ("class that the file does not name", 1),
        ("NaN or infinite", 1),
        ("without area", 1),
    ):
        assert count_of(report.dropped, words) == count, words
    assert str(folder / "JPEGImages" / "gone.jpg") in str(report)
    with pytest.raises(ValueError, match="has invalid annotations"):
        load_detection(folder, strict=True)
    lists = folder / "ImageSets" / "Main" / "train.txt"
    lists.write_text("b\nnothing\nb\n")
    report = load_detection(folder, "train").report
    assert count_of(report.dropped, "without an xml file") == 1
    assert count_of(report.repaired, "listed twice") == 1
    assert report.class_counts == {"cat": 21}


def test_images_rotated_by_exif(folder):
    write_turned_image(folder / "JPEGImages" / "a.jpg")  # upright 30 x 50
    write_voc(folder / "Annotations" / "a.xml", [DOG], size=(50, 30))
    dataset = load_detection(folder)
    assert dataset.records[0].size == (30, 50)
    assert "a.xml: stated (50, 30), is (30, 50)" in str(dataset.report)
    # Boxes in the stored frame do not make the others' format look wrong.
    objects = [("cat", (i, 32, 10 + i, 45)) for i in range(20)]
    write_voc(folder / "Annotations" / "a.xml", objects, size=(50, 30))
    assert load_detection(folder).report.class_counts == {"cat": 21}
    # Tools that show the image upright state its upright size.
    write_voc(folder / "Annotations" / "a.xml", [DOG])
    assert not load_detection(folder).report.repaired


def test_a_stated_size_of_zero_is_ignored(folder):
    write_voc(folder / "Annotations" / "a.xml", [DOG], size=(0, 0))
    load_detection(folder, strict=True)


@needs_shared
@pytest.mark.parametrize(
    "split, num_images, counts",
    [
        # Counted with grep; two boxes of RBC have no area.
        (None, 364, (361, 4155 - 2, 372)),
        ("train", 205, (209, 2381, 214)),
        ("val", 87, (83, 967, 87)),
        ("test", 72, (69, 805, 71)),
    ],
)
def test_reads_real_blood_cells(split, num_images, counts):
    path = SHARED / "data" / "bccd"
    report = load_detection(path, split, check="header").report
    assert report.num_images == num_images
    names = ("Platelets", "RBC", "WBC")
    assert report.class_counts == dict(zip(names, counts, strict=True))
    num_dropped = sum(count for count, _ in report.dropped.values())
    assert num_dropped == {None: 2, "train": 1, "val": 1, "test": 0}[split]
    assert not report.repaired
    if split is None:
        assert report.num_boxes + num_dropped == 4888
        assert "BloodImage_00338" in str(report)
        assert "BloodImage_00343" in str(report)
