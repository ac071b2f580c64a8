"""The comparison of an export with its model fails where it should."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_efficient.data import ImagePreprocessing
from keras_efficient.data import load_image
from keras_efficient.export import ExportMismatchError
from keras_efficient.export.classifier_spec import describe_classifier
from keras_efficient.export.verification import Check
from keras_efficient.export.verification import make_check

tf = pytest.importorskip("tensorflow")

PROBABILITIES = np.array([[0.2, 0.8], [0.7, 0.3], [0.6, 0.4]], "float32")
CHECK = Check(
    files=[b"first", b"second"],
    images=np.zeros((3, 4, 6, 3), "float32"),
    probabilities=PROBABILITIES,
    class_names=("cat", "Hündin"),
    tolerance=1e-5,
)


def write_answers(folder, probabilities, labels, names):
    """A SavedModel with both signatures that answers the same to anything."""
    module = tf.Module()

    def answer(batch):
        return {
            "probabilities": tf.constant(probabilities)[:batch],
            "label": tf.constant(labels, tf.int64)[:batch],
            "class_name": tf.constant(names)[:batch],
        }

    module.of_files = tf.function(
        lambda image_bytes: answer(tf.shape(image_bytes)[0]),
        input_signature=[tf.TensorSpec((None,), tf.string, "image_bytes")],
    )
    module.of_images = tf.function(
        lambda images: answer(tf.shape(images)[0]),
        input_signature=[tf.TensorSpec((None, 4, 6, 3), tf.float32, "images")],
    )
    tf.saved_model.save(
        module,
        str(folder),
        {"serving_default": module.of_files, "images": module.of_images},
    )


def changed(row, column, value):
    probabilities = PROBABILITIES.copy()
    probabilities[row, column] = value
    return probabilities


@pytest.mark.parametrize(
    "probabilities, labels, names, message",
    [
        (PROBABILITIES, [1, 0, 0], ["Hündin", "cat", "cat"], None),
        (changed(0, 0, 0.200008), [1, 0, 0], ["Hündin", "cat", "cat"], None),
        (
            changed(1, 1, 0.30002),
            [1, 0, 0],
            ["Hündin", "cat", "cat"],
            "'serving_default' of the .* by 2e-05 .* allowed are 1e-05",
        ),
        (
            changed(2, 0, 0.601),
            [1, 0, 0],
            ["Hündin", "cat", "cat"],
            "'images' of the exported model differs .* by 0.001",
        ),
        (
            changed(0, 1, np.nan),
            [1, 0, 0],
            ["Hündin", "cat", "cat"],
            "by nan",
        ),
        (
            PROBABILITIES,
            [1, 1, 0],
            ["Hündin", "cat", "cat"],
            "names other classes",
        ),
        (
            PROBABILITIES,
            [1, 0, 0],
            ["Hündin", "dog", "cat"],
            "names other classes",
        ),
    ],
)
def test_compares_both_signatures(
    tmp_path, probabilities, labels, names, message
):
    write_answers(tmp_path, probabilities, labels, names)
    if message is None:
        largest = np.abs(probabilities - PROBABILITIES).max()
        assert CHECK.run(tmp_path) == pytest.approx(largest, abs=1e-9)
    else:
        with pytest.raises(ExportMismatchError, match=message):
            CHECK.run(tmp_path)


def test_check_survives_its_file(tmp_path):
    CHECK.save(tmp_path / "check.npz")
    loaded = Check.load(tmp_path / "check.npz")
    for field in dataclasses.fields(Check):
        expected = np.asarray(getattr(CHECK, field.name))
        found = np.asarray(getattr(loaded, field.name))
        np.testing.assert_array_equal(found, expected, field.name)


def linear_model(dtype=None):
    images = keras.Input((30, 22, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)
    outputs = keras.layers.Dense(2, dtype=dtype)(x)
    return keras.Model(images, outputs)


def test_asks_the_model_itself():
    model = linear_model()
    model.layers[-1].set_weights([np.eye(3, 2) / 50, np.zeros(2)])
    preprocessing = ImagePreprocessing((30, 22), None, "bilinear")
    spec = describe_classifier(model, None, preprocessing)
    check = make_check(model, spec)
    for file, image in zip(check.files, check.images, strict=False):
        np.testing.assert_array_equal(preprocessing(load_image(file)), image)
    exp = np.exp(check.images.mean(axis=(1, 2))[:, :2] / 50)
    expected = exp / exp.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(check.probabilities, expected, atol=1e-5)


def test_sample_files_need_every_step():
    model = linear_model()
    transparent, rotated = make_check(model, describe_classifier(model)).files
    assert transparent.startswith(b"\x89PNG") and b"Exif" in rotated
    # The one to be enlarged, the other to be shrunk and turned.
    assert load_image(transparent).shape == (20, 11, 3)
    assert load_image(rotated).shape == (22 * 2 + 5, 30 * 3 // 2 + 7, 3)


def test_half_precision_is_compared_coarsely():
    model = linear_model()
    check = make_check(model, describe_classifier(model))
    assert check.tolerance == 1e-5
    model = linear_model(dtype="mixed_bfloat16")
    check = make_check(model, describe_classifier(model))
    assert check.tolerance == pytest.approx(0.05 * check.probabilities.max())
