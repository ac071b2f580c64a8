"""Detection of objects in images of any size."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_efficient import kernels
from keras_efficient.data.letterbox import DetectionPreprocessing
from keras_efficient.inference.image_batches import PreparedImage
from keras_efficient.inference.image_batches import as_list
from keras_efficient.inference.image_batches import check_batch_size
from keras_efficient.inference.image_batches import class_names_of
from keras_efficient.inference.image_batches import predict_batches
from keras_efficient.inference.predictor import MAX_SHAPES
from keras_efficient.inference.predictor import cache_of
from keras_efficient.inference.results import Detections
from keras_efficient.internals.bounded_cache import BoundedCache
from keras_efficient.layers.data_format import channels_of
from keras_efficient.postprocessing import check_options
from keras_efficient.postprocessing import postprocess
from keras_efficient.types import ErrorHandler
from keras_efficient.types import ImageLike
from keras_efficient.types import Progress

# Attribute of a model that holds its compiled postprocessing functions.
CACHE = "_compiled_postprocessing"
# Arguments of `postprocess` that are inputs of the compiled function.
THRESHOLDS = ("score_threshold", "iou_threshold", "sigma")


def detect(
    model: keras.Model,
    images: ImageLike | Sequence[ImageLike],
    *,
    score_threshold: float = 0.3,
    iou_threshold: float = 0.5,
    max_detections: int = 100,
    nms: str = "soft",
    class_agnostic: bool = False,
    class_names: Sequence[str] | None = None,
    batch_size: int = 4,
    preprocessing: DetectionPreprocessing | None = None,
    dtype: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> list[Detections]:
    """Detect objects in images of any size.

    The network is fused and compiled at the first call with a batch size; see
    `Predictor`. The next batch of images is read while the network computes.

    Args:
        model: An `EfficientDet`.
        images: A path, a uint8 array `(height, width, 3)`, a PIL image or the
            bytes of a file; or a sequence of these. They are converted to the
            channels of the model, as by `classify`.
        score_threshold: Float in `[0, 1]`, lowest score of a detection. Soft
            suppression lowers the scores of overlapping boxes. Defaults to
            0.3.
        iou_threshold: Float in `[0, 1]`; hard suppression removes boxes that
            overlap more. Defaults to 0.5.
        max_detections: Integer, largest number of detections in one image.
            Defaults to 100.
        nms: `"soft"` or `"hard"`, the non-maximum suppression. Defaults to
            `"soft"`.
        class_agnostic: Boolean, whether boxes of different classes suppress
            each other. Defaults to `False`.
        class_names: Sequence of strings, in the order of the labels. Defaults
            to `None`: `model.class_names` if it is set, otherwise the labels
            are used as names.
        batch_size: Integer, images for each call of the network. Defaults to
            4.
        preprocessing: A `data.DetectionPreprocessing`; required if the model
            accepts any image size. Defaults to `None`: scaling and padding to
            the model's input size.
        dtype: String, the dtype of the computation. `"bfloat16"` is faster on
            processors that support it, and may change scores by some
            thousandths. Defaults to `None`: as the model.
        progress: Function of an iterator of results and their number that
            returns an iterable of the same results and shows progress, such as
            `lambda results, total: tqdm(results, total=total)`. Defaults to
            `None`.
        **options: `sigma`, `candidates`, `max_candidates` and `clip` of
            `postprocessing.postprocess`.

    Returns:
        A list of `Detections`, one for each image, with boxes in pixels of
        that image.

    Raises:
        FileNotFoundError: If an image file does not exist.
        ValueError: If an image cannot be read, or an argument is out of range.

    Example:
    ```python
    model = keras_efficient.EfficientDetD0()
    for result in keras_efficient.inference.detect(model, ["a.jpg", "b.jpg"]):
        print(result)
    ```
    """
    images = as_list(images)
    results = detect_each(
        model,
        images,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
        nms=nms,
        class_agnostic=class_agnostic,
        class_names=class_names,
        # Each batch size is compiled separately: one image, or a full batch.
        batch_size=1 if len(images) == 1 else batch_size,
        preprocessing=preprocessing,
        dtype=dtype,
        **options,
    )
    return list(results if progress is None else progress(results, len(images)))


def detect_each(
    model: keras.Model,
    images: Iterable[ImageLike],
    *,
    score_threshold: float = 0.3,
    iou_threshold: float = 0.5,
    max_detections: int = 100,
    nms: str = "soft",
    class_agnostic: bool = False,
    class_names: Sequence[str] | None = None,
    batch_size: int = 4,
    preprocessing: DetectionPreprocessing | None = None,
    dtype: str | None = None,
    on_error: ErrorHandler | None = None,
    **options: Any,
) -> Iterator[Detections]:
    """Detect objects in a stream of images, which may be endless.

    Like `detect`, for more images than fit into memory, such as a large folder
    or a video. At most two batches are read ahead.

    Args:
        model: An `EfficientDet`.
        images: Iterable, such as a generator, of paths, uint8 arrays
            `(height, width, 3)`, PIL images or bytes of files.
        score_threshold: See `detect`. Defaults to 0.3.
        iou_threshold: See `detect`. Defaults to 0.5.
        max_detections: See `detect`. Defaults to 100.
        nms: See `detect`. Defaults to `"soft"`.
        class_agnostic: See `detect`. Defaults to `False`.
        class_names: See `detect`. Defaults to `None`.
        batch_size: Integer, images for each call of the network; 1 for live
            images, such as those of a camera. Defaults to 4.
        preprocessing: See `detect`. Defaults to `None`.
        dtype: See `detect`. Defaults to `None`.
        on_error: Function called with an image that cannot be read and the
            exception. The image is then skipped. Defaults to `None`: the
            exception is raised.
        **options: See `detect`.

    Returns:
        An iterator over `Detections`, in the order of the images.

    Raises:
        FileNotFoundError: If an image file does not exist.
        ValueError: If an image cannot be read, or an argument is out of range.

    Example:
    ```python
    model = keras_efficient.EfficientDetD0()
    for result in keras_efficient.inference.detect_each(
        model, ["a.jpg", "b.jpg"], score_threshold=0.5
    ):
        print(result.image, len(result))
    ```
    """
    check_batch_size(batch_size)
    letterbox = preprocessing or _preprocessing_for(model.image_size)
    names = class_names_of(model, class_names, model.num_classes)
    options = {
        "score_threshold": score_threshold,
        "iou_threshold": iou_threshold,
        "max_detections": max_detections,
        "nms": nms,
        "class_agnostic": class_agnostic,
        **options,
    }
    check_options(**options)
    batches = predict_batches(
        model,
        images,
        lambda image: letterbox(image, exact=False),
        batch_size=batch_size,
        channels_first=model.class_head.data_format == "channels_first",
        channels=channels_of(
            tuple(model.inputs[0].shape), model.class_head.data_format
        ),
        dtype=dtype,
        on_error=on_error,
    )

    def results() -> Iterator[Detections]:
        for batch, outputs in batches:
            rows = _postprocess(model, letterbox.size, options, batch, outputs)
            for i, image in enumerate(batch):
                row = {name: values[i] for name, values in rows.items()}
                yield _detections(image, row, names)

    return results()


def _preprocessing_for(size: tuple) -> DetectionPreprocessing:
    if None in size:
        raise ValueError(
            "The model accepts images of any size: pass `preprocessing`, such "
            "as `data.DetectionPreprocessing((512, 512))`. Received: a model "
            f"with the image size {size}"
        )
    return DetectionPreprocessing(size)


def _postprocess(
    model: keras.Model,
    size: tuple[int, int],
    options: dict[str, Any],
    batch: list[PreparedImage],
    outputs: dict[str, Any],
) -> dict[str, np.ndarray]:
    """Return boxes, scores, labels and counts, in pixels of the network."""
    logits, deltas = outputs["class_logits"], outputs["box_deltas"]
    sizes = np.array([image.size for image in batch], "float32")
    sizes *= np.array([[image.scale] for image in batch], "float32")
    num_missing = logits.shape[0] - len(batch)
    sizes = np.pad(sizes, [(0, num_missing), (0, 0)], mode="edge")
    thresholds = {x: options[x] for x in THRESHOLDS if x in options}
    options = {x: y for x, y in options.items() if x not in thresholds}
    values = np.array(list(thresholds.values()), "float32")
    inputs = [logits, deltas, sizes, values]
    function = _compiled_postprocessing(
        model, size, options, tuple(thresholds), inputs
    )
    return {
        name: ops.convert_to_numpy(values)
        for name, values in function(*inputs).items()
    }


def _compiled_postprocessing(
    model: keras.Model,
    size: tuple[int, int],
    options: dict[str, Any],
    thresholds: tuple[str, ...],
    inputs: list[Any],
) -> Callable[..., dict[str, Any]]:
    """Return `postprocess`, compiled once for each combination of shapes.

    The thresholds are an input, so that others need no other program.
    """
    cache = cache_of(model, CACHE)
    programs = cache.setdefault("programs", BoundedCache(MAX_SHAPES))
    shapes = tuple(tuple(x.shape) for x in inputs)

    def compiled() -> Callable[..., dict[str, Any]]:
        anchors = model.generate_anchors(size)

        def function(
            logits: Any, deltas: Any, sizes: Any, values: Any
        ) -> dict[str, Any]:
            given = {name: values[i] for i, name in enumerate(thresholds)}
            return postprocess(
                logits, deltas, anchors, image_sizes=sizes, **options, **given
            )

        return kernels.compile_function(function, inputs, [], True)

    key = (size, shapes, thresholds, *sorted(options.items()))
    return programs.get(key, compiled)


def _detections(
    image: PreparedImage,
    row: dict[str, np.ndarray],
    class_names: tuple[str, ...] | None,
) -> Detections:
    count = int(row["num_detections"])
    boxes = np.asarray(row["boxes"][:count], "float32")
    boxes = boxes / np.float32(image.scale)
    height, width = image.size
    # Rounding in the division may exceed the edge of the image.
    limits = np.array([width, height, width, height], "float32")
    return Detections(
        boxes=np.minimum(boxes, limits),
        scores=np.asarray(row["scores"][:count], "float32"),
        labels=np.asarray(row["labels"][:count], "int32"),
        class_names=class_names,
        image_size=image.size,
        image=image.source,
    )
