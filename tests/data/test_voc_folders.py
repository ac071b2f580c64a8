"""Tests for finding Pascal VOC's xml files, and the images they belong to."""

import pytest
from PIL import Image

from keras_efficient.data import load_detection
from keras_efficient.data.readers import files
from tests.data.annotated import HEIGHT
from tests.data.annotated import WIDTH
from tests.data.annotated import count_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.data.annotated import write_voc
from tests.marks import on_one_backend

pytestmark = on_one_backend

CAT, DOG = ("cat", (1, 2, 10, 20)), ("dog", (5, 5, 40, 25))


def write_color(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), (value, 0, 0)).save(path)


def images_of(dataset, root):
    """Labels of the boxes by the path of the image below a folder."""
    return {
        record.image.relative_to(root).as_posix(): record.labels.tolist()
        for record in dataset.records
    }


@pytest.mark.parametrize(
    "annotations, images",
    [
        ("labels", "images"),
        ("xml", "images"),
        ("Annotation", "JPEGImages"),
        ("annotations/xmls", "images"),
        ("my_notes", "pictures"),
        ("set/bndboxes", "set/camera"),
        ("cups/Annotations", "cups/JPEGImages"),
        ("xml", ""),
        ("", "images"),
        ("Annotations", "JPEGImages/left/day"),
        ("Annotations/left/day", "JPEGImages"),
    ],
)
def test_any_folders(tmp_path, annotations, images):
    for i in range(2):
        write_image(tmp_path / images / f"{i}.jpg")
        write_voc(tmp_path / annotations / f"{i}.xml", [CAT])
    write_image(tmp_path / images / "new.jpg")
    dataset = load_detection(tmp_path, layout="voc")
    assert labels_of(dataset) == {"0.jpg": [0], "1.jpg": [0]}
    assert count_of(dataset.report.dropped, "without an xml file") == 1
    assert set(dataset.report.dropped) | set(dataset.report.repaired) == {
        "images without an xml file"
    }


@pytest.mark.parametrize(
    "annotations, images",
    [
        ("images/{}", "images/{}"),
        ("{}/xml", "{}/images"),
        ("{}", "{}"),
        ("xml_{}", "images_{}"),
        ("{}_annotations", "{}_images"),
        ("labels/{}/left", "images/{}/left"),
        ("cups/{}/Annotations", "cups/{}/JPEGImages"),
    ],
)
def test_splits_with_equal_names(tmp_path, annotations, images):
    """Both splits have an image "a"; "test" also lacks one of "train"."""
    for split, objects in (("train", [CAT]), ("test", [DOG])):
        write_image(tmp_path / images.format(split) / "a.JPG")
        write_voc(tmp_path / annotations.format(split) / "a.xml", objects)
    write_image(tmp_path / images.format("train") / "b.JPG")
    write_voc(tmp_path / annotations.format("test") / "b.xml", [DOG])
    for split, labels in (("train", [0]), ("test", [1])):
        dataset = load_detection(tmp_path, split, layout="voc")
        path = f"{images.format(split)}/a.JPG"
        assert images_of(dataset, tmp_path) == {path: labels}
        reason = {"train": "without an xml file", "test": "missing images"}
        assert count_of(dataset.report.dropped, reason[split]) == 1
    with pytest.raises(ValueError, match="divided into 'test', 'train'"):
        load_detection(tmp_path)


def test_folders_that_are_no_splits_are_read_together(tmp_path):
    for i, name in enumerate(("north", "south/1", "south/2")):
        write_image(tmp_path / "JPEGImages" / name / "a.jpg")
        objects = [CAT] * (i + 1)
        write_voc(tmp_path / "Annotations" / name / "a.xml", objects)
    dataset = load_detection(tmp_path, strict=True)
    assert images_of(dataset, tmp_path / "JPEGImages") == {
        "north/a.jpg": [0],
        "south/1/a.jpg": [0] * 2,
        "south/2/a.jpg": [0] * 3,
    }
    ids = [record.image_id for record in dataset.records]
    assert ids[1] == "Annotations/south/1/a"
    assert len(load_detection(tmp_path, "south")) == 2


def test_two_datasets_are_not_read_together(tmp_path):
    for name in ("cups", "keys"):
        write_image(tmp_path / name / "images" / "a.jpg")
        write_voc(tmp_path / name / "xml" / "a.xml", [CAT])
    with pytest.raises(ValueError, match="divided into 'cups', 'keys'"):
        load_detection(tmp_path)
    assert len(load_detection(tmp_path, "keys", strict=True)) == 1


def test_lists_with_the_paths_of_a_share(tmp_path):
    for name in ("Train/Set1/a", "Train/Set2/a", "Test/my pic"):
        write_image(tmp_path / "JPEGImages" / f"{name}.jpg")
        write_voc(tmp_path / "Annotations" / f"{name}.xml", [CAT], name)
    sets = tmp_path / "ImageSets" / "Main"
    write_text(sets / "Train.txt", "Train/Set1/a\nTrain\\Set2\\a\n")
    write_text(sets / "Test.txt", '"Test/my pic"  1\n')
    write_text(sets / "default.txt", "/x/JPEGImages/Test/my pic.jpg\na\n")
    train = load_detection(tmp_path, "Train", strict=True)
    assert list(images_of(train, tmp_path / "JPEGImages")) == [
        "Train/Set1/a.jpg",
        "Train/Set2/a.jpg",
    ]
    assert len(load_detection(tmp_path, "Test", strict=True)) == 1
    assert len(load_detection(tmp_path, strict=True)) == 3
    default = load_detection(tmp_path, "default")
    assert len(default) == 1
    # "a" may be either of two.
    assert f"{sets / 'default.txt'}: a" in str(default.report)


def test_lists_of_names_in_folders_of_splits(tmp_path):
    for i, split in enumerate(("train", "val")):
        write_image(tmp_path / "images" / split / "a.jpg")
        objects = [(split, (1, 2, 10, 20))]
        write_voc(tmp_path / "annotations" / split / "a.xml", objects)
        write_text(tmp_path / "ImageSets" / f"{split}.txt", "a.jpg\n")
        dataset = load_detection(tmp_path, split, strict=True)
        path = f"images/{split}/a.jpg"
        assert images_of(dataset, tmp_path) == {path: [i]}


def test_lists_with_pairs_of_files(tmp_path):
    for name in ("a", "my pic"):
        write_image(tmp_path / "JPEGImages" / f"{name}.jpg")
        write_voc(tmp_path / "Annotations" / f"{name}.xml", [CAT])
        line = f"./JPEGImages/{name}.jpg ./Annotations/{name}.xml\n"
        split = "train" if name == "a" else "valid"
        write_text(tmp_path / f"{split}.txt", line)
    train = load_detection(tmp_path, "train", layout="voc", strict=True)
    assert labels_of(train) == {"a.jpg": [0]}
    valid = load_detection(tmp_path, "val", layout="voc", strict=True)
    assert labels_of(valid) == {"my pic.jpg": [0]}


def test_several_years(tmp_path):
    for year in ("VOC2007", "VOC2012"):
        for name in "ab":
            write_image(tmp_path / year / "JPEGImages" / f"{name}.jpg")
            write_voc(tmp_path / year / "Annotations" / f"{name}.xml", [CAT])
        write_text(tmp_path / year / "ImageSets" / "Main" / "train.txt", "a")
    dataset = load_detection(tmp_path, "VOC2012/train", strict=True)
    assert images_of(dataset, tmp_path) == {"VOC2012/JPEGImages/a.jpg": [0]}


@pytest.mark.parametrize("ending", files.EXTENSIONS)
def test_every_ending(tmp_path, ending, monkeypatch):
    image = Image.new("RGB", (WIDTH, HEIGHT))
    name = f"a{ending.upper()}"
    (tmp_path / "images").mkdir()
    try:
        image.save(tmp_path / "images" / name)
    except (OSError, ValueError):
        pytest.skip("PIL cannot write this format")
    write_voc(tmp_path / "xml" / "a.xml", [CAT], f"a{ending}")
    dataset = load_detection(tmp_path, layout="voc", strict=True)
    assert labels_of(dataset) == {name: [0]}


def test_the_stated_name_decides_between_endings(tmp_path):
    write_color(tmp_path / "a.jpg", 20)
    write_color(tmp_path / "a.png", 200)
    for name in ("a.png", "a.jpg"):
        write_voc(tmp_path / "a.xml", [CAT], name.upper())
        dataset = load_detection(tmp_path)
        assert labels_of(dataset) == {name: [0]}
    write_voc(tmp_path / "a.xml", [CAT], "a")
    write_image(tmp_path / "b.jpg")
    write_voc(tmp_path / "b.xml", [DOG])
    dataset = load_detection(tmp_path)
    assert labels_of(dataset) == {"b.jpg": [1]}
    assert count_of(dataset.report.dropped, "several different images") == 1
    # Files with the ending of the image in their name
    for name, objects in (("a.jpg", [CAT]), ("a.png", [DOG])):
        write_voc(tmp_path / f"{name}.xml", objects, "x.bmp")
    (tmp_path / "a.xml").unlink()
    dataset = load_detection(tmp_path, strict=True)
    assert labels_of(dataset) == {"a.jpg": [0], "a.png": [1], "b.jpg": [1]}


def test_the_stated_folder_decides_between_folders(tmp_path):
    for i, name in enumerate(("left", "right")):
        write_color(tmp_path / "images" / name / "a.png", 50 * i)
    path = tmp_path / "xml" / "a.xml"
    write_image(tmp_path / "images" / "b.jpg")
    write_voc(tmp_path / "xml" / "b.xml", [DOG])
    write_voc(path, [CAT], "a.png")
    dataset = load_detection(tmp_path, layout="voc")
    assert labels_of(dataset) == {"b.jpg": [1]}
    assert count_of(dataset.report.dropped, "several different images") == 1
    write_voc(path, [CAT], "right\\a.png")
    dataset = load_detection(tmp_path, layout="voc")
    assert images_of(dataset, tmp_path / "images")["right/a.png"] == [0]
    stated = "<filename>a.png</filename><path>C:\\set\\right\\a.png</path>"
    text = path.read_text().replace("<filename>right\\a.png</filename>", stated)
    path.write_text(text.replace("right\\a.png</filename>", "</filename>"))
    dataset = load_detection(tmp_path, layout="voc")
    assert images_of(dataset, tmp_path / "images")["right/a.png"] == [0]
    # Copies of one file are no problem.
    write_color(tmp_path / "images" / "right" / "a.png", 0)
    write_voc(path, [CAT], "a.png")
    assert len(load_detection(tmp_path, layout="voc")) == 2


def test_a_stated_name_of_another_image_is_noted(tmp_path):
    for name, objects in (("a", [CAT]), ("b", [DOG])):
        write_image(tmp_path / f"{name}.jpg")
        write_voc(tmp_path / f"{name}.xml", objects, "a.jpg")
    dataset = load_detection(tmp_path)
    assert labels_of(dataset) == {"a.jpg": [0], "b.jpg": [1]}
    assert count_of(dataset.report.noted, "name another image") == 1
    # The boxes of a lost image do not move to another one.
    (tmp_path / "b.jpg").unlink()
    dataset = load_detection(tmp_path)
    assert labels_of(dataset) == {"a.jpg": [0]}
    assert count_of(dataset.report.dropped, "missing images") == 1


def test_the_folder_of_the_images_can_be_passed(tmp_path):
    write_image(tmp_path / "photos" / "deep" / "a.png")
    write_image(tmp_path / "set" / "a.jpg", 40, 60)
    write_voc(tmp_path / "set" / "xml" / "a.xml", [CAT])
    dataset = load_detection(tmp_path / "set", images=tmp_path / "photos")
    assert labels_of(dataset) == {"a.png": [0]}
    with pytest.raises(FileNotFoundError, match="No such folder of images"):
        load_detection(tmp_path / "set", images=tmp_path / "none")
    # The folder of the xml files finds its usual neighbors.
    write_image(tmp_path / "voc" / "JPEGImages" / "b.png")
    write_voc(tmp_path / "voc" / "Annotations" / "b.xml", [CAT])
    dataset = load_detection(tmp_path / "voc" / "Annotations", strict=True)
    assert labels_of(dataset) == {"b.png": [0]}


def test_names_that_differ_in_case_or_normalization(tmp_path):
    write_image(tmp_path / "images" / "IMG_1.JPG")
    write_voc(tmp_path / "xml" / "img_1.xml", [CAT])
    write_image(tmp_path / "images" / "caf\u00e9.jpg")
    write_voc(tmp_path / "xml" / "cafe\u0301.xml", [CAT])
    assert len(load_detection(tmp_path, layout="voc", strict=True)) == 2
    write_image(tmp_path / "images" / "img_1.jpg")
    dataset = load_detection(tmp_path, layout="voc")
    assert list(labels_of(dataset)) == ["caf\u00e9.jpg", "img_1.jpg"]


def test_xml_files_of_something_else(tmp_path):
    write_image(tmp_path / "images" / "a.jpg")
    for name, text in (
        ("annotations.xml", "<annotations><image name='a.jpg'/></annotations>"),
        ("pom.xml", "<project/>"),
        ("._a.xml", "\0\5\26\7"),
    ):
        write_text(tmp_path / name, text)
    with pytest.raises(ValueError, match="no annotations that are recognized"):
        load_detection(tmp_path, layout="voc")
    write_voc(tmp_path / "a.xml", [CAT])
    dataset = load_detection(tmp_path, layout="voc", strict=True)
    assert labels_of(dataset) == {"a.jpg": [0]}
    assert count_of(dataset.report.noted, "not in the form of Pascal VOC") == 2


def test_masks_and_copies_do_not_replace_a_lost_image(tmp_path):
    for name in "ab":
        write_voc(tmp_path / "Annotations" / f"{name}.xml", [CAT])
        write_image(tmp_path / "SegmentationClass" / f"{name}.png")
    with pytest.raises(ValueError, match="No such image: .*a.jpg"):
        load_detection(tmp_path)
    write_image(tmp_path / "JPEGImages" / "a.jpg")
    write_image(tmp_path / "small" / "b.jpg")
    dataset = load_detection(tmp_path)
    assert labels_of(dataset) == {"a.jpg": [0]}
    assert count_of(dataset.report.dropped, "missing images") == 1
    # In a folder of the images it is no copy.
    write_image(tmp_path / "JPEGImages" / "left" / "b.jpg")
    assert len(load_detection(tmp_path, strict=True)) == 2
