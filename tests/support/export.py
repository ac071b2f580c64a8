"""Models, images and marks of the tests of exports."""

import io
import itertools
import math

import keras
import numpy as np
import pytest
from PIL import Image

import keras_efficient
from keras_efficient.data import load_image
from tests import golden_fill
from tests.models.detectors import TINY_STAGES
from tests.models.detectors import tiny

CLASS_NAMES = ("daisy", "dandelion", "Rosen für Ägypten", "sunflower", "tulip")
IS_TENSORFLOW = keras.backend.backend() == "tensorflow"
# Writing happens in a process with TensorFlow, whatever the model's backend.
tensorflow_only = pytest.mark.skipif(
    not IS_TENSORFLOW, reason="the function runs in a TensorFlow process"
)
# Post-processing with which random detectors find several objects.
OPTIONS = {"score_threshold": 0.05, "max_detections": 15}


@keras.saving.register_keras_serializable(package="tests_of_export")
class HalfOf(keras.layers.Layer):
    """A registered layer of a user, in a module that can be imported."""

    def call(self, inputs):
        return inputs / 2.0


@keras.saving.register_keras_serializable(package="tests_of_export")
class Unstable(keras.layers.Layer):
    """A layer with a different result in each trace."""

    traces = itertools.count()

    def call(self, inputs):
        return inputs * 0.01 * (1.5 + math.sin(next(self.traces)))


class Unregistered(keras.layers.Layer):
    """A layer that another process cannot load."""

    def call(self, inputs):
        return inputs


def confident_classifier(**options):
    """Return a small EfficientNet with probabilities near 1."""
    stages = keras_efficient.variants.EFFICIENTNET_STAGES[:2]
    model = keras_efficient.EfficientNet(
        input_shape=(64, 48, 3),
        classes=5,
        width_coefficient=0.25,
        stages=stages,
        **options,
    )
    return sharpen_classifier(golden_fill.fill(model))


def sharpen_classifier(model):
    """Scale the last layer, so that one class has a high probability."""
    kernel = model.layers[-1].kernel
    kernel.assign(keras.ops.convert_to_numpy(kernel) * 40)
    return model


def plain_classifier(*layers):
    """Return the smallest classifier, for tests independent of the network."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((24, 32, 3)),
            keras.layers.GlobalAveragePooling2D(),
            *layers,
            keras.layers.Dense(5, activation="softmax"),
        ]
    )


def quantizable_classifier():
    """Return a classifier that distinguishes `squares`, with dead channels."""
    keras.utils.set_random_seed(0)
    model = keras_efficient.EfficientNet(
        stages=TINY_STAGES,
        stem_filters=8,
        top_filters=64,
        input_shape=(64, 96, 3),
        classes=5,
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith("kernel"):
            scale = 2.0 / np.sqrt(np.prod(weight.shape[:-1]))
            values = rng.normal(0, scale, weight.shape)
            if weight.path.endswith("top_conv/kernel"):
                values[..., ::2] = 0
            weight.assign(values.astype("float32"))
        if weight.path.endswith("top_bn/beta"):
            weight.assign(np.float32([2, 0, 1, 0] * 16))
    top = model.get_layer("predictions")
    features = keras.Model(model.input, top.input)
    values = features.predict(squares((64, 96)), verbose=0)
    kernel = rng.normal(0, 0.1, (64, 5))
    # Channels with values distinguish images, dead channels classes.
    kernel[1::2] /= values[:, 1::2].std()
    bias = -values.mean(axis=0)[1::2] @ kernel[1::2]
    top.set_weights([kernel.astype("float32"), bias.astype("float32")])
    return model


def trained_classifier():
    """Return `quantizable_classifier` with a last layer fitted to `colors`."""
    model = quantizable_classifier()
    images, labels = colors((64, 96), 100, seed=0)
    top = model.get_layer("predictions")
    features = keras.Model(model.input, top.input)
    values = features.predict(images.astype("float32"), verbose=0)
    mean = values.mean(axis=0)
    # Ridge regression of logits of 4 for the class and -1 for the others.
    targets = 5.0 * np.eye(5)[labels] - 1.0
    centered = values - mean
    covariance = centered.T @ centered
    ridge = 3e-1 * np.trace(covariance) / len(covariance)
    kernel = np.linalg.solve(
        covariance + ridge * np.eye(len(covariance)), centered.T @ targets
    )
    bias = targets.mean(axis=0) - mean @ kernel
    top.set_weights([kernel.astype("float32"), bias.astype("float32")])
    return model


def colors(size, count, seed):
    """Return images of squares around one of five colors, and their labels."""
    rng = np.random.default_rng(seed)
    palette = np.array(
        [[200, 60, 60], [60, 180, 60], [60, 60, 200], [190, 180, 50], [90] * 3]
    )
    labels = np.arange(count) % len(palette)
    shape = (count, -(-size[0] // 16), -(-size[1] // 16), 3)
    noise = rng.normal(0, 10, shape)
    coarse = palette[labels][:, None, None] + noise
    coarse = coarse.clip(0, 255).astype("uint8")
    fine = coarse.repeat(16, axis=1).repeat(16, axis=2)
    return fine[:, : size[0], : size[1]], labels


def confident_detector(**arguments):
    """Return a detector with random weights and high scores."""
    keras.utils.set_random_seed(0)
    model = sharpen_detector(tiny(**arguments))
    model.class_names = ("cat", "dog", "Vögel")
    return model


def sharpen_detector(model, class_deviation=1.7):
    """Draw large weights for the heads, so that some scores are high."""
    rng = np.random.default_rng(0)
    heads = ((model.class_head, class_deviation), (model.box_head, 0.5))
    for head, deviation in heads:
        for weight in head.weights:
            if weight.path.endswith("kernel"):
                values = rng.normal(0, deviation, weight.shape)
                weight.assign(values.astype("float32"))
    return model


def squares(size, count=8):
    """Return images of colored squares that differ in contrast and tint."""
    rng = np.random.default_rng(1)
    shape = (count, -(-size[0] // 16), -(-size[1] // 16), 3)
    contrast = rng.uniform(0.1, 1.0, (count, 1, 1, 1))
    tint = (1 - contrast) * rng.uniform(0, 1, (count, 1, 1, 3))
    coarse = 255 * (rng.uniform(0, 1, shape) * contrast + tint)
    coarse = coarse.astype("uint8")
    fine = coarse.repeat(16, axis=1).repeat(16, axis=2)
    return fine[:, : size[0], : size[1]]


def image_files():
    """Return a rotated JPEG, a transparent and a gray PNG of three sizes."""
    rng = np.random.default_rng(11)
    noise = rng.integers(0, 256, (6, 5, 4), "uint8")
    image = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 8
    return [
        encode(image.convert("RGB").resize((91, 133), 3), "JPEG", exif=exif),
        encode(image.resize((31, 70), 3), "PNG"),
        encode(image.convert("L").resize((200, 64), 3), "PNG"),
    ]


def encode(image, form, **options):
    """Return the bytes of an image file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def prepare(files, preprocessing):
    """Return the network's input for image files."""
    images = [preprocessing(load_image(file)) for file in files]
    return np.stack(images).astype("float32")


def run_signature(signature, **inputs):
    """Return the outputs of a signature of a SavedModel as arrays."""
    import tensorflow as tf

    inputs = {name: tf.constant(value) for name, value in inputs.items()}
    return {name: x.numpy() for name, x in signature(**inputs).items()}


def as_rows(detections, count=15):
    """Convert `Detections` to the arrays that an export returns."""
    return {
        "boxes": np.stack([_padded(d.boxes, count) for d in detections]),
        "scores": np.stack([_padded(d.scores, count) for d in detections]),
        "labels": np.stack([_padded(d.labels, count) for d in detections]),
        "num_detections": np.array([len(d) for d in detections]),
    }


def _padded(values, count):
    return np.concatenate(
        [values, np.zeros((count - len(values), *values.shape[1:]))]
    ).astype(values.dtype)


class ForeignError(Exception):
    """An exception that the parent of a child process might not know."""


def names_of(model, *arguments):
    """A function to call in a child process."""
    return model.output_shape, *arguments


def raise_error(model, error):
    """A function that fails in a child process."""
    raise error
