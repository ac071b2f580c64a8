"""The outputs that an export must reproduce."""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import keras
import numpy as np

from keras_efficient.data.image_channels import FILE_CHANNELS
from keras_efficient.data.images import load_image
from keras_efficient.export.network_outputs import find_detections
from keras_efficient.export.specs import ClassificationSpec
from keras_efficient.export.specs import DetectionSpec
from keras_efficient.export.specs import Spec
from keras_efficient.export.specs import network_function
from keras_efficient.export.verification.samples import Samples
from keras_efficient.export.verification.samples import make_samples
from keras_efficient.internals import keras_internals
from keras_efficient.layers.quantized_dense import is_quantized_dense
from keras_efficient.types import PathLike

# A network as a function of a channels-last batch.
Network: TypeAlias = Callable[[np.ndarray], Any]
# Largest differences between a model and its export, as `comparison` defines
# them. Detectors have far more layers than classifiers.
TOLERANCE = 1e-5
DETECTION_TOLERANCE = 1e-4
# For classifiers with inputs of any size in a runtime without float64, which
# resamples images in float32: single pixels differ by one level, which changes
# the probabilities of trained networks by up to 1e-3.
RESAMPLING_TOLERANCE = 5e-3
# For models or exports that compute in less than float32. The tolerance of
# classifiers is relative to the highest probability.
COARSE_TOLERANCE = 0.05
COARSE_DETECTION_TOLERANCE = 0.25
# For int8, whose accuracy only a data set can tell (`validation`).
INT8_TOLERANCE = 0.5


@dataclasses.dataclass(frozen=True)
class ExpectedOutputs:
    """The outputs of a model that its export must reproduce.

    Attributes:
        samples: The inputs.
        outputs: Dictionary from the names of signatures to dictionaries of
            arrays. If a detector finds nothing in `samples.images`, comparing
            detections proves little, and `"network"` has the outputs of its
            network for them.
        class_names: Names of the classes in the order of the outputs.
        tolerance: Float, the largest difference that is accepted.
        is_coarse: Boolean, whether detections of low precision are compared,
            by `comparison.coarse_difference`.
        is_average: Boolean, whether the signature `"raw"` is compared by
            `comparison.average_difference`.
        answers: Dictionary of arrays, the answers of the model to
            `samples.files`; `None` if no file has the channels of the model.
        is_scaled: Boolean, whether the export receives the files' images
            scaled to a fixed size, so that its answers are similar only.
    """

    samples: Samples
    outputs: dict[str, dict[str, np.ndarray]]
    class_names: tuple[str, ...]
    tolerance: float
    is_coarse: bool = False
    is_average: bool = False
    answers: dict[str, np.ndarray] | None = None
    is_scaled: bool = False


def compute_expected_outputs(
    model: keras.Model,
    spec: Spec,
    photos: Sequence[PathLike | bytes] = (),
    *,
    image_size: tuple[int, int] | None = None,
    precision: str = "float32",
    has_float64: bool = True,
    network_images: Sequence[np.ndarray] | None = None,
    file_spec: Spec | None = None,
) -> ExpectedOutputs:
    """Run a model on its own backend, step by step, on sample images.

    Args:
        model: A `keras.Model`.
        spec: The description of the model.
        photos: Sequence of image files. Defaults to drawn images.
        image_size: `(height, width)` of the images that the export accepts.
            Defaults to `None`, any size.
        precision: String, the precision of the export. Defaults to
            `"float32"`.
        has_float64: Boolean, whether the runtime of the export has float64.
            Defaults to `True`.
        network_images: Images of the size of the network's input, for the
            signature `"raw"`, whose differences are averaged. Defaults to
            noise and a drawn image.
        file_spec: The description of the export, if it expects prepared
            images. Defaults to `spec`.

    Returns:
        `ExpectedOutputs`.

    Example:
    >>> from keras_efficient.export.specs import describe
    >>> from keras_efficient.export.verification import expected_outputs
    >>> images = keras.Input((32, 48, 3))
    >>> features = keras.layers.GlobalAveragePooling2D()(images)
    >>> model = keras.Model(images, keras.layers.Dense(2)(features))
    >>> expected = expected_outputs.compute_expected_outputs(
    ...     model, describe(model)
    ... )
    >>> expected.outputs["raw"]["probabilities"].shape, expected.tolerance
    ((2, 2), 1e-05)
    """
    is_exact = precision == "float32" and _computes_in_float32(model)
    samples = make_samples(
        spec.preprocessing.size, photos, image_size, spec.channels
    )
    if network_images is not None:
        raw = np.stack(network_images).astype("float32")
        samples = dataclasses.replace(samples, raw=raw)
    network = network_function(model, spec)
    if isinstance(spec, ClassificationSpec):
        own = file_spec if isinstance(file_spec, ClassificationSpec) else spec
        outputs = _classification_outputs(network, own, samples)
        scale = float(outputs["raw"]["probabilities"].max())
        exact, coarse = TOLERANCE, COARSE_TOLERANCE * scale
        if not has_float64 and image_size is None:
            exact = RESAMPLING_TOLERANCE
    else:
        outputs = _detection_outputs(network, spec, samples)
        exact, coarse = DETECTION_TOLERANCE, COARSE_DETECTION_TOLERANCE
    if precision == "int8":
        coarse = INT8_TOLERANCE
    answers = None
    if spec.channels in FILE_CHANNELS:
        answers = outputs["serving_default"] = _answers(network, spec, samples)
    return ExpectedOutputs(
        samples=samples,
        outputs=outputs,
        class_names=tuple(spec.class_names),
        tolerance=exact if is_exact else coarse,
        is_coarse=not is_exact,
        is_average=network_images is not None,
        answers=answers,
        is_scaled=image_size is not None and file_spec is None,
    )


def _classification_outputs(
    network: Network, spec: ClassificationSpec, samples: Samples
) -> dict[str, dict[str, np.ndarray]]:
    return {
        "images": _classify(network, spec, samples.images),
        "raw": _probabilities(network, spec, samples.raw),
    }


def _answers(
    network: Network, spec: Spec, samples: Samples
) -> dict[str, np.ndarray]:
    """Return what a model answers to the files."""
    files = [load_image(x, channels=spec.channels) for x in samples.files]
    if isinstance(spec, ClassificationSpec):
        return _classify(network, spec, files)
    return _detect(network, spec, files)


def _classify(
    network: Network, spec: ClassificationSpec, images: Iterable[np.ndarray]
) -> dict[str, np.ndarray]:
    pixels = np.stack([spec.preprocessing(image) for image in images])
    return _probabilities(network, spec, pixels)


def _probabilities(
    network: Network, spec: ClassificationSpec, pixels: np.ndarray
) -> dict[str, np.ndarray]:
    (outputs,) = keras.tree.flatten(network(pixels))
    outputs = np.asarray(outputs).astype("float32")
    return {"probabilities": spec.outputs.probabilities(outputs)}


def _detection_outputs(
    network: Network, spec: DetectionSpec, samples: Samples
) -> dict[str, dict[str, np.ndarray]]:
    outputs = {
        "images": _detect(network, spec, list(samples.images)),
        "raw": _float32_outputs(network(samples.raw)),
    }
    if not outputs["images"]["num_detections"].any():
        pixels = [spec.preprocessing(image)[0] for image in samples.images]
        outputs["network"] = _float32_outputs(network(np.stack(pixels)))
    return outputs


def _detect(
    network: Network, spec: DetectionSpec, images: Sequence[np.ndarray]
) -> dict[str, np.ndarray]:
    pairs = [spec.preprocessing(image) for image in images]
    pixels = np.stack([pixels for pixels, _ in pairs])
    outputs = _float32_outputs(network(pixels))
    return find_detections(
        outputs,
        spec.anchors,
        spec.options,
        scales=[scale for _, scale in pairs],
        sizes=[image.shape[:2] for image in images],
    )


def _float32_outputs(outputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(x, "float32") for name, x in outputs.items()}


def _computes_in_float32(model: keras.Model) -> bool:
    """Return whether a model computes with the full precision of float32."""
    layers = [model, *keras_internals.all_layers(model)]
    devices = {
        str(getattr(variable.value, "device", "cpu")).lower()
        for variable in model.variables
    }
    # Accelerators may round the inputs of a convolution.
    is_on_cpu = all("cpu" in device or not device for device in devices)
    dtypes = {layer.compute_dtype for layer in layers}
    # `model.quantize` also rounds the inputs of dense layers; exports do not.
    is_quantized = any(is_quantized_dense(layer) for layer in layers)
    is_float32 = dtypes <= {"float32", "float64"} and not is_quantized
    return is_on_cpu and is_float32
