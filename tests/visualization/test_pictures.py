"""Grids of batches and predictions."""

import numpy as np
import pytest
from PIL import Image

from keras_efficient.visualization import pictures
from keras_efficient.visualization import plot_batch
from keras_efficient.visualization import plot_predictions


@pytest.fixture
def captions(monkeypatch):
    """What `plot_batch` writes below pictures."""
    seen = []
    lay_out = plot_predictions

    def recorded(images, path=None, captions=None, max_images=16):
        seen.append(captions)
        return lay_out(images, path, captions, max_images)

    monkeypatch.setattr(pictures, "plot_predictions", recorded)
    return seen


def test_grid_of_pictures(tmp_path):
    images = [Image.new("RGB", (640, 320), color) for color in ("red", "blue")]
    grid = plot_predictions(images * 3, tmp_path / "a.png", max_images=5)
    with Image.open(tmp_path / "a.png") as saved:
        assert saved.size == grid.size
    # Two columns of 320 x 160: nearly as high as wide.
    assert grid.size == (2 * 326 + 6, 3 * 166 + 6)
    assert grid.getpixel((20, 20)) == (255, 0, 0)
    assert grid.getpixel((350, 20)) == (0, 0, 255)
    assert grid.getpixel((350, 2 * 166 + 20)) == (255, 255, 255)


def test_captions_stand_below():
    image = Image.new("RGB", (100, 60), "red")
    grid = plot_predictions([image], captions=["dog"])
    strip = np.asarray(grid)[60 + pictures.GAP :]
    assert strip.shape[0] > pictures.CAPTION_SIZE
    assert (strip < 100).all(-1).any()  # something black
    wide = plot_predictions([image], captions=["a name of many letters" * 9])
    assert wide.size == grid.size


def test_batch_of_a_classifier(captions):
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


def test_channels_may_come_second(captions):
    images = np.zeros((2, 3, 40, 50), "float32")
    images[:, 0] = 255.0
    grid = plot_batch(images, np.array([0, 1]))
    assert grid.getpixel((10, 10)) == (255, 0, 0)


def test_batch_of_a_detector(monkeypatch):
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
        (np.zeros((2, 40, 50, 4)), np.zeros(2), "of shape .batch, height"),
        (np.zeros((40, 50, 3)), np.zeros(2), "Received: shape"),
        (np.zeros((2, 40, 50, 3)), np.zeros(1), "1 labels for 2 images"),
    ],
)
def test_bad_batches(images, labels, message):
    with pytest.raises(ValueError, match=message):
        plot_batch(images, labels)


def test_bad_grids():
    with pytest.raises(ValueError, match="no pictures"):
        plot_predictions([])
    with pytest.raises(ValueError, match="2 captions, 1 pictures"):
        plot_predictions([Image.new("RGB", (4, 4))], captions=["a", "b"])
