"""Csv files that state the classes of whole images."""

import numpy as np
import pytest
from PIL import Image

import keras_efficient
from keras_efficient import data
from tests.marks import on_one_backend

pytestmark = on_one_backend


def _draw(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.fromarray(np.full((8, 10, 3), 90, "uint8")).save(folder / name)


def _write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _labels(dataset):
    """The names of the classes of each image, by the name of the file."""
    return {
        record.image.name: [dataset.class_names[i] for i in record.labels]
        for record in dataset.records
    }


def test_columns_of_0_and_1_as_roboflow_writes_them(tmp_path):
    header = "filename, Cup, key, unused"
    for split, first in (("train", "1, 1, 0"), ("valid", "0, 1, 0")):
        _draw(tmp_path / split, ["a.png", "b.png"])
        _write(
            tmp_path / split / "_classes.csv",
            header,
            f"a.png, {first}",
            "b.png, 0, 0, 0",
        )
    assert data.find_task(tmp_path) == "classification"
    train, validation = data.load_splits(tmp_path)
    assert train.multi_label and validation.multi_label
    assert train.class_names == ("Cup", "key", "unused")
    assert train.labels.tolist() == [[1, 1, 0], [0, 0, 0]]
    assert validation.labels.tolist() == [[0, 1, 0], [0, 0, 0]]
    assert train.report.num_images == 2
    assert "classes without images: 'unused'" in str(train.report)
    images, targets = next(iter(train.batches(16)))
    assert images.shape == (2, 16, 16, 3)
    np.testing.assert_array_equal(targets, [[1, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    "header, rows",
    [
        ("image,label", ("a.png,cat", "b.png,dog", "c.png,cat")),
        ("path;class", ("photos/a.png;cat", "x/b.png;dog", "c.png;cat")),
        # Kaggle: names without extension, and a column of any name.
        ("id,breed", ("a,cat", "b,dog", "c,cat", "d,dog")),
        # Names of Hugging Face's metadata.
        ("file_name,label", ("a.png,cat", "b.png,dog", "c.png,cat")),
        # One class in a column in which several are possible.
        ("id,labels", ("a,cat", "b,dog", "c,cat")),
    ],
)
def test_one_class_for_each_image(tmp_path, header, rows):
    _draw(tmp_path / "photos", ["a.png", "b.png", "c.png", "d.png"])
    _write(tmp_path / "labels.csv", header, *rows)
    dataset = data.load_classification(tmp_path)
    assert not dataset.multi_label
    assert dataset.class_names == ("cat", "dog")
    found = _labels(dataset)
    expected = {"a.png": ["cat"], "b.png": ["dog"], "c.png": ["cat"]}
    assert found == expected | ({"d.png": ["dog"]} if len(rows) > 3 else {})


def test_several_classes_in_a_cell(tmp_path):
    _draw(tmp_path, ["a.png", "b.png", "c.png"])
    _write(
        tmp_path / "labels.csv",
        "image,tags",
        "a.png,sea; old town",
        "b.png,",
        "c.png,sea",
    )
    dataset = data.load_classification(tmp_path / "labels.csv")
    assert dataset.multi_label
    assert _labels(dataset) == {
        "a.png": ["old town", "sea"], "b.png": [], "c.png": ["sea"]
    }  # fmt: skip
    fewer = data.load_classification(tmp_path, class_names=["sea"])
    assert fewer.labels.tolist() == [[1], [0], [1]]
    assert fewer.report.left_out == ("old town",)
    with pytest.raises(ValueError, match="not in `class_names`: 'old town'"):
        data.load_classification(tmp_path, class_names=["sea"], strict=True)


def test_column_of_splits(tmp_path):
    _draw(tmp_path / "images", ["a.png", "b.png", "c.png"])
    _write(
        tmp_path / "birds.csv",
        "filepath,label,data set",
        "images/a.png,10,train",
        "images/b.png,9,train",
        "images/c.png,9,valid",
    )
    train, validation = data.load_splits(tmp_path)
    assert train.class_names == validation.class_names == ("9", "10")
    assert _labels(train) == {"a.png": ["10"], "b.png": ["9"]}
    assert _labels(validation) == {"c.png": ["9"]}
    with pytest.raises(ValueError, match="'train', 'valid'.*split='train'"):
        data.load_classification(tmp_path)
    with pytest.raises(FileNotFoundError, match="Received: split='test'"):
        data.load_classification(tmp_path, "test")


def test_rows_that_cannot_be_used_are_reported(tmp_path):
    _draw(tmp_path, ["a.png", "b.png", "two.png"])
    (tmp_path / "broken.png").write_bytes(b"no image")
    _write(
        tmp_path / "labels.csv",
        "image,label",
        "a.png,cat",
        "b.png,",
        "two.png,cat",
        "two.png,dog",
        "broken.png,dog",
        "missing.png,cat",
        "short.png",
    )
    dataset = data.load_classification(tmp_path)
    assert _labels(dataset) == {"a.png": ["cat"]}
    text = str(dataset.report)
    assert dataset.report.num_problems == 5
    for part in (
        "b.png: has no class", "two.png: has 'cat', 'dog'", "broken.png",
        "missing.png", "rows that lack columns, in lines '8'",
    ):  # fmt: skip
        assert part in text
    with pytest.raises(ValueError, match="b.png: has no class.*strict=False"):
        data.load_classification(tmp_path, strict=True)


def test_folders_of_classes_take_precedence(tmp_path):
    for name in ("cat", "dog"):
        _draw(tmp_path / name, [f"{name}.png"])
    _write(tmp_path / "labels.csv", "image,label", "cat/cat.png,animal")
    assert data.load_classification(tmp_path).class_names == ("cat", "dog")


def test_other_tables_state_no_classes(tmp_path):
    _draw(tmp_path / "one", ["a.png", "b.png", "c.png"])
    _write(
        tmp_path / "scores.csv", "image,score", "a.png,0.5", "b.png,0.1",
        "c.png,0.7",
    )  # fmt: skip
    assert data.load_classification(tmp_path).class_names == ("one",)


def test_several_tables_of_the_same_images(tmp_path):
    _draw(tmp_path, ["a.png"])
    for name in ("labels.csv", "classes.csv"):
        _write(tmp_path / name, "image,label", "a.png,cat")
    with pytest.raises(ValueError, match="several csv files.*one of them"):
        data.load_classification(tmp_path)
    assert len(data.load_classification(tmp_path / "labels.csv")) == 1


def test_unusual_images_are_noted(tmp_path):
    for name in ("cat", "dog"):
        folder = tmp_path / name
        folder.mkdir()
        array = np.arange(64, dtype="uint16").reshape(8, 8) * 60
        Image.fromarray(array).save(folder / "deep.png")
    report = data.load_classification(tmp_path).report
    assert (report.num_notes, report.num_problems) == (2, 0)
    assert "noted: 2 images of more than 8 bits" in str(report)


def test_images_of_several_classes_are_drawn(tmp_path):
    _draw(tmp_path, ["a.png", "b.png"])
    _write(tmp_path / "x.csv", "image,tags", "a.png,sea|sky", "b.png,")
    dataset = data.load_classification(tmp_path)
    picture = keras_efficient.visualization.plot_dataset(dataset)
    assert picture.width > picture.height > 0
