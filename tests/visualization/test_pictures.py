"""Grids of batches and predictions."""

import numpy as np
import pytest
from PIL import Image

from keras_efficient.inference.drawing import class_color
from keras_efficient.inference.drawing import draw_boxes
from keras_efficient.visualization import pictures
from keras_efficient.visualization import plot_batch
from keras_efficient.visualization import plot_predictions
from tests.marks import on_one_backend

pytestmark = on_one_backend


@pytest.fixture
def captions(monkeypatch):
    """Captions that `plot_batch` writes below pictures."""
    seen = []
    lay_out = plot_predictions

    def recorded(images, path=None, captions=None, max_images=16):
        seen.append(captions)
        return lay_out(images, path, captions, max_images)

    monkeypatch.setattr(pictures, "plot_predictions", recorded)
    return seen


def test_grid_of_pictures(tmp_path):
    images = [Image.new("RGB", (1024, 512), color) for color in ("red", "blue")]
    grid = plot_predictions(images * 3, tmp_path / "a.png", max_images=5)
    with Image.open(tmp_path / "a.png") as saved:
        assert saved.size == grid.size
    # Two columns of 512 x 256: nearly as high as wide.
    assert grid.size == (2 * 518 + 6, 3 * 262 + 6)
    assert grid.getpixel((20, 20)) == (255, 0, 0)
    assert grid.getpixel((550, 20)) == (0, 0, 255)
    assert grid.getpixel((550, 2 * 262 + 20)) == (255, 255, 255)


def test_names_of_boxes_can_be_read_in_a_grid():
    image = np.zeros((1500, 2000, 3), "uint8")
    box = np.array([[900, 700, 910, 710]])
    picture = draw_boxes(image, box, ["northern bat 93%"], [0])
    grid = np.asarray(plot_predictions([picture] * 4), "float32")
    difference = np.abs(grid[:300, :500] - class_color(0)).max(-1)
    # Rows of the label, which is a third higher than its letters.
    assert ((difference < 40).sum(1) > 15).sum() >= 10


def test_pictures_of_a_grid_have_one_longest_side():
    images = [Image.new("RGB", (60, 90), "red"), Image.new("RGB", (90, 30))]
    images.append(Image.new("RGB", (50, 200), "blue"))
    grid = plot_predictions(images)
    assert grid.getpixel((7 + 130, 200)) == (255, 0, 0)  # 133 x 200
    assert grid.getpixel((6 + 206, 6 + 66)) == (0, 0, 0)  # 200 x 67
    assert grid.getpixel((6 + 48, 206 + 190)) == (0, 0, 255)  # 50 x 200


def test_captions_are_below_the_pictures():
    image = Image.new("RGB", (100, 60), "red")
    grid = plot_predictions([image], captions=["dog"])
    strip = np.asarray(grid)[60 + pictures.GAP :]
    assert strip.shape[0] > pictures.CAPTION_SIZE
    assert (strip < 100).all(-1).any()  # black letters
    wide = plot_predictions([image], captions=["a name of many letters" * 9])
    assert wide.size == grid.size


def test_batch_for_classification(captions):
    images = np.full((3, 40, 50, 3), 300.0, "float32")
    images[0] = [255.0, 0.4, -3.0]
    labels = np.array([[0, 1], [0.7, 0.3], [0.02, 0.98]])
    grid = plot_batch(images, labels, ["cat", "dog"])
    assert captions[-1] == ["dog", "cat 70%, dog 30%", "dog"]
    assert grid.getpixel((10, 10)) == (255, 0, 0)
    plot_batch(images, np.array([1, 0, 1]), ["cat", "dog"], max_images=2)
    assert captions[-1] == ["dog", "cat"]
    plot_batch(images, np.array([1, 0, 1]))
    assert captions[-1] == ["1", "0", "1"]


def test_channels_first(captions):
    images = np.zeros((2, 3, 40, 50), "float32")
    images[:, 0] = 255.0
    grid = plot_batch(images, np.array([0, 1]))
    assert grid.getpixel((10, 10)) == (255, 0, 0)


def test_batch_for_detection(monkeypatch):
    drawn = []

    def draw_boxes(image, boxes, texts, labels):
        drawn.append((boxes.tolist(), list(texts), labels.tolist()))
        return Image.fromarray(image)

    monkeypatch.setattr(pictures, "draw_boxes", draw_boxes)
    labels = {
        "boxes": np.array([[[1, 2, 30, 20], [-1] * 4], [[-1] * 4] * 2], float),
        "labels": np.array([[1, -1], [-1, -1]]),
    }
    plot_batch(np.zeros((2, 40, 50, 3)), labels, ["cat", "dog"])
    assert drawn == [([[1, 2, 30, 20]], ["dog"], [1]), ([], [], [])]


@pytest.mark.parametrize(
    "images, labels, message",
    [
        (np.zeros((2, 4, 40, 50)), np.zeros(2), "of shape .batch, height"),
        (np.zeros((40, 50, 3)), np.zeros(2), "Received: shape"),
        (np.zeros((2, 40, 50, 3)), np.zeros(1), "1 labels for 2 images"),
    ],
)
def test_invalid_batches(images, labels, message):
    with pytest.raises(ValueError, match=message):
        plot_batch(images, labels)


def test_invalid_grids():
    with pytest.raises(ValueError, match="at least one picture"):
        plot_predictions([])
    with pytest.raises(ValueError, match="2 captions, 1 pictures"):
        plot_predictions([Image.new("RGB", (4, 4))], captions=["a", "b"])
