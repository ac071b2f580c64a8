"""Does an exported classifier repeat its model?"""

import dataclasses
import io
import os
from collections.abc import Sequence

import keras
import numpy as np
from PIL import Image
from PIL import ImageDraw

from keras_efficient.data.images import load_image
from keras_efficient.export.classifier_spec import ClassifierSpec
from keras_efficient.export.classifier_spec import fill_inputs

# Largest difference of a probability between a model and its export.
TOLERANCE = 1e-5
# Where the model computes in less than float32: share of the largest one.
COARSE_TOLERANCE = 0.05
ORIENTATION_TAG = 0x0112
ROTATED = 6  # The photo has to be turned clockwise by a right angle.


class ExportMismatchError(RuntimeError):
    """An exported model does not repeat the model it was made from."""


@dataclasses.dataclass(frozen=True)
class Check:
    """What a model says, for its export to repeat.

    Attributes:
        files: Encoded images, byte strings.
        images: Array `(batch, height, width, 3)`, float32: first those of
            `files` as they reach the model, then others.
        probabilities: Array `(batch, classes)`, the model's own.
        class_names: The classes in the order of the outputs.
        tolerance: Largest difference that is allowed.
    """

    files: Sequence[bytes]
    images: np.ndarray
    probabilities: np.ndarray
    class_names: Sequence[str]
    tolerance: float

    def save(self, path: str | os.PathLike) -> None:
        """Writes all to one file."""
        files = {
            f"file_{number}": np.frombuffer(file, "uint8")
            for number, file in enumerate(self.files)
        }
        np.savez(
            path,
            images=self.images,
            probabilities=self.probabilities,
            class_names=np.array(self.class_names),
            tolerance=self.tolerance,
            **files,
        )

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Check":
        """The inverse of `save`."""
        with np.load(path) as arrays:
            numbers = range(sum(name.startswith("file_") for name in arrays))
            return cls(
                files=[arrays[f"file_{i}"].tobytes() for i in numbers],
                images=arrays["images"],
                probabilities=arrays["probabilities"],
                class_names=arrays["class_names"].tolist(),
                tolerance=float(arrays["tolerance"]),
            )

    def run(self, folder: str | os.PathLike) -> float:
        """Loads a SavedModel and compares both its signatures.

        Returns the largest difference of a probability; raises an
        `ExportMismatchError` where it is above the tolerance.
        """
        import tensorflow as tf

        signatures = tf.saved_model.load(str(folder)).signatures
        answers = {
            "serving_default": signatures["serving_default"](
                image_bytes=tf.constant(self.files)
            ),
            "images": signatures["images"](images=tf.constant(self.images)),
        }
        return max(
            self._compare(name, {key: x.numpy() for key, x in answer.items()})
            for name, answer in answers.items()
        )

    def _compare(self, signature, answer):
        found = answer["probabilities"]
        difference = float(
            np.abs(found - self.probabilities[: len(found)]).max()
        )
        # Written so that NaN does not pass.
        if not difference <= self.tolerance:
            raise ExportMismatchError(
                f"The signature {signature!r} of the exported model differs "
                f"from the model by {difference:.3g} in a probability; allowed "
                f"are {self.tolerance:.3g}. Nothing was written."
            )
        labels = found.argmax(axis=-1)
        names = [self.class_names[label].encode() for label in labels]
        if (
            answer["label"].tolist() != labels.tolist()
            or answer["class_name"].tolist() != names
        ):
            raise ExportMismatchError(
                f"The signature {signature!r} of the exported model names "
                f"other classes than its probabilities say: {answer}. Nothing "
                "was written."
            )
        return difference


def make_check(model: keras.Model, spec: ClassifierSpec) -> Check:
    """Asks a model, on its own backend, what its export is to repeat.

    Args:
        model: A `keras.Model`.
        spec: Its `ClassifierSpec`.

    Returns:
        A `Check` with two drawn image files and one image of random pixels.

    Example:
    >>> from keras_efficient.export.classifier_spec import describe_classifier
    >>> from keras_efficient.export.verification import make_check
    >>> images = keras.Input((32, 48, 3))
    >>> features = keras.layers.GlobalAveragePooling2D()(images)
    >>> model = keras.Model(images, keras.layers.Dense(2)(features))
    >>> check = make_check(model, describe_classifier(model))
    >>> check.images.shape, check.probabilities.shape
    ((3, 32, 48, 3), (3, 2))
    """
    files = _sample_files(spec.preprocessing.size)
    images = [spec.preprocessing(load_image(file)) for file in files]
    noise = np.random.default_rng(0).uniform(0, 255, images[0].shape)
    images = np.stack([*images, noise]).astype("float32")
    probabilities = _predict(model, spec, images)
    return Check(
        files=files,
        images=images,
        probabilities=probabilities,
        class_names=spec.class_names,
        tolerance=_tolerance(model, probabilities),
    )


def _predict(model, spec, images):
    inputs = images
    if spec.is_channels_first:
        inputs = np.transpose(images, (0, 3, 1, 2))
    outputs = model.predict(fill_inputs(model, inputs), verbose=0)
    (outputs,) = keras.tree.flatten(outputs)
    outputs = np.asarray(outputs).astype("float32")
    if spec.from_logits:
        outputs = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        outputs /= outputs.sum(axis=-1, keepdims=True)
    return outputs


def _tolerance(model, probabilities):
    dtypes = {layer.compute_dtype for layer in model._flatten_layers()}
    devices = {
        str(getattr(variable.value, "device", "cpu")).lower()
        for variable in model.variables
    }
    # Accelerators may round what goes into a convolution.
    is_exact = dtypes <= {"float32", "float64"} and all(
        "cpu" in device or not device for device in devices
    )
    return TOLERANCE if is_exact else COARSE_TOLERANCE * probabilities.max()


def _sample_files(size):
    """One image to be enlarged and one to be shrunk, PNG and JPEG.

    The first is transparent, the second says that it lies on its side.
    """
    height, width = size
    small = _draw(max(height * 2 // 3, 1), max(width // 2, 1), "RGBA")
    large = _draw(height * 3 // 2 + 7, width * 2 + 5, "RGB")
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = ROTATED
    files = [io.BytesIO(), io.BytesIO()]
    small.save(files[0], "PNG")
    large.save(files[1], "JPEG", quality=90, exif=exif)
    return [file.getvalue() for file in files]


def _draw(height, width, mode):
    """Gradients and shapes without any symmetry."""
    rows, columns = np.mgrid[:height, :width]
    planes = (rows / height, columns / width, (rows + columns) % 64 / 64)
    planes += (columns / width,) * (len(mode) - 3)
    pixels = np.stack(planes, axis=-1) * 255
    image = Image.fromarray(pixels.astype("uint8"))
    draw = ImageDraw.Draw(image)
    draw.ellipse(
        [width // 8, height // 5, width // 2, height // 2], fill=(230, 60, 20)
    )
    draw.line([0, height, width, height // 3], fill=(20, 90, 240), width=3)
    return image
