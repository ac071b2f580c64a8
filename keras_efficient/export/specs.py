"""The description of a model that its export is written from."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import keras
import numpy as np

from keras_efficient import postprocessing
from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data import DetectionPreprocessing
from keras_efficient.inference.class_outputs import ClassOutputs
from keras_efficient.inference.class_outputs import outputs_of
from keras_efficient.inference.model_images import images_of
from keras_efficient.layers.data_format import channels_of
from keras_efficient.models.detection_model import DetectionModel

# The defaults of `detect`.
DETECTION_OPTIONS = {
    "score_threshold": 0.3,
    "iou_threshold": 0.5,
    "max_detections": 100,
    "nms": "soft",
    "class_agnostic": False,
}
# Options of classifiers, as of `inference.classify`.
CLASSIFICATION_OPTIONS = ("exclusive", "threshold")
Preprocessing: TypeAlias = ClassificationPreprocessing | DetectionPreprocessing


@dataclasses.dataclass(frozen=True)
class ClassificationSpec:
    """Inputs and outputs of a classifier.

    Attributes:
        image_size: `(height, width)` of the model's input, with `None` for a
            side of any length.
        is_channels_first: Boolean, whether the model expects images of shape
            `(channels, height, width)`.
        outputs: What the model's outputs mean.
        class_names: Names of the classes in the order of the outputs; or of
            both classes of a single output, that of high probabilities second.
        preprocessing: Conversion of a decoded image to the model's input.
        channels: Integer, number of channels of the images.
    """

    image_size: tuple[int | None, int | None]
    is_channels_first: bool
    outputs: ClassOutputs
    class_names: tuple[str, ...]
    preprocessing: ClassificationPreprocessing
    channels: int = 3

    def of_prepared_images(self) -> "ClassificationSpec":
        """Return the description of an export that crops no image."""
        whole = dataclasses.replace(self.preprocessing, crop_fraction=None)
        return dataclasses.replace(self, preprocessing=whole)

    @property
    def from_logits(self) -> bool:
        """Whether the export applies a softmax or a sigmoid."""
        return self.outputs.from_logits

    @property
    def has_label(self) -> bool:
        """Whether exactly one class is predicted for each image."""
        is_binary = len(self.class_names) > self.outputs.number
        return self.outputs.exclusive or is_binary

    @property
    def output_names(self) -> list[str]:
        """Names of the numeric outputs, in order."""
        return ["probabilities", "label" if self.has_label else "predicted"]

    def metadata(self) -> dict[str, Any]:
        """Return the description that is stored in the export, for JSON."""
        return {
            "task": "classification",
            "image_size": list(self.image_size),
            "is_channels_first": self.is_channels_first,
            "channels": self.channels,
            "from_logits": self.outputs.from_logits,
            "exclusive": self.outputs.exclusive,
            "threshold": self.outputs.threshold,
            "num_outputs": self.outputs.number,
            "class_names": list(self.class_names),
            "preprocessing": self.preprocessing.to_config(),
        }


@dataclasses.dataclass(frozen=True, eq=False)
class DetectionSpec:
    """Inputs and outputs of a detector.

    Attributes:
        image_size: `(height, width)` of the network's input.
        is_channels_first: Boolean, whether the network expects images of
            shape `(channels, height, width)`.
        class_names: Names of the classes in the order of the outputs.
        preprocessing: Conversion of a decoded image to the network's input.
        options: Keyword arguments of `postprocessing.postprocess`.
        anchors: Array of shape `(num_anchors, 4)`, `yxyx` in pixels of the
            network's input.
        anchor_arguments: The arguments of `ops.generate_anchors`, except for
            the image size, that return `anchors`.
        channels: Integer, number of channels of the images.
    """

    image_size: tuple[int, int]
    is_channels_first: bool
    class_names: tuple[str, ...]
    preprocessing: DetectionPreprocessing
    options: dict[str, Any]
    anchors: np.ndarray
    anchor_arguments: dict[str, Any]
    channels: int = 3

    @property
    def output_names(self) -> list[str]:
        """Names of the numeric outputs, in order."""
        return ["boxes", "scores", "labels", "num_detections"]

    def metadata(self) -> dict[str, Any]:
        """Return the description that is stored in the export, for JSON."""
        return {
            "task": "detection",
            "image_size": list(self.image_size),
            "is_channels_first": self.is_channels_first,
            "channels": self.channels,
            "class_names": list(self.class_names),
            "preprocessing": self.preprocessing.to_config(),
            "options": dict(self.options),
            "anchors": dict(self.anchor_arguments),
        }


Spec: TypeAlias = ClassificationSpec | DetectionSpec


def describe(
    model: keras.Model,
    class_names: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    from_logits: bool | None = None,
    options: Mapping[str, Any] | None = None,
) -> Spec:
    """Describe a model for its export.

    Args:
        model: An `EfficientDet`, or a classifier: a functional or Sequential
            `keras.Model`.
        class_names: Sequence of strings in the order of the outputs. Defaults
            to the names stored with the model, or else to the labels.
        preprocessing: A `data.ClassificationPreprocessing` or, for a
            detector, a `data.DetectionPreprocessing`. Defaults to the
            preprocessing of evaluation at the size of the model's input.
        from_logits: Boolean, whether a classifier's outputs need a softmax.
            Defaults to the activation of the last layer.
        options: For detectors: keyword arguments of
            `postprocessing.postprocess` that replace the defaults of
            `detect`. For classifiers: `exclusive` and `threshold`; see
            `inference.outputs_of`.

    Returns:
        A `ClassificationSpec` or a `DetectionSpec`.

    Raises:
        TypeError: If an argument has a wrong type, or does not apply to the
            model's task.
        ValueError: If the model is neither a detector nor an image
            classifier, or if an argument does not match the model.

    Example:
    >>> from keras_efficient.export.specs import describe
    >>> images = keras.Input((32, 48, 3))
    >>> features = keras.layers.GlobalAveragePooling2D()(images)
    >>> model = keras.Model(images, keras.layers.Dense(2)(features))
    >>> spec = describe(model, class_names=("cat", "dog"))
    >>> spec.image_size, spec.outputs.from_logits, spec.preprocessing.size
    ((32, 48), True, (32, 48))
    """
    if isinstance(model, DetectionModel):
        if from_logits is not None:
            raise TypeError(
                "`from_logits` applies to classifiers only, and the model is "
                f"a detector. Received: from_logits={from_logits}"
            )
        wrong = sorted(set(options or ()) & set(CLASSIFICATION_OPTIONS))
        if wrong:
            raise TypeError(
                "These arguments apply to classifiers only, and the model is "
                f"a detector: {', '.join(wrong)}"
            )
        return _describe_detection(model, class_names, preprocessing, options)
    unknown = sorted(set(options or ()) - set(CLASSIFICATION_OPTIONS))
    if unknown:
        raise TypeError(
            "These arguments apply to detectors only, and the model is a "
            f"{type(model).__name__}: {', '.join(unknown)}"
        )
    return _describe_classification(
        model, class_names, preprocessing, from_logits, **(options or {})
    )


def fill_inputs(model: keras.Model, images: Any) -> Any:
    """Arrange one tensor in the structure of a model's input.

    Args:
        model: A `keras.Model` with one input.
        images: A tensor or an array.

    Returns:
        `images`, or a list or dictionary that contains it.
    """
    if isinstance(model, keras.Sequential):  # has no `input`
        return images
    return keras.tree.map_structure(lambda _: images, model.input)


def network_function(
    model: keras.Model, spec: Spec
) -> Callable[[np.ndarray], Any]:
    """Return a function that runs a network on its own backend.

    Args:
        model: A `keras.Model` with one input.
        spec: The description of the model.

    Returns:
        A function from pixels of shape `(batch, height, width, channels)` to
        the outputs of the model, as NumPy arrays.
    """

    def run(pixels: np.ndarray) -> Any:
        inputs = np.asarray(pixels, "float32")
        if spec.is_channels_first:
            inputs = np.transpose(inputs, (0, 3, 1, 2))
        return model.predict_on_batch(fill_inputs(model, inputs))

    return run


def without_training(model: keras.Model) -> keras.Model:
    """Return a model of the same layers without optimizer, loss and metrics.

    Args:
        model: A `keras.Model`.

    Returns:
        A plain `keras.Model`, or `model` if its class overrides `call`.
    """
    if isinstance(model, DetectionModel):
        return keras.Model(model.inputs[0], model.output, name=model.name)
    inputs = fill_inputs(model, model.inputs[0])
    plain_model = keras.Model(inputs, model.outputs[0], name=model.name)
    if type(model).call in (type(plain_model).call, keras.Sequential.call):
        return plain_model
    return model


def _describe_classification(
    model: keras.Model,
    class_names: Sequence[str] | None,
    preprocessing: Any,
    from_logits: bool | None,
    exclusive: bool | None = None,
    threshold: float | None = None,
) -> ClassificationSpec:
    _check_classifier(model)
    images = images_of(model)
    outputs = outputs_of(model, from_logits, exclusive, threshold)
    if class_names is None:
        class_names = getattr(model, "class_names", None)
    return ClassificationSpec(
        image_size=images.size,
        is_channels_first=images.is_channels_first,
        outputs=outputs,
        class_names=_standardize_names(class_names, outputs.name_counts),
        preprocessing=_standardize_preprocessing(
            preprocessing, ClassificationPreprocessing, images.size
        ),
        channels=images.channels,
    )


def _describe_detection(
    model: Any,
    class_names: Sequence[str] | None,
    preprocessing: Any,
    options: Mapping[str, Any] | None,
) -> DetectionSpec:
    if class_names is None:
        class_names = model.class_names
    names = _standardize_names(class_names, (model.num_classes,))
    preprocessing = _standardize_preprocessing(
        preprocessing, DetectionPreprocessing, model.image_size
    )
    options = {**DETECTION_OPTIONS, **(options or {})}
    postprocessing.check_options(**options)
    return DetectionSpec(
        image_size=preprocessing.size,
        is_channels_first=model.class_head.data_format == "channels_first",
        class_names=names,
        preprocessing=preprocessing,
        options=options,
        anchors=model.generate_anchors(preprocessing.size),
        anchor_arguments=model.anchor_arguments,
        channels=channels_of(
            tuple(model.inputs[0].shape), model.class_head.data_format
        ),
    )


def _check_classifier(model: Any) -> None:
    """Raise an error if a model is not a classifier of images."""
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"`model` must be a `keras.Model`. Received: {type(model)}"
        )
    try:
        shapes = [tuple(x.shape) for x in model.inputs + model.outputs]
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            "The model must be a functional or a Sequential model, and built, "
            "so that its inputs and outputs are known. Received: "
            f"model={model.name!r} of type {type(model).__name__}"
        ) from error
    is_classifier = [len(shape) for shape in shapes] == [4, 2] and bool(
        shapes[1][1]
    )
    if not is_classifier:
        raise ValueError(
            "The model must map images, (batch, height, width, channels) or "
            "(batch, channels, height, width), to one number for each class, "
            "(batch, classes). Received: "
            f"model={model.name!r} with the inputs "
            f"{shapes[: len(model.inputs)]} and the outputs "
            f"{shapes[len(model.inputs) :]}"
        )


def _standardize_names(
    class_names: Sequence[str] | None, counts: Sequence[int]
) -> tuple[str, ...]:
    if class_names is None:
        return tuple(str(label) for label in range(counts[0]))
    if isinstance(class_names, str):
        class_names = (class_names,)
    names = tuple(class_names)
    if len(names) not in counts:
        accepted = " or ".join(map(str, counts))
        raise ValueError(
            f"`class_names` must have {accepted} names, one for each class "
            f"of the model. Received: {len(names)} names, starting with "
            f"{names[:5]}"
        )
    others = [name for name in names if not isinstance(name, str)]
    if others:
        raise ValueError(
            f"`class_names` must be strings. Received: {others[0]!r}"
        )
    return names


def _standardize_preprocessing(
    preprocessing: Any, kind: Any, image_size: Sequence[int | None]
) -> Any:
    """Return preprocessing of class `kind` for a model's input size."""
    name = kind.__name__
    if preprocessing is None and None in image_size:
        raise ValueError(
            "The model accepts images of any size. Pass the size to convert "
            f"them to: `preprocessing=keras_efficient.data.{name}((height, "
            "width))`. Received: preprocessing=None, and the model's input "
            f"size is {image_size}"
        )
    if preprocessing is None:
        preprocessing = kind(image_size)
    if not isinstance(preprocessing, kind):
        raise TypeError(
            f"`preprocessing` must be a `keras_efficient.data.{name}`. "
            f"Received: preprocessing={preprocessing!r}"
        )
    pairs = zip(image_size, preprocessing.size, strict=True)
    if any(side not in (None, given) for side, given in pairs):
        raise ValueError(
            f"The model expects images of (height, width) {image_size}, but "
            f"`preprocessing` returns {preprocessing.size}. Received: "
            f"preprocessing={preprocessing}"
        )
    return preprocessing
