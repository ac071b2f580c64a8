"""Classification of images of any size."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.inference.image_batches import as_list
from keras_efficient.inference.image_batches import check_batch_size
from keras_efficient.inference.image_batches import class_names_of
from keras_efficient.inference.image_batches import predict_batches
from keras_efficient.inference.logits import ends_in_logits
from keras_efficient.inference.logits import softmax
from keras_efficient.inference.results import Classification
from keras_efficient.types import ErrorHandler
from keras_efficient.types import ImageLike
from keras_efficient.types import Progress


def classify(
    model: keras.Model,
    images: ImageLike | Sequence[ImageLike],
    *,
    top: int = 5,
    from_logits: bool | None = None,
    class_names: Sequence[str] | None = None,
    batch_size: int = 8,
    preprocessing: ClassificationPreprocessing | None = None,
    dtype: str | None = None,
    progress: Progress | None = None,
) -> list[Classification]:
    """Classify images of any size.

    The network is fused and compiled at the first call with a batch size; see
    `Predictor`. The next batch of images is read while the network computes.

    Args:
        model: A functional or Sequential `keras.Model` with one image as input
            and one output for each class.
        images: A path, a uint8 array `(height, width, 3)`, a PIL image or the
            bytes of a file; or a sequence of these.
        top: Integer, number of classes to return for each image. Defaults to
            5.
        from_logits: Boolean, whether a softmax must be applied to the model's
            outputs. Defaults to `None`: determined from its last layer.
        class_names: Sequence of strings, in the order of the outputs. Defaults
            to `None`: `model.class_names` if the model has it, otherwise the
            labels are used as names.
        batch_size: Integer, images for each call of the network. Defaults to
            8.
        preprocessing: A `data.ClassificationPreprocessing`; required if the
            model accepts any image size. Defaults to `None`: resizing to the
            model's input size.
        dtype: String, the dtype of the computation. `"bfloat16"` is faster on
            processors that support it. Defaults to `None`: as the model.
        progress: Function of an iterator of results and their number that
            returns an iterable of the same results and shows progress, such as
            `lambda results, total: tqdm(results, total=total)`. Defaults to
            `None`.

    Returns:
        A list of `Classification`, one for each image.

    Raises:
        FileNotFoundError: If an image file does not exist.
        ValueError: If an image cannot be read, or an argument does not fit the
            model.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=2)
    >>> image = np.zeros((60, 80, 3), "uint8")
    >>> (result,) = keras_efficient.inference.classify(
    ...     model, image, class_names=("cat", "dog")
    ... )
    >>> sorted(result.names)
    ['cat', 'dog']
    """
    images = as_list(images)
    results = classify_each(
        model,
        images,
        top=top,
        from_logits=from_logits,
        class_names=class_names,
        # Each batch size is compiled separately: one image, or a full batch.
        batch_size=1 if len(images) == 1 else batch_size,
        preprocessing=preprocessing,
        dtype=dtype,
    )
    return list(results if progress is None else progress(results, len(images)))


def classify_each(
    model: keras.Model,
    images: Iterable[ImageLike],
    *,
    top: int = 5,
    from_logits: bool | None = None,
    class_names: Sequence[str] | None = None,
    batch_size: int = 8,
    preprocessing: ClassificationPreprocessing | None = None,
    dtype: str | None = None,
    on_error: ErrorHandler | None = None,
) -> Iterator[Classification]:
    """Classify a stream of images, which may be endless.

    Like `classify`, for more images than fit into memory. At most two batches
    are read ahead.

    Args:
        model: See `classify`.
        images: Iterable, such as a generator, of paths, uint8 arrays
            `(height, width, 3)`, PIL images or bytes of files.
        top: See `classify`. Defaults to 5.
        from_logits: See `classify`. Defaults to `None`.
        class_names: See `classify`. Defaults to `None`.
        batch_size: Integer, images for each call of the network; 1 for live
            images, such as those of a camera. Defaults to 8.
        preprocessing: See `classify`. Defaults to `None`.
        dtype: See `classify`. Defaults to `None`.
        on_error: Function called with an image that cannot be read and the
            exception. The image is then skipped. Defaults to `None`: the
            exception is raised.

    Returns:
        An iterator over `Classification`, in the order of the images.

    Raises:
        FileNotFoundError: If an image file does not exist.
        ValueError: If an image cannot be read, or an argument does not fit the
            model.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=2)
    >>> images = (np.full((40, 50, 3), i, "uint8") for i in range(3))
    >>> results = keras_efficient.inference.classify_each(model, images, top=1)
    >>> [len(result) for result in results]
    [1, 1, 1]
    """
    check_batch_size(batch_size)
    if top < 1:
        raise ValueError(f"`top` must be at least 1. Received: top={top}")
    channels_first, size = _image_input(model)
    resize = preprocessing or _preprocessing_for(size)
    names = class_names_of(model, class_names, model.outputs[0].shape[-1])
    if from_logits is None:
        from_logits = ends_in_logits(model)

    def prepare(image: np.ndarray) -> tuple[np.ndarray, float]:
        return resize(image).astype("float32"), 1.0

    batches = predict_batches(
        model,
        images,
        prepare,
        batch_size=batch_size,
        channels_first=channels_first,
        dtype=dtype,
        on_error=on_error,
    )

    def results() -> Iterator[Classification]:
        for batch, outputs in batches:
            rows = _probabilities(outputs, from_logits)
            for image, row in zip(batch, rows, strict=False):
                labels = np.argsort(-row, kind="stable")[:top]
                yield Classification(
                    labels.astype("int32"), row[labels], names, image.source
                )

    return results()


def _image_input(model: keras.Model) -> tuple[bool, tuple]:
    """Return whether channels come first, and `(height, width)`."""
    shape = tuple(model.inputs[0].shape)
    is_image = len(shape) == 4 and len(model.inputs) == 1
    is_vector = len(model.outputs) == 1 and len(model.outputs[0].shape) == 2
    if not (is_image and is_vector and 3 in (shape[1], shape[3])):
        raise ValueError(
            "The model must have one image with 3 channels as input and one "
            f"output for each class. Received: {model.name!r} with the input "
            f"shape {shape} and the output shapes "
            f"{[tuple(x.shape) for x in model.outputs]}"
        )
    channels_first = shape[3] != 3
    return channels_first, shape[2:4] if channels_first else shape[1:3]


def _preprocessing_for(size: tuple) -> ClassificationPreprocessing:
    if None in size:
        raise ValueError(
            "The model accepts images of any size: pass `preprocessing`, such "
            "as `data.ClassificationPreprocessing((224, 224))`. Received: a "
            f"model with the image size {size}"
        )
    return ClassificationPreprocessing(size)


def _probabilities(outputs: Any, from_logits: bool) -> np.ndarray:
    (outputs,) = keras.tree.flatten(outputs)
    rows = ops.convert_to_numpy(ops.cast(outputs, "float32"))
    return softmax(rows) if from_logits else rows
