"""Labels can be read in small, large and crowded pictures."""

import numpy as np
import pytest

from keras_efficient.inference import drawing
from keras_efficient.inference import fonts
from keras_efficient.inference import label_layout
from keras_efficient.inference.label_layout import layout_labels
from tests.marks import on_one_backend

pytestmark = on_one_backend


def random_boxes(number, width, height):
    rng = np.random.default_rng(0)
    sides = rng.uniform(0.05, 0.4, (number, 2)) * [width, height]
    corners = rng.uniform(0, 1, (number, 2)) * ([width, height] - sides)
    return np.concatenate([corners, corners + sides], 1)


def labels_in(width, height, number, text="dog 97%"):
    boxes = random_boxes(number, width, height)
    return layout_labels(boxes, [text] * number, (width, height))


def most_labels_of_a_pixel(labels, width, height):
    canvas = np.zeros((height, width), int)
    for label in labels:
        left, top, right, bottom = label.rectangle
        # Pixels that lie completely inside.
        rows = slice(int(np.ceil(top)), int(bottom))
        canvas[rows, int(np.ceil(left)) : int(right)] += 1
    return canvas.max()


@pytest.mark.parametrize(
    "width, height", [(320, 240), (2000, 100), (100, 2000), (640, 480)]
)
def test_labels_scale_with_the_picture(width, height):
    labels = labels_in(width, height, 2)
    assert len(labels) == 2
    for label in labels:
        left, top, right, bottom = label.rectangle
        assert 11 <= bottom - top <= max(22, min(width, height) / 4)
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


def test_small_images_are_enlarged():
    boxes = random_boxes(2, 64, 48)
    image = np.zeros((48, 64, 3), "uint8")
    picture = drawing.draw_boxes(image, boxes, ["dog"] * 2, [0, 0])
    assert picture.size == (320, 240)


def test_labels_in_a_crowd_do_not_cover_each_other():
    labels = labels_in(1200, 800, 100)
    assert 20 < len(labels) < 100
    assert most_labels_of_a_pixel(labels, 1200, 800) == 1


def test_each_of_a_few_boxes_has_its_label():
    boxes = np.array([[100, 100, 200, 200]] * 6)
    labels = layout_labels(boxes, list("abcdef"), (400, 400))
    assert [label.text for label in labels] == list("abcdef")
    assert [label.index for label in labels] == list(range(6))
    assert most_labels_of_a_pixel(labels, 400, 400) == 1


def test_long_texts_are_shortened_in_the_middle():
    name = "northern long-eared bat, female, asleep 93%"
    (label,) = labels_in(640, 480, 1, name)
    assert label.text.startswith("northern lo")
    assert label.text.endswith("asleep 93%")
    assert len(label.text) == label_layout.MAX_LENGTH
    assert label_layout.shortened("short") == "short"


def test_labels_in_narrow_pictures_end_at_the_edge():
    for label in labels_in(100, 2000, 2, "northern long-eared bat 93%"):
        left, _, right, _ = label.rectangle
        assert 0 <= left and right <= 100
        assert label.text.startswith("nor") and label.text.endswith("93%")


def test_names_are_stacked_in_the_corner():
    image = np.full((300, 400, 3), 90, "uint8")
    pixels = np.asarray(drawing.draw_names(image, ["cat", "dog"], [0, 1]))
    rows = [
        np.nonzero((pixels == drawing.class_color(i)).all(-1).sum(1) > 9)[0]
        for i in range(2)
    ]
    assert rows[0].min() == 0 and len(rows[0]) >= 10
    assert rows[1].min() > rows[0].max() and len(rows[1]) >= 10
    assert (pixels[150:] == 90).all()


def test_names_that_do_not_fit_are_omitted():
    labels = label_layout.stack_labels(["cat"] * 50, (200, 60))
    assert 1 <= len(labels) < 10
    assert labels[-1].rectangle[3] <= 60


def test_fonts_have_letters_that_english_does_not_have():
    pytest.importorskip("matplotlib")  # contains such a font
    font, text = fonts.font_for("Vögel: Ελλάδα, Москва", 20)
    assert text == "Vögel: Ελλάδα, Москва"
    for letter in "öλМ":
        missing = bytes(font.getmask(fonts.MISSING))
        assert bytes(font.getmask(letter)) != missing


def test_letters_that_no_font_has_are_replaced():
    english = fonts.ImageFont.load_default(size=20)
    assert fonts.font_for("Vögel 人", 20, [english]) == (english, "Vogel ?")
    assert fonts.font_for("dog", 20, [english]) == (english, "dog")
