"""Does an exported model repeat its model?"""

import dataclasses
import json
import os
from collections.abc import Callable

import numpy as np

from keras_efficient.export.verification.comparison import coarse_difference
from keras_efficient.export.verification.comparison import difference
from keras_efficient.export.verification.expected_outputs import make_answers
from keras_efficient.export.verification.samples import Samples
from keras_efficient.export.verification.samples import make_samples

# Largest difference between a model and its export; see `comparison`.
TOLERANCE = 1e-5
# Of detectors, whose outputs pass through far more layers.
DETECTOR_TOLERANCE = 1e-4
# Of classifiers where the runtime works out in float32 how images of any size
# are resampled: OpenVINO has no float64. Single pixels differ by one level.
RESAMPLING_TOLERANCE = 5e-4
# Where the model, or its export, computes in less than float32.
COARSE_TOLERANCE = 0.05
DETECTOR_COARSE_TOLERANCE = 0.25
# Of int8. What it costs only a data set can tell: `validation`.
INT8_TOLERANCE = 0.5


class ExportMismatchError(RuntimeError):
    """An exported model does not repeat the model it was made from."""


@dataclasses.dataclass(frozen=True)
class Check:
    """What a model says, for its export to repeat.

    Attributes:
        samples: What is asked.
        answers: Dict from the names of the signatures to dicts of arrays.
        class_names: The classes in the order of the outputs.
        tolerance: Largest difference that is allowed.
    """

    samples: Samples
    answers: dict
    class_names: tuple[str, ...]
    tolerance: float

    def save(self, path: str | os.PathLike) -> None:
        """Writes all to one file."""
        answers = {
            f"answer/{signature}/{name}": array
            for signature, answer in self.answers.items()
            for name, array in answer.items()
        }
        np.savez(
            path,
            class_names=json.dumps(self.class_names),
            tolerance=self.tolerance,
            **self.samples.to_arrays(),
            **answers,
        )

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Check":
        """The inverse of `save`."""
        with np.load(path) as arrays:
            answers = {}
            for key in arrays:
                if key.startswith("answer/"):
                    _, signature, name = key.split("/")
                    answers.setdefault(signature, {})[name] = arrays[key]
            return cls(
                samples=Samples.classification_from_arrays(arrays),
                answers=answers,
                class_names=tuple(json.loads(str(arrays["class_names"]))),
                tolerance=float(arrays["tolerance"]),
            )

    def run(self, signatures: dict[str, Callable]) -> float:
        """Asks an exported model, in its own runtime.

        Args:
            signatures: Dict from the names of some of the signatures to
                functions from one array, or list of bytes, to a dict of
                arrays.

        Returns:
            The largest difference.

        Raises:
            ExportMismatchError: If it is above the tolerance.
        """
        questions = {
            "serving_default": self.samples.files,
            "images": self.samples.images,
            "network": self.samples.images,
            "raw": self.samples.raw,
        }
        return max(
            self._compare(name, function(questions[name]))
            for name, function in signatures.items()
        )

    def _compare(self, signature, answer):
        is_exact = self.tolerance <= DETECTOR_TOLERANCE
        measure = difference if is_exact else coarse_difference
        found = measure(self.answers[signature], answer)
        # Written so that NaN does not pass.
        if not found <= self.tolerance:
            raise ExportMismatchError(
                f"The signature {signature!r} of the exported model differs "
                f"from the model by {found:.3g}; allowed are "
                f"{self.tolerance:.3g}. Nothing was written."
            )
        self._check_names(signature, answer)
        return found

    def _check_names(self, signature, answer):
        if "class_name" in answer:
            labels = answer["probabilities"].argmax(axis=-1)
            is_right = answer["label"].tolist() == labels.tolist()
            names = answer["class_name"]
        elif "class_names" in answer:
            labels, names = answer["labels"], answer["class_names"]
            is_right = True
        else:
            return
        expected = [
            self.class_names[label].encode() if label >= 0 else b""
            for label in labels.ravel()
        ]
        if not is_right or names.ravel().tolist() != expected:
            raise ExportMismatchError(
                f"The signature {signature!r} of the exported model names "
                f"other classes than its numbers say: {answer}. Nothing was "
                "written."
            )


def make_check(
    model,
    spec,
    photos=(),
    image_size=None,
    precision="float32",
    has_float64=True,
) -> Check:
    """Asks a model, on its own backend, what its export is to repeat.

    Args:
        model: A `keras.Model`.
        spec: Its `ClassificationSpec` or `DetectionSpec`.
        photos: Image files to try it on. Defaults to drawn ones.
        image_size: `(height, width)` of the images that the export takes, or
            `None` for any.
        precision: String, in what the export computes. Defaults to
            `"float32"`.
        has_float64: Boolean, whether the export's runtime has float64.
            Defaults to `True`.

    Returns:
        A `Check`.

    Example:
    >>> from keras_efficient.export.specs import describe
    >>> from keras_efficient.export.verification.check import make_check
    >>> images = keras.Input((32, 48, 3))
    >>> features = keras.layers.GlobalAveragePooling2D()(images)
    >>> model = keras.Model(images, keras.layers.Dense(2)(features))
    >>> check = make_check(model, describe(model, None, None, None, {}))
    >>> check.answers["raw"]["probabilities"].shape, check.tolerance
    ((2, 2), 1e-05)
    """
    samples = make_samples(spec.preprocessing.size, photos, image_size)
    answers = make_answers(model, spec, samples)
    tolerance = _tolerance(model, answers["raw"], precision)
    if tolerance == TOLERANCE and not has_float64 and image_size is None:
        tolerance = RESAMPLING_TOLERANCE
    return Check(samples, answers, tuple(spec.class_names), tolerance)


def _tolerance(model, raw, precision):
    is_classifier = "probabilities" in raw
    if precision == "int8":
        return INT8_TOLERANCE
    if precision == "float32" and _is_exact(model):
        return TOLERANCE if is_classifier else DETECTOR_TOLERANCE
    if is_classifier:
        return float(COARSE_TOLERANCE * raw["probabilities"].max())
    return DETECTOR_COARSE_TOLERANCE


def _is_exact(model):
    """Whether a model computes in all digits of float32."""
    dtypes = {layer.compute_dtype for layer in model._flatten_layers()}
    devices = {
        str(getattr(variable.value, "device", "cpu")).lower()
        for variable in model.variables
    }
    # Accelerators may round what goes into a convolution.
    return dtypes <= {"float32", "float64"} and all(
        "cpu" in device or not device for device in devices
    )
