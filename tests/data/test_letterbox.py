"""Tests for letterboxing, against google/automl's numbers (spec 9.1)."""

import numpy as np
import pytest

from keras_efficient.data import DetectionPreprocessing
from keras_efficient.data import resizing
from keras_efficient.data.resizing import resize_window
from tests.data import painted
from tests.marks import on_one_backend

pytestmark = on_one_backend

MEAN = np.array([0.485, 0.456, 0.406], "float32")
STD = np.array([0.229, 0.224, 0.225], "float32")


def golden_image():
    image = np.random.RandomState(3).randint(0, 256, (60, 100, 3))
    return image.astype("uint8")


@pytest.mark.parametrize(
    "size, scaled, scale, mean, std, pixel",
    [
        (
            (64, 64),
            (38, 64),
            1.5625,
            0.146705899,
            0.685162638,
            (1.21726859, -0.70086277, -1.66280388),
        ),
        (
            (128, 128),
            (76, 128),
            0.78125,
            0.14721553,
            0.684509046,
            (-0.09863365, 1.48816025, 1.50291693),
        ),
        (
            (96, 200),
            (96, 160),
            0.625,
            0.199820299,
            0.787526239,
            (-1.55385745, 0.29463193, 1.62312341),
        ),
    ],
    ids=str,
)
def test_goldens(size, scaled, scale, mean, std, pixel):
    letterbox = DetectionPreprocessing(size)
    image, factor = letterbox(golden_image())
    assert image.shape == (*size, 3) and image.dtype == np.float32
    assert letterbox.scaled_size(60, 100) == scaled
    assert 1 / factor == pytest.approx(scale, rel=1e-6)
    assert letterbox.scale(60, 100) == factor
    normalized = (image / 255 - MEAN) / STD
    np.testing.assert_allclose(normalized[10, 20], pixel, atol=1e-5)
    assert normalized.mean() == pytest.approx(mean, abs=1e-5)
    assert normalized.std() == pytest.approx(std, abs=1e-5)
    # What is filled in is 0 to the network.
    np.testing.assert_allclose(normalized[scaled[0] :], 0, atol=1e-6)
    np.testing.assert_allclose(normalized[:, scaled[1] :], 0, atol=1e-6)
    if size == (64, 64):
        np.testing.assert_allclose(
            normalized[0, 0], (-0.61168617, 1.06496894, 2.03050876), atol=1e-5
        )


@pytest.mark.parametrize("antialias", [False, True])
def test_boxes_are_found_again(antialias):
    sample = painted.paint(200, 340, [[10, 20, 90, 120], [200, 50, 330, 199]])
    letterbox = DetectionPreprocessing((128, 192), antialias=antialias)
    image, scale = letterbox(sample.image)
    for label, box in enumerate(sample.boxes):
        np.testing.assert_allclose(
            box * scale, painted.find(image, label), atol=1.5
        )


@pytest.mark.parametrize("antialias", [False, True])
def test_a_window_is_a_part_of_the_whole(antialias):
    image = golden_image()
    whole = resize_window(image, (90, 130), antialias=antialias)
    part = resize_window(image, (90, 130), (20, 30, 40, 50), antialias)
    np.testing.assert_allclose(
        part, whole[20:60, 30:80], atol=3.0 if antialias else 1e-4
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (10000, 3)])
def test_extreme_shapes(shape):
    letterbox = DetectionPreprocessing((64, 96))
    image, scale = letterbox(np.full((*shape, 3), 200, "uint8"))
    height, width = letterbox.scaled_size(*shape)
    assert height >= 1 and width >= 1
    np.testing.assert_allclose(image[:height, :width], 200)
    assert scale > 0


def test_config_round_trip():
    letterbox = DetectionPreprocessing((64, 96), True, (1.0, 2.0, 3.0))
    again = DetectionPreprocessing.from_config(letterbox.to_config())
    assert again == letterbox


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4, 3)), np.zeros((4, 4), "uint8"), "photo.jpg"],
    ids=["float", "gray", "path"],
)
def test_only_uint8_images(image):
    with pytest.raises(ValueError, match="uint8"):
        DetectionPreprocessing((64, 96))(image)


@pytest.mark.skipif(resizing.opencv() is None, reason="OpenCV is missing")
@pytest.mark.parametrize(
    "size", [(480, 640), (1280, 1920), (97, 61), (1, 5), (512, 512)]
)
def test_opencv_is_almost_equal(size):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), "uint8")
    letterbox = DetectionPreprocessing((512, 512))
    exact, scale = letterbox(image)
    fast, same_scale = letterbox(image, exact=False)
    assert scale == same_scale and fast.dtype == exact.dtype
    assert np.abs(fast - exact).max() < 0.05


def test_without_opencv(monkeypatch):
    monkeypatch.setattr(resizing, "opencv", lambda: None)
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), "uint8")
    letterbox = DetectionPreprocessing((64, 64))
    np.testing.assert_array_equal(
        letterbox(image, exact=False)[0], letterbox(image)[0]
    )
