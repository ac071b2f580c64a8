"""Drawings whose names can be read, in small, huge and crowded pictures."""

import numpy as np
import pytest

from keras_efficient.inference import drawing
from keras_efficient.inference import fonts


@pytest.fixture
def written(monkeypatch):
    """Texts that are drawn, and the rectangles they stand in."""
    texts = []

    def draw_text(draw, size, box, text, label, font, taken, is_crowded):
        number = len(taken)
        drawn(draw, size, box, text, label, font, taken, is_crowded)
        texts.extend((text, place) for place in taken[number:])

    drawn = drawing._draw_text
    monkeypatch.setattr(drawing, "_draw_text", draw_text)
    return texts


def random_boxes(number, height, width):
    rng = np.random.default_rng(0)
    sides = rng.uniform(0.05, 0.4, (number, 2)) * [width, height]
    corners = rng.uniform(0, 1, (number, 2)) * ([width, height] - sides)
    return np.concatenate([corners, corners + sides], 1)


def draw(height, width, number, text="dog 97%"):
    return drawing.draw_boxes(
        np.zeros((height, width, 3), "uint8"),
        random_boxes(number, height, width),
        [text] * number,
        np.zeros(number, int),
    )


@pytest.mark.parametrize(
    "height, width", [(48, 64), (100, 2000), (2000, 100), (480, 640)]
)
def test_letters_have_the_size_of_the_picture(height, width, written):
    picture = draw(height, width, 2)
    for _, (left, top, right, bottom) in written:
        assert 11 <= bottom - top <= max(22, min(picture.size) / 4)
        assert 0 <= left < right <= picture.width
        assert 0 <= top < bottom <= picture.height


def test_names_in_a_crowd_do_not_cover_each_other(written):
    picture = draw(800, 1200, 100)
    places = [place for _, place in written]
    assert 20 < len(places) < 100
    for i, first in enumerate(places):
        for second in places[:i]:
            assert drawing._common(first, second) == 0
    assert picture.size == (1200, 800)


def test_a_few_objects_all_have_their_names(written):
    boxes = np.array([[100, 100, 200, 200]] * 6)
    drawing.draw_boxes(
        np.zeros((400, 400, 3), "uint8"), boxes, list("abcdef"), np.arange(6)
    )
    assert [text for text, _ in written] == list("abcdef")


def test_long_names_lose_their_middle(written):
    draw(480, 640, 1, "northern long-eared bat, female, asleep 93%")
    ((text, _),) = written
    assert text.startswith("northern lo") and text.endswith("asleep 93%")
    assert len(text) == drawing.MAX_LENGTH
    assert drawing.shortened("short") == "short"


def test_names_in_narrow_pictures_end_before_the_edge(written):
    picture = draw(2000, 100, 2, "northern long-eared bat 93%")
    for text, (left, _, right, _) in written:
        assert 0 <= left and right <= picture.width
        assert text.startswith("nor") and text.endswith("93%")


def test_letters_that_english_does_not_have():
    pytest.importorskip("matplotlib")  # whose font is there on every machine
    font, text = fonts.font_for("Vögel: Ελλάδα, Москва", 20)
    assert text == "Vögel: Ελλάδα, Москва"
    for letter in "öλМ":
        missing = bytes(font.getmask(fonts.MISSING))
        assert bytes(font.getmask(letter)) != missing


def test_without_such_a_font_there_are_no_boxes_for_letters(monkeypatch):
    default = fonts.ImageFont.load_default(size=20)
    monkeypatch.setattr(fonts, "_fonts", lambda size: (default,))
    assert fonts.font_for("Vögel 人", 20) == (default, "Vogel ?")
    assert fonts.font_for("dog", 20) == (default, "dog")
