"""Classification of images of any size."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.inference.class_outputs import ClassOutputs
from keras_efficient.inference.class_outputs import outputs_of
from keras_efficient.inference.image_batches import as_list
from keras_efficient.inference.image_batches import check_batch_size
from keras_efficient.inference.image_batches import class_names_of
from keras_efficient.inference.image_batches import predict_batches
from keras_efficient.inference.model_images import images_of
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
    exclusive: bool | None = None,
    threshold: float | None = None,
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
            bytes of a file; or a sequence of these. They are converted to the
            channels of the model: gray, RGB or RGBA; other numbers require
            arrays `(height, width, channels)`.
        top: Integer, number of classes to return for each image. Defaults to
            5.
        from_logits: Boolean, whether a softmax must be applied to the model's
            outputs; a sigmoid if `exclusive` is `False`. Defaults to `None`:
            determined from its last layer.
        exclusive: Boolean, whether exactly one class is right for an image.
            Defaults to `None`: whether the last layer has a softmax, or
            several logits; `model.exclusive` takes precedence.
        threshold: Float in `[0, 1]`, probability from which on a class is
            predicted, if classes do not exclude each other. Defaults to
            `None`: `model.threshold` if the model has it, or else 0.5.
        class_names: Sequence of strings, in the order of the outputs; of one
            output the name of its class, or the names of both classes, that
            of high probabilities second. Defaults to `None`:
            `model.class_names` if the model has it, otherwise the labels are
            used as names.
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
        exclusive=exclusive,
        threshold=threshold,
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
    exclusive: bool | None = None,
    threshold: float | None = None,
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
        exclusive: See `classify`. Defaults to `None`.
        threshold: See `classify`. Defaults to `None`.
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
    >>> images = (np.full((40, 50, 3), 50 * i, "uint8") for i in range(3))
    >>> results = keras_efficient.inference.classify_each(model, images, top=1)
    >>> [len(result) for result in results]
    [1, 1, 1]
    """
    check_batch_size(batch_size)
    if top < 1:
        raise ValueError(f"`top` must be at least 1. Received: top={top}")
    expected = images_of(model)
    kind = outputs_of(model, from_logits, exclusive, threshold)
    resize = preprocessing or _preprocessing_for(expected.size)
    names = class_names_of(model, class_names, kind.name_counts)

    def prepare(image: np.ndarray) -> tuple[np.ndarray, float]:
        return resize(image).astype("float32"), 1.0

    batches = predict_batches(
        model,
        images,
        prepare,
        batch_size=batch_size,
        channels_first=expected.is_channels_first,
        channels=expected.channels,
        dtype=dtype,
        on_error=on_error,
    )

    def results() -> Iterator[Classification]:
        for batch, outputs in batches:
            (outputs,) = keras.tree.flatten(outputs)
            values = ops.convert_to_numpy(ops.cast(outputs, "float32"))
            rows = kind.probabilities(values)
            for image, row in zip(batch, rows, strict=False):
                yield result_of(kind, row, names, top, image.source)

    return results()


def result_of(
    kind: ClassOutputs,
    probabilities: np.ndarray,
    class_names: tuple[str, ...] | None,
    top: int,
    image: ImageLike,
) -> Classification:
    """Return the result for one image.

    Args:
        kind: What the outputs of the model mean.
        probabilities: Float32 array `(number,)`.
        class_names: Names of the classes, or `None`.
        top: Integer, number of classes to return.
        image: The image.

    Returns:
        A `Classification`.
    """
    predicted = kind.predicted(probabilities[None])[0]
    is_binary = class_names is not None and len(class_names) > kind.number
    if is_binary:
        probabilities = np.append(1 - probabilities, probabilities)
        predicted = np.append(~predicted, predicted)
    # The predicted classes are first, also with a threshold other than 0.5.
    order = -probabilities - 2 * predicted if is_binary else -probabilities
    labels = np.argsort(order, kind="stable")[:top]
    return Classification(
        labels.astype("int32"),
        probabilities[labels],
        class_names,
        image,
        predicted[labels],
    )


def _preprocessing_for(size: tuple) -> ClassificationPreprocessing:
    if None in size:
        raise ValueError(
            "The model accepts images of any size: pass `preprocessing`, such "
            "as `data.ClassificationPreprocessing((224, 224))`. Received: a "
            f"model with the image size {size}"
        )
    return ClassificationPreprocessing(size)
