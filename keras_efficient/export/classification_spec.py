"""What an exported classifier needs to know of its model."""

import dataclasses
from collections.abc import Sequence

import keras

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.inference.logits import ends_in_logits


@dataclasses.dataclass(frozen=True)
class ClassificationSpec:
    """How images go in, and what the numbers that come out mean.

    Attributes:
        image_size: `(height, width)` of the model's input; `None` each where
            any size goes in.
        is_channels_first: Whether the model takes `(3, height, width)`.
        from_logits: Whether the model's outputs still need a softmax.
        class_names: The classes, in the order of the outputs.
        preprocessing: From a decoded image to the model's input.
    """

    image_size: tuple[int | None, int | None]
    is_channels_first: bool
    from_logits: bool
    class_names: tuple[str, ...]
    preprocessing: ClassificationPreprocessing

    def to_config(self) -> dict:
        """Plain lists, numbers and strings, for `from_config` and JSON."""
        return self.metadata()

    def metadata(self) -> dict:
        """What users of the exported model want to know."""
        return {
            "task": "classification",
            "image_size": list(self.image_size),
            "is_channels_first": self.is_channels_first,
            "from_logits": self.from_logits,
            "class_names": list(self.class_names),
            "preprocessing": self.preprocessing.to_config(),
        }

    @classmethod
    def from_config(cls, config: dict) -> "ClassificationSpec":
        """The inverse of `to_config`."""
        return cls(
            image_size=tuple(config["image_size"]),
            is_channels_first=config["is_channels_first"],
            from_logits=config["from_logits"],
            class_names=tuple(config["class_names"]),
            preprocessing=ClassificationPreprocessing.from_config(
                config["preprocessing"]
            ),
        )


def describe_classification(
    model: keras.Model,
    class_names: Sequence[str] | None = None,
    preprocessing: ClassificationPreprocessing | None = None,
    from_logits: bool | None = None,
) -> ClassificationSpec:
    """Reads from a model what its export needs.

    Args:
        model: A `keras.Model` from one image to one vector of classes.
        class_names: Names in the order of the outputs; `None` for their
            numbers.
        preprocessing: `None` for that of evaluation, at the model's size.
        from_logits: `None` to see it from the model's last layer.

    Returns:
        A `ClassificationSpec`.

    Raises:
        TypeError: If `model` is no Keras model.
        ValueError: If it is no classifier of images, or the other arguments
            do not fit to it.

    Example:
    >>> from keras_efficient.export import classification_spec
    >>> images = keras.Input((32, 48, 3))
    >>> features = keras.layers.GlobalAveragePooling2D()(images)
    >>> model = keras.Model(images, keras.layers.Dense(2)(features))
    >>> spec = classification_spec.describe_classification(
    ...     model, class_names=("cat", "dog")
    ... )
    >>> spec.image_size, spec.from_logits, spec.preprocessing.size
    ((32, 48), True, (32, 48))
    """
    input_shape, num_classes = _checked_shapes(model)
    is_channels_first = input_shape[3] != 3
    image_size = input_shape[2:4] if is_channels_first else input_shape[1:3]
    if from_logits is None:
        from_logits = ends_in_logits(model)
    return ClassificationSpec(
        image_size=image_size,
        is_channels_first=is_channels_first,
        from_logits=bool(from_logits),
        class_names=_checked_names(class_names, num_classes),
        preprocessing=_checked_preprocessing(preprocessing, image_size),
    )


def fill_inputs(model: keras.Model, images):
    """Puts one tensor into the structure that a model takes.

    Args:
        model: A `keras.Model` with one input.
        images: A tensor, or an array.

    Returns:
        `images`, or a list or dictionary with it, as the model was built.
    """
    if isinstance(model, keras.Sequential):  # has no `input`
        return images
    return keras.tree.map_structure(lambda _: images, model.input)


def _checked_shapes(model):
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"`model` must be a `keras.Model`. Received: {type(model)}"
        )
    try:
        shapes = [tuple(x.shape) for x in model.inputs + model.outputs]
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            "The model has no inputs and outputs to see: it must be a "
            "functional or a Sequential model, and built. Received: "
            f"model={model.name!r}, a {type(model).__name__}"
        ) from error
    is_classifier = (
        [len(shape) for shape in shapes] == [4, 2]
        and 3 in (shapes[0][3], shapes[0][1])
        and (shapes[1][1] or 0) > 1
    )
    if not is_classifier:
        raise ValueError(
            "The model must take images of 3 channels, (batch, height, width, "
            "3) or (batch, 3, height, width), and give one number for each of "
            "2 or more classes, (batch, classes). Received: "
            f"model={model.name!r} with the inputs "
            f"{shapes[: len(model.inputs)]} and the outputs "
            f"{shapes[len(model.inputs) :]}"
        )
    return shapes[0], shapes[1][1]


def _checked_names(class_names, num_classes):
    if class_names is None:
        return tuple(str(label) for label in range(num_classes))
    if isinstance(class_names, str):
        class_names = (class_names,)
    names = tuple(class_names)
    if len(names) != num_classes:
        raise ValueError(
            f"`class_names` must have {num_classes} names, one for each output "
            f"of the model. Received: {len(names)} names, {names[:5]} first"
        )
    others = [name for name in names if not isinstance(name, str)]
    if others:
        raise ValueError(
            f"`class_names` must be strings. Received: {others[0]!r}"
        )
    return names


def _checked_preprocessing(preprocessing, image_size):
    if preprocessing is None and None in image_size:
        raise ValueError(
            "The model takes images of any size; say to which size they are "
            "to be brought: `preprocessing=keras_efficient.data."
            "ClassificationPreprocessing((height, width))`. Received: "
            f"preprocessing=None, input of the model {image_size}"
        )
    preprocessing = preprocessing or ClassificationPreprocessing(image_size)
    if not isinstance(preprocessing, ClassificationPreprocessing):
        raise TypeError(
            "`preprocessing` must be a `keras_efficient.data."
            "ClassificationPreprocessing`. "
            f"Received: preprocessing={preprocessing!r}"
        )
    pairs = zip(image_size, preprocessing.size, strict=True)
    if any(side not in (None, given) for side, given in pairs):
        raise ValueError(
            f"The model takes images of (height, width) {image_size}, and "
            f"`preprocessing` gives {preprocessing.size}. Received: "
            f"preprocessing={preprocessing}"
        )
    return preprocessing
