"""Images of one, three, four and other numbers of channels."""

import numpy as np
import pytest
from PIL import Image

from keras_efficient.data import ClassificationAugmentation
from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data import DetectionAugmentation
from keras_efficient.data import DetectionPreprocessing
from keras_efficient.data import DetectionSample
from keras_efficient.data import classification_from_arrays
from keras_efficient.data import detection_from_arrays
from keras_efficient.data import load_image
from keras_efficient.data.image_channels import convert_channels
from keras_efficient.data.resizing import resize
from keras_efficient.data.resizing import resize_window
from keras_efficient.data.transforms.rand_augment import rand_augment
from tests.marks import on_one_backend

pytestmark = on_one_backend
COUNTS = (1, 2, 3, 4, 6)


def noise(channels, size=(30, 40)):
    rng = np.random.default_rng(channels)
    return rng.integers(0, 256, (*size, channels), "uint8")


def save(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def test_gray_is_the_luminance_of_pil(tmp_path):
    colors = noise(3)
    path = save(tmp_path / "a.png", colors)
    expected = np.array(Image.fromarray(colors).convert("L"))
    for source in (path, colors, Image.fromarray(colors), noise(3)):
        found = load_image(source, channels=1)
        assert found.shape == (30, 40, 1)
        np.testing.assert_array_equal(found[..., 0], expected)


def test_gray_files_keep_their_values(tmp_path):
    gray = noise(1)
    path = save(tmp_path / "a.png", gray[..., 0])
    np.testing.assert_array_equal(load_image(path, channels=1), gray)
    np.testing.assert_array_equal(load_image(gray, channels=1), gray)
    np.testing.assert_array_equal(load_image(gray[..., 0], channels=1), gray)


def test_alpha_of_files_and_arrays(tmp_path):
    pixels = noise(4)
    path = save(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(load_image(path, channels=4), pixels)
    np.testing.assert_array_equal(load_image(pixels, channels=4), pixels)
    opaque = load_image(save(tmp_path / "b.png", pixels[..., :3]), channels=4)
    np.testing.assert_array_equal(opaque[..., :3], pixels[..., :3])
    assert (opaque[..., 3] == 255).all()
    gray = load_image(pixels[..., 0], channels=4)
    assert gray.shape == (30, 40, 4) and (gray[..., 3] == 255).all()


def test_alpha_is_upright_and_of_a_palette(tmp_path):
    pixels = noise(4)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.png", pixels, exif=exif)
    np.testing.assert_array_equal(
        load_image(path, channels=4), np.rot90(pixels, -1)
    )
    image = Image.fromarray(noise(3)).convert("P", palette=Image.ADAPTIVE)
    image.save(tmp_path / "p.png", transparency=bytes([0, 7]))
    with Image.open(tmp_path / "p.png") as opened:
        expected = np.array(opened.convert("RGBA"))
    np.testing.assert_array_equal(
        load_image(tmp_path / "p.png", channels=4), expected
    )


def test_other_numbers_need_arrays(tmp_path):
    pixels = noise(6)
    np.testing.assert_array_equal(load_image(pixels, channels=6), pixels)
    path = save(tmp_path / "a.png", noise(3))
    with pytest.raises(ValueError, match="must have 6 channels"):
        load_image(path, channels=6)
    with pytest.raises(ValueError, match="with 6 channels"):
        load_image(noise(3), channels=6)
    with pytest.raises(ValueError, match="1, 3 or 4 channels"):
        load_image(pixels)
    with pytest.raises(ValueError, match="Received: 2 channels"):
        convert_channels(noise(2), 3)


@pytest.mark.parametrize("channels", COUNTS)
def test_channels_are_resized_separately(channels):
    image = noise(channels)
    for function in (
        ClassificationPreprocessing((16, 20)),
        lambda x: resize_window(x, (16, 20), antialias=True),
        lambda x: resize_window(x, (16, 20), (2, 3, 7, 9)),
        lambda x: DetectionPreprocessing((16, 24))(x)[0][:16, :21],
    ):
        together = function(image)
        for i in range(channels):
            alone = function(np.repeat(image[..., i : i + 1], 3, axis=-1))
            np.testing.assert_array_equal(together[..., i], alone[..., 0])
    fast = resize(image, (16, 20))
    assert fast.shape == (16, 20, channels)
    np.testing.assert_allclose(fast, resize_window(image, (16, 20)), atol=0.2)


@pytest.mark.parametrize("channels", COUNTS)
def test_padding_becomes_zero(channels):
    """The average of the mean, which `ImageNormalization` subtracts."""
    padded, _ = DetectionPreprocessing((40, 40))(noise(channels))
    mean = np.array((123.675, 116.28, 103.53))
    expected = mean if channels == 3 else [mean.mean()] * channels
    np.testing.assert_allclose(padded[-1, -1], expected, rtol=1e-6)


@pytest.mark.parametrize("channels", COUNTS)
def test_augmentation(channels):
    augment = ClassificationAugmentation(24)
    found = augment(noise(channels), np.random.default_rng(0))
    assert found.shape == (24, 24, channels) and found.dtype == np.uint8
    sample = DetectionSample(
        noise(channels), np.array([[5, 5, 30, 20]], "float32"), np.array([0])
    )
    augment = DetectionAugmentation(24, mosaic_rate=0.5, rand_augment=(2, 5))
    for seed in range(4):
        rng = np.random.default_rng(seed)
        found = augment(sample, rng, lambda: sample)
        assert found.image.shape == (24, 24, channels)


def test_alpha_keeps_its_values_in_color_changes():
    pixels = noise(4, (24, 24))
    pixels[..., 3] = 9
    augment = ClassificationAugmentation(24, area=(1, 1), aspect=(1, 1))
    found = augment(pixels, np.random.default_rng(0))
    assert (found[..., 3] == 9).all()
    sample = DetectionSample(pixels, np.zeros((0, 4)), np.zeros(0, int))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        moved = rand_augment(sample, rng, magnitude=3, fill=(9, 9, 9))
        assert (moved.image[..., 3] == 9).all()


def test_gray_jitter_equals_that_of_equal_channels():
    gray = noise(1)
    augment = ClassificationAugmentation(24)
    found = augment(gray, np.random.default_rng(3))
    same = augment(np.repeat(gray, 3, axis=-1), np.random.default_rng(3))
    np.testing.assert_array_equal(found[..., 0], same[..., 0])


@pytest.mark.parametrize("channels", COUNTS)
def test_batches(channels):
    stored = channels if channels in (2, 6) else 4
    images = np.stack([noise(stored)] * 3)
    expected = load_image(images[0], channels=channels)
    dataset = classification_from_arrays(images, [0, 1, 1])
    pixels, _ = dataset.batches((30, 40), channels=channels)[0]
    assert pixels.shape == (3, 30, 40, channels)
    resized = ClassificationPreprocessing((30, 40))(expected)
    np.testing.assert_array_equal(pixels[0], resized)
    dataset = detection_from_arrays(images, [[[1, 2, 30, 20]]] * 3, [[0]] * 3)
    pixels, _ = dataset.batches((30, 40), channels=channels)[0]
    np.testing.assert_array_equal(pixels[0], expected)


def test_channels_first_arrays_are_refused():
    with pytest.raises(ValueError, match="half as many channels"):
        classification_from_arrays(np.zeros((2, 3, 32, 32), "uint8"), [0, 1])
