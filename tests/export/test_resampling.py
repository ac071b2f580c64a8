"""Preprocessing in the graph, compared with PIL."""

import numpy as np
import pytest

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.export.graph import resampling
from tests.support.export import tensorflow_only

tf = pytest.importorskip("tensorflow")
pytestmark = tensorflow_only

# (height, width) of images: tall, wide, tiny, and larger than any target.
IMAGE_SIZES = [(37, 53), (301, 67), (64, 230), (1, 1), (2, 190), (211, 3)]


def graph_of(preprocessing):
    return tf.function(
        lambda image: resampling.preprocess_images(image[None], preprocessing)[
            0
        ],
        input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)],
    )


@pytest.mark.parametrize(
    "size, crop_fraction, method",
    [
        ((29, 41), None, "bicubic"),
        ((29, 41), None, "bilinear"),
        ((64, 48), "published", "bicubic"),
        ((64, 48), 0.37, "bilinear"),
        ((7, 96), 1.0, "bicubic"),
        ((1, 1), None, "bicubic"),
    ],
)
def test_equals_pil_exactly(size, crop_fraction, method):
    preprocessing = ClassificationPreprocessing(size, crop_fraction, method)
    preprocess = graph_of(preprocessing)
    rng = np.random.default_rng(7)
    for height, width in IMAGE_SIZES:
        # The cubic filter overshoots black and white, and is clipped.
        pixels = rng.integers(0, 2, (height, width, 3), "uint8") * 255
        np.testing.assert_array_equal(preprocess(pixels), preprocessing(pixels))


@pytest.mark.slow
def test_equals_pil_for_hundreds_of_random_sizes():
    rng = np.random.default_rng(8)
    for _ in range(60):
        preprocessing = ClassificationPreprocessing(
            rng.integers(1, 260, 2).tolist(),
            crop_fraction=rng.choice([None, float(rng.uniform(0.01, 1))]),
            method=str(rng.choice(["bicubic", "bilinear"])),
        )
        preprocess = graph_of(preprocessing)
        for _ in range(12):
            height, width = (2 ** rng.uniform(0, 10, 2)).astype(int)
            image = rng.integers(0, 256, (height, width, 3), "uint8")
            np.testing.assert_array_equal(
                preprocess(image), preprocessing(image), str(preprocessing)
            )


@pytest.mark.parametrize("crop_fraction", [None, "published", 0.7, 1 / 3])
def test_crop_box_equals_that_of_python(crop_fraction):
    rng = np.random.default_rng(9)
    for _ in range(5):
        size = rng.integers(1, 700, 2).tolist()
        preprocessing = ClassificationPreprocessing(size, crop_fraction)

        @tf.function(input_signature=[tf.TensorSpec((), tf.int32)] * 2)
        def crop_box(height, width, preprocessing=preprocessing):
            return resampling.crop_box(height, width, preprocessing)

        for height, width in rng.integers(1, 20000, (40, 2)).tolist():
            box = tuple(int(side) for side in crop_box(height, width))
            assert box == preprocessing.crop_box(height, width)
