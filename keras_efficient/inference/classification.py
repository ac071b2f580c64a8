"""Images of any size through a classifier."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.inference.image_batches import as_list
from keras_efficient.inference.image_batches import check_batch_size
from keras_efficient.inference.image_batches import read_batches
from keras_efficient.inference.logits import ends_in_logits
from keras_efficient.inference.predictor import predictor_of


@dataclasses.dataclass(frozen=True, repr=False)
class Classification:
    """The most probable classes of one image, the most probable first.

    Attributes:
        labels: Int32 array `(number,)`, classes from 0.
        probabilities: Float32 array `(number,)`, in `[0, 1]`.
        class_names: Tuple of all classes' names, or `None`.
        image: Where the image came from: path, bytes, PIL image or array.

    Example:
    >>> keras_efficient.inference.Classification(
    ...     labels=np.array([1, 0], "int32"),
    ...     probabilities=np.array([0.75, 0.25], "float32"),
    ...     class_names=("cat", "dog"),
    ... )
    Classification: dog 75.0%, cat 25.0%
    """

    labels: np.ndarray
    probabilities: np.ndarray
    class_names: Sequence[str] | None = None
    image: Any = None

    def __len__(self):
        return len(self.labels)

    @property
    def names(self) -> list[str]:
        """Name of each of the classes, or its number."""
        if self.class_names is None:
            return [str(label) for label in self.labels]
        return [self.class_names[label] for label in self.labels]

    def to_dict(self) -> dict:
        """Plain numbers and strings, for JSON."""
        return {
            "labels": [int(label) for label in self.labels],
            "probabilities": [float(share) for share in self.probabilities],
            "names": self.names,
        }

    def __repr__(self):
        shares = ", ".join(
            f"{name} {share:.1%}"
            for name, share in zip(self.names, self.probabilities, strict=True)
        )
        return f"Classification: {shares}"


def classify(
    model,
    images,
    *,
    top=5,
    class_names=None,
    batch_size=8,
    preprocessing=None,
    from_logits=None,
    dtype=None,
):
    """Names what images of any size show.

    The network runs fused and compiled, see `Predictor`, made at the first
    call for a size of batch. While it works on a batch, the images of the
    next are read.

    Args:
        model: A functional or Sequential `keras.Model` from one image to one
            number for each class.
        images: A path, a uint8 array `(height, width, 3)`, a PIL image or the
            bytes of a file; or a sequence of these.
        top: Integer, how many classes to give. Defaults to 5.
        class_names: Names in the order of the outputs. Defaults to `None`:
            their numbers.
        batch_size: Integer. Defaults to 8.
        preprocessing: A `data.ClassificationPreprocessing`. Defaults to that of
            evaluation, at the model's size; needed where the model takes any.
        from_logits: Boolean, whether the model's outputs need a softmax.
            Defaults to `None`: its last layer tells.
        dtype: String, in what the network computes: `"bfloat16"` is faster
            on processors that have it. Defaults to `None`: as the model does.

    Returns:
        A list of `Classification`s, one for each image.

    Raises:
        FileNotFoundError: If an image is not there.
        ValueError: If an image cannot be read, or an argument does not fit
            the model.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=2)
    >>> image = np.zeros((60, 80, 3), "uint8")
    >>> (found,) = keras_efficient.inference.classify(
    ...     model, image, class_names=("cat", "dog")
    ... )
    >>> sorted(found.names)
    ['cat', 'dog']
    """
    images = as_list(images)
    # Each size of batch is compiled anew: one image, or a whole batch.
    found = classify_each(
        model,
        images,
        top=top,
        class_names=class_names,
        batch_size=1 if len(images) == 1 else batch_size,
        preprocessing=preprocessing,
        from_logits=from_logits,
        dtype=dtype,
    )
    return list(found)


def classify_each(
    model,
    images,
    *,
    top=5,
    class_names=None,
    batch_size=8,
    preprocessing=None,
    from_logits=None,
    dtype=None,
    on_error=None,
):
    """Names one image after the other, without end if need be.

    As `classify`, for more images than memory holds.

    Args:
        model: As of `classify`.
        images: Iterable, also a generator, of paths, uint8 arrays
            `(height, width, 3)`, PIL images or bytes of files.
        top: Integer, how many classes to give. Defaults to 5.
        class_names: Names in the order of the outputs. Defaults to `None`:
            their numbers.
        batch_size: Integer. Defaults to 8.
        preprocessing: As of `classify`.
        from_logits: As of `classify`.
        dtype: As of `classify`.
        on_error: Function of an image that cannot be read and the error; that
            image is left out. Defaults to `None`: the error is raised.

    Returns:
        An iterator over `Classification`s, in the order of the images.

    Raises:
        FileNotFoundError: If an image is not there.
        ValueError: If an image cannot be read, or an argument does not fit
            the model.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=2)
    >>> images = (np.full((40, 50, 3), i, "uint8") for i in range(3))
    >>> found = keras_efficient.inference.classify_each(model, images, top=1)
    >>> [len(classification) for classification in found]
    [1, 1, 1]
    """
    check_batch_size(batch_size)
    is_first, size = _input_of(model)
    if preprocessing is None:
        if None in size:
            raise ValueError(
                "This model takes images of any size: pass `preprocessing`, "
                "such as `data.ClassificationPreprocessing((224, 224))`. "
                f"Received: a model for {size}"
            )
        preprocessing = ClassificationPreprocessing(size)
    num_classes = model.outputs[0].shape[-1]
    if class_names is not None and len(class_names) != num_classes:
        raise ValueError(
            f"`class_names` must have {num_classes} names, one for each "
            f"output of the model. Received: {len(class_names)} names"
        )
    if top < 1:
        raise ValueError(f"`top` must be at least 1. Received: top={top}")
    if from_logits is None:
        from_logits = ends_in_logits(model)
    names = None if class_names is None else tuple(class_names)
    batches = read_batches(
        images,
        batch_size,
        lambda source, image: (source, preprocessing(image).astype("float32")),
        on_error,
    )

    def results():
        network = None
        for batch in batches:
            network = network or predictor_of(model, dtype)
            filled = batch + batch[-1:] * (batch_size - len(batch))
            pixels = np.stack([image for _, image in filled])
            if is_first:
                pixels = pixels.transpose(0, 3, 1, 2)
            rows = _probabilities(network(pixels), from_logits)
            for (source, _), row in zip(batch, rows, strict=False):
                yield _most_probable(row, top, names, source)

    return results()


def _input_of(model):
    """Whether channels come second, and the size of images."""
    shape = tuple(model.inputs[0].shape)
    is_image = len(shape) == 4 and len(model.inputs) == 1
    is_vector = len(model.outputs) == 1 and len(model.outputs[0].shape) == 2
    if not (is_image and is_vector and 3 in (shape[1], shape[3])):
        raise ValueError(
            "The model must take images of 3 channels and give one number for "
            f"each class. Received: {model.name!r}, from {shape} to "
            f"{[tuple(x.shape) for x in model.outputs]}"
        )
    is_first = shape[3] != 3
    return is_first, shape[2:4] if is_first else shape[1:3]


def _probabilities(outputs, from_logits):
    (outputs,) = outputs if isinstance(outputs, list | tuple) else (outputs,)
    rows = ops.convert_to_numpy(ops.cast(outputs, "float32"))
    if from_logits:
        rows = np.exp(rows - rows.max(axis=-1, keepdims=True))
        rows = rows / rows.sum(axis=-1, keepdims=True)
    return rows


def _most_probable(row, top, class_names, image):
    labels = np.argsort(-row, kind="stable")[:top]
    return Classification(
        labels.astype("int32"), row[labels], class_names, image
    )
