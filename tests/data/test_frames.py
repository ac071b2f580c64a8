"""Boxes stated in another frame than that of the upright image."""

import numpy as np
import pytest
from PIL import Image

from keras_efficient.data import load_detection
from keras_efficient.data import load_image
from tests.data.annotated import coco_image
from tests.data.annotated import coco_row
from tests.data.annotated import count_of
from tests.data.annotated import write_coco
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.data.annotated import write_voc
from tests.marks import on_one_backend

pytestmark = on_one_backend

# The upright image has 30 x 50 pixels and shows a white rectangle here.
BOX = (5, 8, 25, 14)
CLASSES = ((1, "cup"),)
ORIENTATIONS = tuple(range(1, 9))
# From the upright image to the stored one.
STORED = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}


def write_rotated(path, orientation):
    """Write an image; return size and box in its stored frame."""
    pixels = np.zeros((30, 50, 3), "uint8")
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 255
    image = STORED[orientation](Image.fromarray(pixels))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    return image.size[::-1], image.getbbox()


def write_one_coco(folder, box, height, width):
    x0, y0, x1, y1 = box
    image = coco_image(1, "a.png", height, width)
    row = coco_row(1, 1, [x0, y0, x1 - x0, y1 - y0], area=120.0)
    write_coco(folder / "boxes.json", (image,), (row,), CLASSES)


@pytest.mark.parametrize("layout", ["coco", "voc"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_boxes_in_the_stored_frame_are_rotated(tmp_path, orientation, layout):
    size, box = write_rotated(tmp_path / "a.png", orientation)
    if layout == "coco":
        write_one_coco(tmp_path, box, *size)
    else:
        write_voc(tmp_path / "a.xml", [("cup", box)], "a.png", size=size)
    frame = "auto" if orientation > 4 or orientation == 1 else "stored"
    dataset = load_detection(tmp_path, box_frame=frame)
    (record,) = dataset.records
    assert record.boxes.tolist() == [list(BOX)]
    x0, y0, x1, y1 = BOX
    assert load_image(record.image)[y0:y1, x0:x1].min() == 255
    reasons = list(dataset.report.repaired)
    assert len(reasons) == (orientation > 1)
    assert all("boxes rotated" in reason for reason in reasons)


def test_orientations_that_keep_the_size_are_noted(tmp_path):
    size, _ = write_rotated(tmp_path / "a.png", 3)
    write_one_coco(tmp_path, BOX, *size)
    report = load_detection(tmp_path).report
    assert count_of(report.noted, "box_frame='stored'") == 1
    assert not load_detection(tmp_path, box_frame="upright").report.noted


def test_boxes_in_the_upright_frame_stay(tmp_path):
    write_rotated(tmp_path / "a.png", 6)
    write_one_coco(tmp_path, BOX, 30, 50)
    report = load_detection(tmp_path, strict=True).report
    assert not report.noted and not report.repaired


def test_boxes_that_fit_only_the_upright_frame_stay(tmp_path):
    # The size is that of the stored image, 50 x 30, the box is not.
    write_rotated(tmp_path / "a.png", 6)
    write_one_coco(tmp_path, (20, 5, 45, 25), 50, 30)
    dataset = load_detection(tmp_path)
    assert dataset.records[0].boxes.tolist() == [[20, 5, 45, 25]]
    assert count_of(dataset.report.repaired, "actual size used") == 1
    # And the reverse: an upright size with a box of the stored frame.
    write_one_coco(tmp_path, (5, 20, 25, 45), 30, 50)
    dataset = load_detection(tmp_path)
    assert dataset.records[0].boxes.tolist() == [[5, 5, 30, 25]]
    assert count_of(dataset.report.repaired, "boxes rotated") == 1


def test_relative_boxes_of_rotated_images(tmp_path):
    _, box = write_rotated(tmp_path / "a.png", 6)  # stored: 50 x 30
    x, y = (box[0] + box[2]) / 60, (box[1] + box[3]) / 100
    line = f"0 {x} {y} {(box[2] - box[0]) / 30} {(box[3] - box[1]) / 50}"
    write_text(tmp_path / "a.txt", line)
    write_text(tmp_path / "classes.txt", "cup")
    dataset = load_detection(tmp_path, box_frame="stored")
    np.testing.assert_allclose(dataset.records[0].boxes, [BOX], atol=1e-4)
    report = load_detection(tmp_path).report
    assert count_of(report.noted, "box_frame='stored'") == 1


@pytest.mark.parametrize("factor", [0.5, 2, 3])
def test_boxes_of_resized_images_are_scaled(tmp_path, factor):
    write_image(tmp_path / "a.png", round(30 * factor), round(50 * factor))
    write_one_coco(tmp_path, BOX, 30, 50)
    dataset = load_detection(tmp_path)
    (record,) = dataset.records
    np.testing.assert_allclose(record.boxes, [np.array(BOX) * factor])
    np.testing.assert_allclose(record.areas, [120 * factor**2])
    assert count_of(dataset.report.repaired, "boxes scaled") == 1
    dataset = load_detection(tmp_path, stated_size="ignore")
    limits = np.array([50, 30, 50, 30]) * factor
    assert dataset.records[0].boxes.tolist() == [
        np.minimum(BOX, limits).tolist()
    ]


def test_boxes_beyond_the_stated_size_are_not_scaled(tmp_path):
    write_image(tmp_path / "a.png", 60, 100)
    write_one_coco(tmp_path, (40, 20, 90, 50), 30, 50)
    dataset = load_detection(tmp_path)
    assert dataset.records[0].boxes.tolist() == [[40, 20, 90, 50]]
    dataset = load_detection(tmp_path, stated_size="scale")
    assert dataset.records[0].boxes.tolist() == [[80, 40, 100, 60]]


def test_another_aspect_ratio_is_refused(tmp_path):
    write_image(tmp_path / "a.png", 30, 30)
    write_image(tmp_path / "b.png", 30, 50)
    images = coco_image(1, "a.png"), coco_image(2, "b.png")
    rows = [coco_row(i, 1, [5, 8, 20, 6]) for i in (1, 2)]
    write_coco(tmp_path / "boxes.json", images, rows, CLASSES)
    dataset = load_detection(tmp_path)
    assert [record.image.name for record in dataset.records] == ["b.png"]
    assert count_of(dataset.report.dropped, "stated_size='ignore'") == 1
    with pytest.raises(ValueError, match="another aspect ratio"):
        load_detection(tmp_path, strict=True)
    assert len(load_detection(tmp_path, stated_size="ignore")) == 2


def test_exchanged_height_and_width(tmp_path):
    write_image(tmp_path / "a.png", 30, 50)
    write_one_coco(tmp_path, (20, 5, 45, 25), 50, 30)
    dataset = load_detection(tmp_path)
    assert dataset.records[0].boxes.tolist() == [[20, 5, 45, 25]]


@pytest.mark.parametrize("name", ["box_frame", "stated_size"])
def test_unknown_options(tmp_path, name):
    write_image(tmp_path / "a.png")
    write_one_coco(tmp_path, BOX, 30, 50)
    with pytest.raises(ValueError, match=f"`{name}` must be one of .*'down'"):
        load_detection(tmp_path, **{name: "down"})
