"""Tests for the contents of Pascal VOC's xml files of many tools."""

import math

import pytest

from keras_efficient.data import load_detection
from keras_efficient.data.readers.pascal_voc import read_voc_file
from keras_efficient.data.readers.safe_xml import read_xml
from keras_efficient.data.readers.safe_xml import root_tag
from tests.data.annotated import boxes_of
from tests.data.annotated import count_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.data.annotated import write_voc
from tests.marks import on_one_backend

pytestmark = on_one_backend

BOX = (
    "<bndbox><xmin>10</xmin><ymin>5</ymin><xmax>30</xmax><ymax>25</ymax>"
    "</bndbox>"
)
OBJECT = f"<object><name>cat</name>{BOX}</object>"


def read(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "a.xml"
    path.write_bytes(text.encode(encoding))
    return read_voc_file(path)


def boxes_in(tmp_path, inner):
    content = read(
        tmp_path, f"<annotation><object><name>cat</name>{inner}</object>"
        "</annotation>"
    )  # fmt: skip
    assert len(content.names) == len(content.boxes)
    if not content.boxes:
        assert content.unread == ("'cat'",)
    return [[round(x, 6) for x in box] for box in content.boxes]


@pytest.mark.parametrize(
    "inner",
    [
        BOX,
        # VOC 2007 writes the edges in this order.
        "<bndbox><xmax>30</xmax><xmin>10</xmin><ymax>25</ymax><ymin>5</ymin>"
        "</bndbox>",
        # roLabelImg
        "<type>robndbox</type><robndbox><cx>20</cx><cy>15</cy><w>20</w>"
        "<h>20</h><angle>0.0</angle></robndbox>",
        f"<robndbox><cx>20</cx><cy>15</cy><w>20</w><h>20</h><angle>{math.pi}"
        "</angle></robndbox>",
        # A quarter turn, also in degrees
        f"<robndbox><cx>20</cx><cy>15</cy><w>20</w><h>20</h>"
        f"<angle>{math.pi / 2}</angle></robndbox>",
        "<robndbox><cx>20</cx><cy>15</cy><w>20</w><h>20</h><angle>90</angle>"
        "</robndbox>",
        # DIOR-R
        "<robndbox><x_left_top>20</x_left_top><y_left_top>5</y_left_top>"
        "<x_right_top>30</x_right_top><y_right_top>15</y_right_top>"
        "<x_right_bottom>20</x_right_bottom><y_right_bottom>25"
        "</y_right_bottom><x_left_bottom>10</x_left_bottom><y_left_bottom>15"
        "</y_left_bottom></robndbox>",
        # Roboflow
        "<polygon><x1>10</x1><y1>5</y1><x2>30</x2><y2>5</y2><x3>20</x3>"
        "<y3>25</y3></polygon>",
        f"{BOX}<polygon><x1>0</x1><y1>0</y1><x2>3</x2><y2>5</y2></polygon>",
        # LabelMe's web tool
        "<deleted>0</deleted><polygon><username>x</username><pt><x>10</x>"
        "<y>\n5\n</y><time>1-2</time></pt><pt><x>30</x><y>25</y></pt>"
        "</polygon>",
        "<segm><box><xmin>10</xmin><ymin>5</ymin><xmax>30</xmax><ymax>25"
        "</ymax></box><mask>a.png</mask></segm>",
        # FAIR1M
        "<points><point>10.0,5.0</point><point>30,5</point><point>30, 25"
        "</point></points>",
        "<polygon>10,5;30,5;20,25</polygon>",
        "<bndbox><xmin>x</xmin><ymin>5</ymin><xmax>30</xmax><ymax>25</ymax>"
        "</bndbox><polygon>10,5;30,5;20,25</polygon>",
        # Parts of VOC's persons
        f"{BOX}<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
        "<xmax>4</xmax><ymax>4</ymax></bndbox></part>",
        # Several parts of one object
        "<polygon>10,5;15,9</polygon><polygon>20,10;30,25</polygon>",
    ],
)
def test_shapes_become_the_box_around_them(tmp_path, inner):
    assert boxes_in(tmp_path, inner) == [[10, 5, 30, 25]]


def test_a_rotated_box(tmp_path):
    inner = (
        "<robndbox><cx>50</cx><cy>40</cy><w>20</w><h>10</h><angle>{}</angle>"
        "</robndbox>"
    )
    (box,) = boxes_in(tmp_path, inner.format(math.pi / 6))
    dx = 10 * math.cos(math.pi / 6) + 5 * math.sin(math.pi / 6)
    dy = 10 * math.sin(math.pi / 6) + 5 * math.cos(math.pi / 6)
    assert box == pytest.approx([50 - dx, 40 - dy, 50 + dx, 40 + dy], abs=1e-5)
    assert boxes_in(tmp_path, inner.format("x")) == []


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "<bndbox/>",
        "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax></bndbox>",
        "<point><x>3</x><y>4</y></point>",
        "<polygon><x1>1</x1><y1>2</y1></polygon>",
        "<polygon><x1>1</x1><y1>2</y1><x2>5</x2></polygon>",
        "<polygon><x1>1</x1><y1>2</y1><x2>a</x2><y2>8</y2></polygon>",
        # Only a part has a box.
        f"<part><name>head</name>{BOX}</part>",
    ],
)
def test_objects_without_a_box_are_counted(tmp_path, inner):
    assert boxes_in(tmp_path, inner) == []


def test_images_with_only_unread_objects_are_no_background(tmp_path):
    for name in "abc":
        write_image(tmp_path / f"{name}.jpg")
    point = "<object><name>dog</name><point><x>3</x></point></object>"
    for name, objects in (("a", OBJECT), ("b", point), ("c", OBJECT + point)):
        text = f"<annotation>{objects}</annotation>"
        write_text(tmp_path / f"{name}.xml", text)
    dataset = load_detection(tmp_path)
    assert boxes_of(dataset) == {
        "a.jpg": [[10, 5, 30, 25]],
        "c.jpg": [[10, 5, 30, 25]],
    }
    assert count_of(dataset.report.dropped, "objects without a box") == 2
    assert f"{tmp_path / 'b.xml'}: 'dog'" in str(dataset.report)


def test_deleted_and_nested_objects(tmp_path):
    deleted = OBJECT.replace("<name>", "<deleted>1</deleted><name>")
    text = f"<annotation><objects>{OBJECT}{deleted}</objects></annotation>"
    content = read(tmp_path, text)
    assert content.names == ("cat",) and not content.unread
    nested = OBJECT.replace(
        "<name>cat</name>",
        "<possibleresult><name>Boeing</name></possibleresult>",
    )
    assert read(tmp_path, f"<annotation>{nested}</annotation>").names == (
        "Boeing",
    )


@pytest.mark.parametrize(
    "size, expected",
    [
        ("<size><width>50</width><height>30</height></size>", (30, 50)),
        ("<size><width>50.0</width><height>30.0</height></size>", (30, 50)),
        ("<imagesize><nrows>30</nrows><ncols>50</ncols></imagesize>", (30, 50)),
        ("<size><width>0</width><height>0</height></size>", None),
        ("<size><width>?</width><height>9</height></size>", None),
        ("", None),
    ],
)
def test_the_stated_size(tmp_path, size, expected):
    content = read(tmp_path, f"<annotation>{size}{OBJECT}</annotation>")
    assert content.size == expected


@pytest.mark.parametrize(
    "declared, encoding, name, found",
    [
        (None, "utf-8", "Käse", None),
        ("utf-8", "utf-8-sig", "Käse", None),
        ("ISO-8859-1", "latin-1", "Käse", None),
        ("windows-1251", "cp1251", "кот", None),
        ("KOI8-R", "koi8-r", "кот", None),
        ("gb2312", "gb18030", "猫镕", None),
        ("Shift_JIS", "shift_jis", "ネコ", None),
        ("utf-16", "utf-16", "Käse", None),
        ("utf-16", "utf-16-le", "Käse", None),
        ("utf-16", "utf-16-be", "Käse", None),
        ("utf-32", "utf-32", "Käse", None),
        # .NET writes strings with this declaration.
        ("utf-16", "utf-8", "cat", None),
        ("utf-16", "utf-8", "Käse", None),
        ("utf-8", "utf-16", "Käse", None),
        # Wrong declarations
        ("utf-8", "latin-1", "Käse", "latin-1"),
        (None, "latin-1", "Käse", "latin-1"),
        ("ISO-8859-1", "utf-8", "Käse", "utf-8"),
        ("ascii", "utf-8", "Käse", "utf-8"),
        ("no-such-code", "utf-8", "Käse", None),
        ("hex", "utf-8", "Käse", None),
    ],
)
def test_declared_and_wrong_encodings(
    tmp_path, declared, encoding, name, found
):
    start = f"<?xml version='1.0' encoding='{declared}'?>" if declared else ""
    text = f"{start}\n<annotation>{OBJECT}</annotation>"
    content = read(tmp_path, text.replace("cat", name), encoding)
    assert content.names == (name,)
    assert content.encoding == found
    assert root_tag(tmp_path / "a.xml") == "annotation"


def test_wrong_encodings_are_reported(tmp_path):
    write_image(tmp_path / "a.jpg")
    text = f"<annotation>{OBJECT}</annotation>".replace("cat", "Käse")
    (tmp_path / "a.xml").write_bytes(text.encode("latin-1"))
    dataset = load_detection(tmp_path)
    assert dataset.class_names == ("Käse",)
    reason = "not in the encoding they declare (read as latin-1)"
    assert count_of(dataset.report.repaired, reason) == 1


BOMB = (
    '<!DOCTYPE annotation [<!ENTITY a "boom"><!ENTITY b "&a;&a;">]>'
    "<annotation><object><name>&b;</name></object></annotation>"
)
FILE = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">'
    "]><annotation><object><name>&a;</name></object></annotation>"
)


@pytest.mark.parametrize("text", [BOMB, FILE])
def test_entities_are_refused(tmp_path, text):
    write_text(tmp_path / "a.xml", text)
    with pytest.raises(ValueError, match="a.xml declares the entity 'a'"):
        read_xml(tmp_path / "a.xml")
    write_image(tmp_path / "a.jpg")
    write_image(tmp_path / "b.jpg")
    write_voc(tmp_path / "b.xml", [("cat", (1, 2, 10, 20))])
    dataset = load_detection(tmp_path)
    assert len(dataset) == 1
    assert "a.xml declares the entity 'a'" in str(dataset.report)


def test_a_document_type_without_entities_is_read(tmp_path):
    text = (
        f'<!DOCTYPE annotation SYSTEM "x.dtd"><annotation>{OBJECT}</annotation>'
    )
    assert read(tmp_path, text).names == ("cat",)
    # Undefined entities and unfinished files are errors.
    for text in ("<annotation>&nbsp;</annotation>", "<annotation>", ""):
        with pytest.raises(ValueError, match="a.xml is not a complete xml"):
            read(tmp_path, text)


@pytest.mark.parametrize(
    "text, tag",
    [
        ("<!-- <annotation> --><project/>", "project"),
        ("\ufeff<?xml version='1.0'?>\n<annotations>", "annotations"),
        ("<!DOCTYPE html><html>", "html"),
        ("<annotation verified='yes'><obj", "annotation"),
        ("version https://git-lfs.github.com", ""),
        ("", ""),
    ],
)
def test_the_first_element_of_a_file(tmp_path, text, tag):
    path = tmp_path / "a.xml"
    path.write_text(text, encoding="utf-8")
    assert root_tag(path) == tag
