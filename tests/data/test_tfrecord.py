"""Tests for reading TFRecord files of the Object Detection API."""

import gzip
import io
import sys

import numpy as np
import pytest
from PIL import Image

from keras_efficient.data import find_task
from keras_efficient.data import load_detection
from keras_efficient.data import load_image
from keras_efficient.internals.tfrecords import read_examples
from tests.data.annotated import HEIGHT
from tests.data.annotated import WIDTH
from tests.data.annotated import count_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_text
from tests.marks import BACKEND

# Importing TensorFlow beside another backend takes seconds.
IS_IMPORTED = BACKEND == "tensorflow"
tf = pytest.importorskip("tensorflow") if IS_IMPORTED else None
pytestmark = pytest.mark.skipif(
    not IS_IMPORTED, reason="runs on the backend TensorFlow"
)

CUP = ("cup", 2, (0.2, 0.1, 0.6, 0.5))
KEY = ("key", 1, (0.5, 0.5, 1.0, 0.9))
LABEL_MAP = """
item {
  id: 1
  name: 'key'
}
item { id: 2 name: "/m/01" display_name: "cup" }
item { name: "pin", id: 4 }
"""


def feature(values):
    if all(isinstance(value, bytes) for value in values):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if all(isinstance(value, float) for value in values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def encoded(value=90):
    file = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (value, 0, 0)).save(file, "PNG")
    return file.getvalue()


def example(name, objects, value=90, **changes):
    """Features as the scripts of the API write them."""
    boxes = np.array([box for *_, box in objects]).reshape(-1, 4)
    features = {
        "encoded": [encoded(value)],
        "filename": [name.encode()],
        "format": [b"png"],
        "height": [HEIGHT],
        "width": [WIDTH],
        "source_id": [b"0"],
        "object/class/text": [text.encode() for text, *_ in objects],
        "object/class/label": [number for _, number, _ in objects],
        **{
            f"object/bbox/{edge}": [float(x) for x in boxes[:, i]]
            for i, edge in enumerate(("xmin", "ymin", "xmax", "ymax"))
        },
        **changes,
    }
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                f"image/{key}": feature(values)
                for key, values in features.items()
                if values is not None
            }
        )
    ).SerializeToString()


def write(path, *examples):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for one in examples:
            writer.write(one)
    return path


def test_reads_images_with_boxes(tmp_path):
    examples = [
        example("C:\\set\\a.png", [CUP, KEY], 20),
        example("b", [], 30),
    ]
    write(tmp_path / "train.record", *examples)
    path = write(tmp_path / "test.record", example("a.png", [KEY]))
    write_text(tmp_path / "label_map.pbtxt", LABEL_MAP)
    train = load_detection(tmp_path, "train", strict=True)
    assert train.class_names == ("key", "cup", "pin")
    assert train.category_ids == (1, 2, 4)
    assert labels_of(train) == {"a.png": [1, 0], "b.png": []}
    assert train.records[0].boxes == pytest.approx(
        np.array([[10, 3, 30, 15], [25, 15, 50, 27]]), abs=1e-4
    )
    assert (load_image(train.records[1].image)[..., 0] == 30).all()
    assert count_of(train.report.background, "without objects") == 1
    for source, split in ((tmp_path, "test"), (path, None), ([path], None)):
        test = load_detection(source, split, strict=True)
        assert labels_of(test) == {"a.png": [0]}
        assert test.class_names == train.class_names
    assert find_task(tmp_path) == "detection"


@pytest.mark.parametrize(
    "name",
    [
        "train/cells.tfrecord",
        "coco_train.record",
        "train.tfrecords",
        "train.record-00000-of-00002",
        "cells/train-00000-of-00002.tfrecord",
        "cells-train.tfrecord",
    ],
)
def test_names_of_files(tmp_path, name):
    write(tmp_path / name, example("a.png", [CUP]))
    other = name.replace("00000-of", "00001-of")
    if other != name:
        write(tmp_path / other, example("b.png", [CUP]))
    validation = name.replace("train", "valid")
    write(tmp_path / validation, example("c.png", [KEY]))
    folder = (tmp_path / name).parent
    write_text(folder / "cells_label_map.pbtxt", LABEL_MAP)
    dataset = load_detection(tmp_path, "train", strict=True)
    assert len(dataset) == (1 if other == name else 2)
    with pytest.raises(ValueError, match="divided into 'train', 'valid'"):
        load_detection(tmp_path)


def test_a_compressed_file(tmp_path):
    path = write(tmp_path / "a.record", example("a.png", [CUP]))
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert labels_of(load_detection(path, strict=True)) == {"a.png": [0]}


def test_classes_by_text_or_number(tmp_path):
    path = tmp_path / "a.record"
    texts = example("a.png", [KEY, CUP], **{"object/class/label": None})
    write(path, texts)
    dataset = load_detection(path, strict=True)
    assert dataset.class_names == ("cup", "key")
    assert labels_of(dataset) == {"a.png": [1, 0]}
    numbers = example("a.png", [KEY, CUP], **{"object/class/text": None})
    write(path, numbers)
    assert load_detection(path).class_names == ("1", "2")
    names = ["cup", "door", "egg"]
    dataset = load_detection(path, class_names=names)
    assert labels_of(dataset) == {"a.png": [0, 1]}
    write_text(tmp_path / "b.pbtxt", LABEL_MAP)
    assert load_detection(path).class_names == ("key", "cup", "pin")


def test_crowds_and_equal_names(tmp_path):
    crowd = example("a.png", [KEY, CUP], **{"object/is_crowd": [0, 1]})
    path = write(tmp_path / "a.record", crowd, example("a.png", [CUP], 20))
    first, second = load_detection(path, strict=True).records
    assert first.is_crowd.tolist() == [False, True]
    assert not second.is_crowd.any()
    assert first.image_id != second.image_id


@pytest.mark.parametrize(
    "changes",
    [
        {"object/class/text": None, "object/class/label": None},
        {"object/class/label": [1], "object/class/text": None},
        {"object/bbox/xmin": [0.1]},
        {"object/bbox/ymax": None},
        {
            f"object/bbox/{edge}": None
            for edge in ("xmin", "ymin", "xmax", "ymax")
        },
    ],
)
def test_images_with_only_unread_objects_are_no_background(tmp_path, changes):
    examples = [
        example("a.png", [CUP]),
        example("b.png", [KEY, CUP], **changes),
    ]
    dataset = load_detection(write(tmp_path / "a.record", *examples))
    assert labels_of(dataset) == {"a.png": [0]}
    assert count_of(dataset.report.dropped, "without a box and a class") == 2


def test_incomplete_and_other_files(tmp_path):
    path = tmp_path / "a.record"
    examples = [example("a.png", [CUP]), example("b.png", [CUP], encoded=None)]
    write(path, *examples)
    dataset = load_detection(path)
    assert count_of(dataset.report.dropped, "without an image") == 1
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="not a complete TFRecord file"):
        load_detection(path)
    # Boxes in pixels
    boxes = [("cup", 2, (10.0 + i, 3.0, 30.0, 20.0)) for i in range(8)]
    write(path, example("a.png", boxes))
    with pytest.raises(ValueError, match="look like 'xyxy'"):
        load_detection(path)
    # Classification
    write(path, example("a.png", [], **{
        f"object/{key}": None for key in (
            "class/text", "class/label",
            "bbox/xmin", "bbox/ymin", "bbox/xmax", "bbox/ymax",
        )
    }))  # fmt: skip
    for source in (path, tmp_path):
        with pytest.raises(ValueError, match="no annotations that are recogn"):
            load_detection(source)
    path.write_bytes(b"no records")
    with pytest.raises(ValueError, match="no annotations that are recogn"):
        load_detection(path)


def test_without_tensorflow(tmp_path, monkeypatch):
    path = write(tmp_path / "a.record", example("a.png", [CUP]))
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match=r"keras-efficient\[tensorflow\]"):
        load_detection(path)


def test_features_are_read_by_kind(tmp_path):
    path = write(tmp_path / "a.record", example("a.png", [CUP]))
    keys = ["image/filename", "image/height", "image/object/bbox/xmin", "none"]
    (found,) = read_examples(path, keys)
    assert list(found) == keys[:3]
    assert found["image/filename"] == [b"a.png"]
    assert found["image/height"] == [HEIGHT]
    assert found["image/object/bbox/xmin"] == pytest.approx([0.2])
