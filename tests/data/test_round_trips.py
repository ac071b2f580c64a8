"""Datasets that are written and read again, in every layout that is written."""

import pathlib
import string
import tempfile

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from keras_efficient import data
from tests.marks import on_one_backend

pytestmark = on_one_backend
LAYOUTS = ("coco", "voc", "yolo")
SETTINGS = hypothesis.settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# Letters of several scripts, and characters with a meaning in json, xml, yaml.
LETTERS = string.ascii_letters + string.digits + "éüßñ猫Кж _-.'\"&<>#:{}[]%"


@strategies.composite
def class_names(draw):
    text = strategies.text(LETTERS, min_size=1, max_size=12)
    names = text.map(str.strip).filter(bool)
    return draw(strategies.lists(names, min_size=1, max_size=4, unique=True))


@strategies.composite
def datasets(draw):
    """Up to four images, each with up to three boxes, at least one in all."""
    names = draw(class_names())
    sides = strategies.integers(16, 90)
    images, boxes, labels = [], [], []
    for i in range(draw(strategies.integers(1, 4))):
        height, width = draw(sides), draw(sides)
        images.append(np.full((height, width, 3), 40 * i, "uint8"))
        count = draw(strategies.integers(0 if i else 1, 3))
        parts = strategies.floats(0, 1, width=32)
        rows = []
        for _ in range(count):
            left, top = draw(parts) * (width - 4), draw(parts) * (height - 4)
            right = left + 2 + draw(parts) * (width - left - 2)
            bottom = top + 2 + draw(parts) * (height - top - 2)
            rows.append([left, top, right, bottom])
        boxes.append(np.array(rows, "float32").reshape(-1, 4))
        numbers = strategies.integers(0, len(names) - 1)
        labels.append([draw(numbers) for _ in range(count)])
    return data.detection_from_arrays(images, boxes, labels, names)


def assert_equal(read, written):
    assert read.class_names == written.class_names
    assert len(read) == len(written)
    for new, old in zip(read.records, written.records, strict=True):
        assert new.size == old.size
        np.testing.assert_allclose(new.boxes, old.boxes, rtol=1e-6, atol=1e-4)
        np.testing.assert_array_equal(new.labels, old.labels)
        np.testing.assert_array_equal(new.is_crowd, old.is_crowd)
        first, second = (data.load_image(x.image) for x in (new, old))
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("layout", LAYOUTS)
@SETTINGS
@hypothesis.given(dataset=datasets())
def test_what_is_written_is_read_back(layout, dataset):
    with tempfile.TemporaryDirectory() as folder:
        path = data.save_detection(dataset, pathlib.Path(folder, "a"), layout)
        read = data.load_detection(
            path, "train", class_names=dataset.class_names, strict=False
        )
        assert not read.report.repaired and not read.report.dropped
        assert_equal(read, dataset)


@SETTINGS
@hypothesis.given(dataset=datasets(), seed=strategies.integers(0, 9))
def test_layouts_give_the_same_training_batch(dataset, seed):
    batches = []
    with tempfile.TemporaryDirectory() as folder:
        for layout in LAYOUTS:
            path = data.save_detection(
                dataset, pathlib.Path(folder, layout), layout
            )
            read = data.load_detection(
                path, "train", class_names=dataset.class_names
            )
            batch = read.batches((32, 48), 4, training=True, seed=seed)[0]
            batches.append(batch)
    for images, truth in batches[1:]:
        np.testing.assert_allclose(images, batches[0][0], atol=1e-3)
        for key, values in truth.items():
            np.testing.assert_allclose(values, batches[0][1][key], atol=1e-3)


def splits():
    images = np.zeros((2, 30, 40, 3), "uint8")
    first, second = (
        data.detection_from_arrays(
            images, [[[1, 2, x, 20]], []], [[1], []], ["cup", "key"]
        )
        for x in (10, 30)
    )
    return {"train": first, "val": second}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_several_splits(tmp_path, layout):
    written = splits()
    path = data.save_detection(written, tmp_path / "set", layout)
    for name, dataset in written.items():
        read = data.load_detection(path, name, class_names=dataset.class_names)
        assert_equal(read, dataset)
    pair = data.load_splits(path, class_names=["cup", "key"])
    assert [x.records[0].boxes[0, 2] for x in pair] == [10, 30]


def test_crowds_and_areas_and_numbers_of_coco(tmp_path):
    written = splits()["train"]
    record = written.records[0]
    object.__setattr__(record, "is_crowd", np.array([True]))
    object.__setattr__(record, "areas", np.array([77.5], "float32"))
    object.__setattr__(written, "category_ids", (3, 90))
    keys = {"is_crowd": np.array([False, True]), "areas": np.array([9.0, 77.5])}
    record = type(record)(
        record.image,
        np.array([[1, 1, 4, 4], [1, 2, 10, 20]], "float32"),
        np.array([0, 1]),
        size=record.size,
        image_id=record.image_id,
        **keys,
    )
    written = type(written)(
        (record,), written.class_names, (3, 90), written.report
    )
    path = data.save_detection(written, tmp_path / "coco", "coco")
    read = data.load_detection(path, "train")
    assert_equal(read, written)
    assert read.category_ids == (3, 90)
    assert read.records[0].areas.tolist() == [9.0, 77.5]
    for layout in ("voc", "yolo"):
        with pytest.warns(UserWarning, match="1 boxes around crowds are left"):
            path = data.save_detection(written, tmp_path / layout, layout)
        assert data.load_detection(path, "train").num_boxes == 1


def test_files_are_copied_and_equal_names_stay_apart(tmp_path):
    folders = [tmp_path / "x", tmp_path / "y"]
    records = []
    source = splits()["train"]
    for i, folder in enumerate(folders):
        folder.mkdir()
        path = data.save_detection(source, folder / "set")
        file = path / "train" / "000000.png"
        record = data.load_detection(path, "train").records[0]
        assert record.image == file
        records.append(
            type(record)(
                file, record.boxes + i, record.labels, record.is_crowd,
                record.size, f"{i}",
            )
        )  # fmt: skip
    both = type(source)(
        tuple(records), source.class_names, (1, 2), source.report
    )
    for layout in LAYOUTS:
        path = data.save_detection(both, tmp_path / layout, layout)
        read = data.load_detection(
            path, "train", class_names=source.class_names
        )
        assert [x.boxes[0, 0] for x in read.records] == [1, 2]


def test_invalid_input(tmp_path):
    dataset = splits()["train"]
    with pytest.raises(ValueError, match="`layout` must be one of.*'pdf'"):
        data.save_detection(dataset, tmp_path / "a", "pdf")
    with pytest.raises(ValueError, match="at least one dataset"):
        data.save_detection({}, tmp_path / "a")
    with pytest.raises(ValueError, match=r"names of files.*'../x'"):
        data.save_detection({"../x": dataset}, tmp_path / "a")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "photo.jpg").write_bytes(b"")
    with pytest.raises(FileExistsError, match="not empty"):
        data.save_detection(dataset, tmp_path / "a")
    data.save_detection(dataset, tmp_path / "a", overwrite=True)
    assert not (tmp_path / "a" / "photo.jpg").exists()
