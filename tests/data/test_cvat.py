"""Tests for reading CVAT's own xml files."""

import math

import pytest

from keras_efficient.data import load_detection
from tests.data.annotated import HEIGHT
from tests.data.annotated import WIDTH
from tests.data.annotated import boxes_of
from tests.data.annotated import count_of
from tests.data.annotated import labels_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend

BOX = (
    '<box label="{}" source="manual" occluded="0" xtl="10.00" ytl="5.00" '
    'xbr="30.00" ybr="25.00" z_order="0"/>'
)
CUP, KEY = BOX.format("cup"), BOX.format("key")
META = (
    "<meta><task><id>1</id><size>3</size><mode>{}</mode><labels>"
    "<label><name>key</name><type>rectangle</type></label>"
    "<label><name>cup</name><type>any</type></label>"
    "<label><name>night</name><type>tag</type></label>"
    "<label><name>person</name><type>skeleton</type></label>"
    "<label><name>nose</name><type>points</type><parent>person</parent></label>"
    "</labels><original_size><width>50</width><height>30</height>"
    "</original_size></task><dumped>2026-01-01</dumped></meta>"
)


def image(name, shapes="", number=0, more=""):
    return (
        f'<image id="{number}" name="{name}" {more} width="{WIDTH}" '
        f'height="{HEIGHT}">{shapes}</image>'
    )


def write(path, images, mode="annotation"):
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n'
        f"<version>1.1</version>{META.format(mode)}{''.join(images)}"
        "</annotations>"
    )
    return write_text(path, text)


def test_reads_images_with_boxes(tmp_path):
    for name in ("Set 1/a.jpg", "Set 2/a.jpg", "b.png"):
        write_image(tmp_path / "images" / name)
    images = [
        image("Set 1/a.jpg", CUP + KEY),
        image("Set 2\\a.jpg", KEY, 1),
        image("b.png", number=2),
    ]
    path = write(tmp_path / "annotations.xml", images)
    for source in (tmp_path, path, [path]):
        dataset = load_detection(source, strict=True)
        # The order of the file's labels, without those of other shapes.
        assert dataset.class_names == ("key", "cup")
        assert [x.labels.tolist() for x in dataset.records] == [[1, 0], [0], []]
        assert [x.image_id for x in dataset.records] == [
            "Set 1/a.jpg",
            "Set 2\\a.jpg",
            "b.png",
        ]
        assert boxes_of(dataset)["a.jpg"] == [[10, 5, 30, 25]]
        assert dataset.report.layout == "CVAT xml"


@pytest.mark.parametrize(
    "shape",
    [
        CUP,
        CUP.replace("z_order", 'rotation="180" z_order'),
        CUP.replace("z_order", 'rotation="90.0" z_order'),
        '<polygon label="cup" points="10.0,5.0;30.0,9.5;20.0,25.0"/>',
        '<ellipse label="cup" cx="20" cy="15" rx="10" ry="10"/>',
        '<ellipse label="cup" cx="20" cy="15" rx="10" ry="10" rotation="90"/>',
        '<mask label="cup" rle="1, 2" left="10" top="5" width="20" '
        'height="20"/>',
        '<cuboid label="cup" xtl1="10" ytl1="5" xbl1="10" ybl1="20" xtr1="25" '
        'ytr1="6" xbr1="26" ybr1="25" xtl2="30" ytl2="8" xbl2="29" ybl2="11" '
        'xtr2="28" ytr2="6" xbr2="22" ybr2="21"/>',
    ],
)
def test_shapes_become_the_box_around_them(tmp_path, shape):
    write_image(tmp_path / "a.jpg")
    write(tmp_path / "annotations.xml", [image("a.jpg", shape)])
    (record,) = load_detection(tmp_path, strict=True).records
    (box,) = record.boxes.tolist()
    assert box == pytest.approx([10, 5, 30, 25], abs=1e-5)


def test_rotations_are_degrees(tmp_path):
    write_image(tmp_path / "a.jpg")
    shape = CUP.replace("z_order", 'rotation="30" z_order')
    write(tmp_path / "annotations.xml", [image("a.jpg", shape)])
    (record,) = load_detection(tmp_path, strict=True).records
    half = 10 * (math.cos(math.pi / 6) + math.sin(math.pi / 6))
    assert record.boxes[0].tolist() == pytest.approx(
        [20 - half, 15 - half, 20 + half, 15 + half]
    )


@pytest.mark.parametrize(
    "shape",
    [
        '<polyline label="cup" points="10.0,5.0;30.0,9.5"/>',
        '<points label="cup" points="10.0,5.0;12,8"/>',
        '<skeleton label="person"><points label="nose" points="1,2"/>'
        "</skeleton>",
        '<polygon label="cup" points="10.0,5.0;30.0"/>',
        '<polygon label="cup" points=""/>',
        '<box label="cup" xtl="1" ytl="2" xbr="9"/>',
        # The image shows a cup, but not where.
        '<tag label="cup"/>',
    ],
)
def test_images_with_only_unread_objects_are_no_background(tmp_path, shape):
    for name in "abc":
        write_image(tmp_path / "images" / f"{name}.jpg")
    images = [
        image("a.jpg", CUP + shape),
        image("b.jpg", shape, 1),
        image("c.jpg", '<tag label="night"/>', 2),
    ]
    write(tmp_path / "annotations.xml", images)
    dataset = load_detection(tmp_path)
    assert labels_of(dataset) == {"a.jpg": [1], "c.jpg": []}
    assert count_of(dataset.report.noted, "tags") in (1, 3)


def test_subsets_are_splits(tmp_path):
    images = []
    for i, split in enumerate(("Train", "Test & more", "Train")):
        name = f"a{i // 2}.jpg"
        write_image(tmp_path / "images" / split / name)
        escaped = split.replace("&", "&amp;")
        images.append(image(name, CUP, i, f'subset="{escaped}" task_id="{i}"'))
    path = write(tmp_path / "annotations.xml", images)
    for source in (tmp_path, path):
        train = load_detection(source, "Train", strict=True)
        assert [record.image for record in train.records] == [
            tmp_path / "images" / "Train" / "a0.jpg",
            tmp_path / "images" / "Train" / "a1.jpg",
        ]
        test = load_detection(source, "Test & more", strict=True)
        assert len(test) == 1 and test.class_names == train.class_names
        with pytest.raises(ValueError, match="divided into 'Test & more', 'T"):
            load_detection(source)


@pytest.mark.parametrize(
    "file, images",
    [
        ("{}/annotations.xml", "{}/images"),
        ("{}/annotations.xml", "{}"),
        ("{}.xml", "images/{}"),
        ("{}.xml", "images"),
        ("annotations/{}.xml", "images/{}"),
    ],
)
def test_a_file_for_each_split(tmp_path, file, images):
    files = []
    for split in ("train", "val"):
        name = f"{split}.jpg"
        write_image(tmp_path / images.format(split) / name)
        more = 'subset="default"'
        xml = write(
            tmp_path / file.format(split), [image(name, CUP, more=more)]
        )
        files.append(xml)
    name = "annotations/val" if file.startswith("annotations") else "val"
    dataset = load_detection(tmp_path, name, strict=True)
    assert labels_of(dataset) == {"val.jpg": [1]}
    assert len(load_detection(files, layout="cvat", strict=True)) == 2


def test_images_without_the_folders_of_the_share(tmp_path):
    write_image(tmp_path / "photos" / "a.jpg")
    write_image(tmp_path / "photos" / "b.jpg")
    images = [
        image("set/a.jpg", CUP),
        image("x/b.jpg", CUP, 1),
        image("y/b.jpg", KEY, 2),
    ]
    write(tmp_path / "set" / "annotations.xml", images)
    folder = tmp_path / "photos"
    dataset = load_detection(tmp_path / "set", images=folder)
    # "b.jpg" could be either of two.
    assert labels_of(dataset) == {"a.jpg": [1]}
    assert count_of(dataset.report.dropped, "missing images") == 2
    with pytest.raises(FileNotFoundError, match="No such folder of images"):
        load_detection(tmp_path / "set", images=tmp_path / "none")


def test_tracks_of_a_video(tmp_path):
    def box(frame, outside=0, left=10):
        return (
            f'<box frame="{frame}" outside="{outside}" occluded="0" '
            f'keyframe="1" xtl="{left}" ytl="5" xbr="{left + 20}" ybr="25"/>'
        )

    tracks = [
        f'<track id="0" label="cup">{box(0)}{box(1)}{box(2, 1)}</track>',
        # Only the key frames 2 and 4
        f'<track id="1" label="key">{box(2)}{box(4, 0, 20)}</track>',
    ]
    path = write(tmp_path / "annotations.xml", tracks, "interpolation")
    with pytest.raises(ValueError, match="tracks of a video.*0 images named"):
        load_detection(tmp_path)
    for i in range(6):
        write_image(tmp_path / "images" / f"frame_{i:06}.PNG")
    dataset = load_detection(path)
    assert labels_of(dataset) == {
        "frame_000000.PNG": [1],
        "frame_000001.PNG": [1],
        "frame_000002.PNG": [0],
        # The object is somewhere in frame 3.
        "frame_000004.PNG": [0],
        "frame_000005.PNG": [],
    }
    assert boxes_of(dataset)["frame_000004.PNG"] == [[20, 5, 40, 25]]
    tracks[1] = tracks[1].replace('id="1"', 'id="1" task_id="2"')
    write(path, tracks)
    with pytest.raises(ValueError, match="Export each task on its own"):
        load_detection(path)


def test_incomplete_and_other_files(tmp_path):
    write_image(tmp_path / "a.jpg")
    path = write(tmp_path / "annotations.xml", [image("a.jpg", CUP)])
    text = path.read_text()
    path.write_text(text[:-9])
    with pytest.raises(ValueError, match="not a complete xml file"):
        load_detection(tmp_path)
    entity = '<!DOCTYPE annotations [<!ENTITY a "boom">]><annotations>'
    path.write_text(text.replace("<annotations>", entity))
    with pytest.raises(ValueError, match="declares the entity 'a'"):
        load_detection(tmp_path)
    path.write_text("<annotations><note/></annotations>")
    with pytest.raises(ValueError, match="no annotations that are recognized"):
        load_detection(tmp_path)


def test_boxes_without_a_label_or_of_unlisted_ones(tmp_path):
    write_image(tmp_path / "a.jpg")
    shapes = CUP + BOX.format("zebra") + BOX.format("")
    path = write(tmp_path / "annotations.xml", [image("a.jpg", shapes)])
    dataset = load_detection(path)
    assert dataset.class_names == ("key", "cup", "zebra")
    assert labels_of(dataset) == {"a.jpg": [1, 2]}
    assert count_of(dataset.report.dropped, "class that the file does not") == 1
