"""Time and memory for xml, csv and image files, whatever they state."""

import contextlib
import os
import pathlib
import resource
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib

import numpy as np
import pytest

from keras_efficient.data import load_classification
from keras_efficient.data import load_detection
from keras_efficient.data import load_image
from keras_efficient.data.readers.annotations import MAX_UNNAMED_CLASSES
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.cvat_files import frames_of
from keras_efficient.data.readers.duplicates import merge_duplicates
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.image_finder import ImageFinder
from keras_efficient.data.readers.label_studio import find_splits
from keras_efficient.data.readers.layouts import plain_split_name
from keras_efficient.data.readers.npz_files import load_npz
from keras_efficient.data.readers.pascal_voc import read_voc_file
from keras_efficient.data.readers.safe_xml import read_xml
from keras_efficient.data.readers.tfrecord_examples import read_label_map
from tests.data.annotated import labels_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.data.bounded import NUMBER
from tests.data.bounded import bounded  # noqa: F401
from tests.marks import on_one_backend

pytestmark = [on_one_backend, pytest.mark.usefixtures("bounded")]


@pytest.mark.parametrize(
    "text, message",
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "entity 'b'"),
        (
            f'<!DOCTYPE a [<!ATTLIST x y CDATA "{"z" * NUMBER}">]><a>'
            f"{'<x/>' * NUMBER}</a>",
            "attribute 'y' of the element 'x'",
        ),
        (f"{'<a>' * NUMBER}{'</a>' * NUMBER}", "elements in more than 100"),
        ("<a>" * 101, "elements in more than 100"),
    ],
)
def test_xml_that_is_refused(tmp_path, text, message):
    path = write_text(tmp_path / "a.xml", text)
    with pytest.raises(ValueError, match=f"a.xml .*{message}") as caught:
        read_xml(path)
    assert len(str(caught.value)) < 1000


def test_codecs_that_no_tool_writes(tmp_path):
    path = tmp_path / "a.xml"
    start = b'<?xml version="1.0" encoding="punycode"?><a>'
    path.write_bytes(start + b"\xff" * NUMBER + b"-a</a>")
    assert read_xml(path)[1] == "latin-1"


def test_long_texts_of_points(tmp_path):
    text = "1" * NUMBER + " " + "1 , " * NUMBER
    shape = f"<points><point>{text}</point><point>1, -2.5</point></points>"
    path = write_text(
        tmp_path / "a.xml",
        f"<annotation><object><name>a</name>{shape}</object></annotation>",
    )
    found = read_voc_file(path)
    assert found is not None and len(found.boxes) + len(found.unread) == 1


def test_pairs_of_points_are_read_as_before(tmp_path):
    text = "<point>1.5,-2</point><point>-3.0 , 4</point>"
    path = write_text(
        tmp_path / "a.xml",
        f"<annotation><object><points>{text}</points></object></annotation>",
    )
    found = read_voc_file(path)
    assert found is not None and found.boxes == ([-3.0, -2.0, 1.5, 4.0],)


@pytest.mark.parametrize("text", ["<image " * NUMBER, "x" * 3_000_000])
def test_cvat_files_without_ends_of_elements(tmp_path, text):
    write_image(tmp_path / "a.jpg")
    xml = f"<annotations><meta/>{text}</annotations>"
    write_text(tmp_path / "annotations.xml", xml)
    with pytest.raises(ValueError, match="annotations.xml"):
        load_detection(tmp_path, layout="cvat")


def test_a_track_of_a_billion_frames():
    box = '<box frame="{}" outside="0" xtl="1" ytl="1" xbr="5" ybr="6"/>'
    frames = "".join(map(box.format, (0, 10**9, 10**18)))
    xml = f'<annotations><track label="cup">{frames}</track></annotations>'
    files = {0: pathlib.Path("0.png"), 5: pathlib.Path("5.png")}
    first, second = frames_of(ElementTree.fromstring(xml), files)
    assert (len(first.boxes), first.unread) == (1, [])
    assert (second.boxes, second.unread) == ([], ["interpolated 'cup'"])


@pytest.mark.parametrize(
    "text", ["item{" * NUMBER, "a" * NUMBER, "a:" + "'" * 9]
)
def test_label_maps_without_ends(tmp_path, text):
    good = 'item {id: 1 name: "cup"} item { name: "key", id: 02 }'
    path = write_text(tmp_path / "a.pbtxt", f"{good} item {{{text}}}")
    assert read_label_map(path) == {1: "cup", 2: "key"}


def test_names_of_splits_of_many_digits():
    assert plain_split_name("1" * NUMBER + "x") == "1" * NUMBER + "x"
    assert plain_split_name("train_" + "1" * NUMBER) == "train"
    assert plain_split_name("2017") == "" and plain_split_name("a__1") == "a_"


def test_an_image_that_is_listed_many_times():
    images = [
        RawImage("a.jpg", [[i, 1, 2, 3]], [0], i, areas=[i])
        for i in range(20_000)
    ]
    (image,) = merge_duplicates(images, {}, {})
    assert image.boxes.shape == (20_000, 4) and image.areas[-1] == 19_999


def test_many_stated_paths_of_one_name(tmp_path):
    write_image(tmp_path / "a.jpg")
    names = [f"set/{i}/a.jpg" for i in range(20_000)]
    listing = FolderListing(tmp_path)
    finder = ImageFinder(listing, [[tmp_path]], names, within=[tmp_path])
    dropped = []
    for name in names:
        assert finder.find_or_drop(name, name, dropped) is None
    assert "one file for" in dropped[0][1] and len(dropped[0][1]) < 1000


def test_a_pipe_is_not_waited_for(tmp_path):
    write_image(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "boxes.json")
    with pytest.raises(ValueError, match="boxes.json is a pipe or a device"):
        load_detection(tmp_path)
    assert find_splits(FolderListing(tmp_path / "a.jpg")) == {}


def png(height, width, data=b""):
    def chunk(name, content):
        check = zlib.crc32(name + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + name + content + check

    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    header = chunk(b"IHDR", sides + bytes([8, 2, 0, 0, 0]))
    return (
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )  # fmt: skip


def test_an_image_of_few_bytes_that_states_many_pixels(tmp_path):
    (tmp_path / "a.png").write_bytes(png(9000, 9000))
    message = "a.png states 9000 x 9000 pixels, far more than its [0-9]+ bytes"
    with pytest.raises(ValueError, match=message):
        load_image(tmp_path / "a.png")


def test_a_part_of_an_image_that_states_four_gigabytes(tmp_path):
    data = png(8, 8, zlib.compress(bytes(25 * 8)))
    start = data.index(b"IDAT") - 4
    stated = (0xFF7F0000).to_bytes(4, "big")
    path = tmp_path / "a.png"
    path.write_bytes(data[:start] + stated + data[start + 4 :])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    space = pages * resource.getpagesize() + (1 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (space, limits[1]))
    try:
        with contextlib.suppress(ValueError):  # some versions of PIL read it
            load_image(path)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_an_empty_image_of_a_large_photo_is_read():
    # As many pixels for each byte as the compression of PNG reaches.
    rows = zlib.compress(bytes((3 * 4000 + 1) * 6000), 9)
    assert load_image(png(6000, 4000, rows)).shape == (6000, 4000, 3)


def write_npz(path, shape, names=None, compression=zipfile.ZIP_STORED):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    data = header.encode().ljust(117) + b"\n"
    start = b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little")
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in ("x_train", "y_train"):
            archive.writestr(f"{name}.npy", start + data + bytes(10))
    return path


def test_an_array_of_few_bytes_that_states_many(tmp_path):
    path = write_npz(tmp_path / "a.npz", "(10000000000, 8, 8, 3)")
    message = "a.npz is not.*x_train.npy states 1920000000000 bytes"
    with pytest.raises(ValueError, match=message):
        load_classification(path)
    path = write_npz(tmp_path / "b.npz", "(1,)", compression=zipfile.ZIP_LZMA)
    with pytest.raises(ValueError, match="b.npz is not.*compressed in another"):
        load_npz(path, ["x_train"])


def test_huge_labels_in_an_archive(tmp_path):
    images = np.zeros((2, 8, 8, 3), "uint8")
    path = tmp_path / "a.npz"
    np.savez(path, x_train=images, y_train=np.array([0, 10**9]))
    message = f"a.npz, train: Labels.*below {MAX_UNNAMED_CLASSES}"
    with pytest.raises(ValueError, match=message):
        load_classification(path)
    np.savez(path, x_train=images, y_train=np.array([0, 1], "uint64"))
    assert len(load_classification(path)) == 2


def test_csv_cells_that_python_refuses(tmp_path):
    write_image(tmp_path / "a.jpg")
    rows = "filename,class,xmin,ymin,xmax,ymax\na.jpg,cup,1,1,9,9\n"
    path = write_text(tmp_path / "a.csv", f"{rows}{'x' * 200_000},\n")
    with pytest.raises(ValueError, match="a.csv is not a csv file: line 3"):
        load_detection(path)


def test_classes_of_thousands_of_digits(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        write_image(tmp_path / name)
    rows = f"filename,class\na.jpg,{'9' * 5000}\nb.jpg,7\n"
    path = write_text(tmp_path / "a.csv", rows)
    assert load_classification(path).class_names[0] == "7"


def test_known_names_with_spaces_are_found_without_a_search(tmp_path):
    names = [f"red cup {i} x" for i in range(5000)]
    write_image(tmp_path / "a.jpg")
    lines = [f"{name} 0.5 0.5 0.2 0.2" for name in names]
    write_text(tmp_path / "a.txt", "\n".join(lines))
    write_text(tmp_path / "classes.txt", "\n".join(names))
    dataset = load_detection(tmp_path, layout="yolo")
    assert labels_of(dataset) == {"a.jpg": list(range(5000))}
