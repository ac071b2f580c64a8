"""Tests for transforms: boxes painted into the image are found again."""

import numpy as np
import pytest

from keras_efficient.data import DetectionAugmentation
from keras_efficient.data import DetectionSample
from keras_efficient.data.transforms import rand_augment as operations
from keras_efficient.data.transforms.flip import random_box_flip
from keras_efficient.data.transforms.mosaic import mosaic
from keras_efficient.data.transforms.rand_augment import rand_augment
from keras_efficient.data.transforms.scale_jitter import random_scale
from tests.data import painted
from tests.marks import on_one_backend

pytestmark = on_one_backend

BOXES = [[5, 8, 30, 40], [60, 10, 100, 30], [40, 50, 55, 78], [70, 40, 118, 70]]


def sample():
    return painted.paint(80, 120, BOXES)


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
def test_flip(axis):
    flipped = random_box_flip(sample(), np.random.default_rng(0), 1.0, axis)
    assert painted.check(flipped, 4, atol=0) == 4
    assert not np.array_equal(flipped.boxes, sample().boxes)
    again = random_box_flip(flipped, np.random.default_rng(0), 1.0, axis)
    np.testing.assert_array_equal(again.image, sample().image)
    np.testing.assert_array_equal(again.boxes, sample().boxes)
    same = random_box_flip(flipped, np.random.default_rng(0), 0.0, axis)
    assert same is flipped


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("scale", [(0.1, 2.0), (0.8, 1.25)])
@pytest.mark.parametrize("size", [(96, 96), (64, 160)])
def test_scale_jitter(size, scale, antialias):
    seen, corners, ratios = 0, set(), []
    for seed in range(60):
        moved = random_scale(
            sample(),
            np.random.default_rng(seed),
            size,
            scale,
            antialias=antialias,
        )
        assert moved.image.shape == (*size, 3)
        assert moved.image.dtype == np.uint8
        # Without antialiasing a small image samples single pixels.
        seen += painted.check(moved, 4, atol=1.6, min_side=4)
        if len(moved.boxes) == 4:
            ratios.append(moved.boxes[0, 3] - moved.boxes[0, 1])
        corners.add(tuple(moved.image[0, 0]))
        limits = np.array([size[1], size[0]] * 2)
        assert (moved.boxes >= 0).all() and (moved.boxes <= limits).all()
    assert seen > 100
    # All factors occur.
    assert max(ratios) / min(ratios) > (1.2 if scale[0] > 0.5 else 4)


def test_scale_of_one_is_the_letterbox():
    moved = random_scale(sample(), np.random.default_rng(0), (64, 64), (1, 1))
    # 80 x 120 into 64 x 64: 42 rows, the rest is ImageNet's mean.
    assert moved.image[42:].reshape(-1, 3).tolist() == [[124, 116, 104]] * (
        22 * 64
    )
    np.testing.assert_allclose(
        moved.boxes, BOXES * np.array([64 / 120, 42 / 80] * 2), rtol=1e-5
    )


def test_crops_reach_every_part():
    """At twice the size, every window is possible."""
    lefts = []
    for seed in range(80):
        moved = random_scale(
            painted.paint(80, 120, [[0, 0, 120, 80]], [0]),
            np.random.default_rng(seed),
            (40, 60),
            (2, 2),
        )
        assert moved.boxes.tolist() == [[0, 0, 60, 40]]
        gradient = np.zeros((80, 120, 3), "uint8")
        gradient[..., 0] = np.arange(120)
        moved = random_scale(
            DetectionSample(gradient, np.zeros((0, 4)), np.zeros(0)),
            np.random.default_rng(seed),
            (40, 60),
            (2, 2),
        )
        lefts.append(int(moved.image[0, 0, 0]))
    assert min(lefts) < 5 and max(lefts) > 54
    assert len(set(lefts)) > 20


def test_min_visibility_drops_cropped_boxes():
    box = [[0, 0, 100, 100]]
    whole = painted.paint(100, 100, box, [0])
    assert len(whole.moved(whole.image[:40], whole.boxes).boxes) == 1
    assert not len(whole.moved(whole.image[:40], whole.boxes, 0.5).boxes)
    assert len(whole.moved(whole.image[:60], whole.boxes, 0.5).boxes) == 1


@pytest.mark.parametrize("size", [(80, 120), (100, 64)])
def test_mosaic(size):
    quarters = [painted.paint(80, 120, [BOXES[i]], [i]) for i in range(4)]
    seen = 0
    for seed in range(40):
        made = mosaic(quarters, np.random.default_rng(seed), size)
        assert made.image.shape == (2 * size[0], 2 * size[1], 3)
        seen += painted.check(made, 4, atol=1.6, min_side=4)
    assert seen > 100


def test_mosaic_puts_each_image_into_its_quarter():
    quarters = [painted.paint(60, 60, [[0, 0, 60, 60]], [i]) for i in range(4)]
    made = mosaic(quarters, np.random.default_rng(1), (60, 60))
    # All four meet in one point.
    boxes = made.boxes[np.argsort(made.labels)]
    middle = boxes[0, 2:]
    assert boxes[1, [0, 3]].tolist() == middle.tolist()
    assert boxes[2, [2, 1]].tolist() == middle.tolist()
    assert boxes[3, :2].tolist() == middle.tolist()
    with pytest.raises(ValueError, match="Received: 3"):
        mosaic(quarters[:3], np.random.default_rng(1), (60, 60))


@pytest.mark.parametrize("name", operations.GEOMETRY)
@pytest.mark.parametrize("amount", [-0.8, 0.5])
def test_geometric_operations(name, amount):
    """A rotated box is the bounding box of its rotated corners."""
    matrix = operations.GEOMETRY[name](amount, (80, 120, 3))
    moved = operations.move(sample(), matrix)
    assert painted.check(moved, 4, atol=1.6, min_side=4) >= 2
    assert not np.array_equal(moved.image, sample().image)


@pytest.mark.parametrize("name", operations.COLORS)
def test_colors_change_the_image_only(name, monkeypatch):
    monkeypatch.setattr(operations, "OPERATIONS", (name,))
    rng = np.random.default_rng(0)
    noise = rng.integers(30, 200, (40, 50, 3), "uint8")
    boxes = np.array([[3, 4, 20, 30]], "float32")
    before = DetectionSample(noise, boxes, np.array([1], "int32"))
    after = rand_augment(before, rng, 1, 9)
    assert after.image.shape == noise.shape and after.image.dtype == np.uint8
    assert not np.array_equal(after.image, noise)
    np.testing.assert_array_equal(after.boxes, boxes)
    # The image that came in stays as it was.
    assert (
        noise[0, 0, 0]
        == np.random.default_rng(0).integers(30, 200, (40, 50, 3), "uint8")[
            0, 0, 0
        ]
    )


def test_magnitude_zero_moves_nothing():
    for name, build in operations.GEOMETRY.items():
        moved = operations.move(sample(), build(0.0, (80, 120, 3)))
        np.testing.assert_array_equal(moved.image, sample().image, name)
        np.testing.assert_allclose(moved.boxes, sample().boxes, atol=1e-4)


def everything(size=(72, 104)):
    return DetectionAugmentation(
        size,
        scale=(0.5, 1.5),
        vertical_flip_rate=0.5,
        mosaic_rate=0.5,
        rand_augment=(2, 6),
    )


def draw():
    return painted.paint(60, 60, [[10, 10, 40, 50]], [3])


def test_augmentation_is_determined_by_the_generator():
    augment = everything()
    images = []
    for seed in range(6):
        first, second = (
            augment(sample(), np.random.default_rng(seed), draw)
            for _ in range(2)
        )
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.boxes, second.boxes)
        np.testing.assert_array_equal(first.labels, second.labels)
        assert len(first.boxes) == len(first.labels)
        assert first.image.shape == (72, 104, 3)
        images.append(first.image)
    assert len({image.tobytes() for image in images}) == 6


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_images_of_a_pixel(shape):
    boxes = [[0, 0, shape[1], shape[0]]]
    for seed in range(10):
        made = everything()(
            painted.paint(*shape, boxes, [0]),
            np.random.default_rng(seed),
            draw,
        )
        assert made.image.shape == (72, 104, 3)
        assert np.isfinite(made.boxes).all()


def test_an_image_of_ten_thousand_pixels():
    big = painted.paint(10000, 400, [[100, 2000, 300, 9000]], [0])
    made = DetectionAugmentation(
        (128, 96),
        scale=(0.9, 1.1),
        flip_rate=0.0,
        brightness=0,
        contrast=0,
        saturation=0,
    )(big, np.random.default_rng(0))
    assert painted.check(made, 1, atol=1.6) == 1


def test_images_without_boxes():
    empty = DetectionSample(
        np.zeros((50, 60, 3), "uint8"),
        np.zeros((0, 4), "float32"),
        np.zeros(0, "int32"),
    )
    for seed in range(10):
        made = everything()(empty, np.random.default_rng(seed), lambda: empty)
        assert made.boxes.shape == (0, 4) and made.labels.shape == (0,)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"scale": (0.0, 1.0)}, r"scale=\(0.0, 1.0\)"),
        ({"scale": (2.0, 1.0)}, r"scale=\(2.0, 1.0\)"),
        ({"flip_rate": 1.5}, "flip_rate=1.5"),
        ({"mosaic_rate": -0.1}, "mosaic_rate=-0.1"),
        ({"min_visibility": 2}, "min_visibility=2"),
        ({"rand_augment": (0, 5)}, r"rand_augment=\(0, 5\)"),
        ({"rand_augment": (1, 11)}, r"rand_augment=\(1, 11\)"),
        ({"size": (0, 5)}, "size"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        DetectionAugmentation(**{"size": (64, 64), **arguments})


def test_a_mosaic_without_other_images():
    augment = DetectionAugmentation((64, 64), mosaic_rate=1.0)
    with pytest.raises(ValueError, match="pass `draw`"):
        augment(sample(), np.random.default_rng(0))
