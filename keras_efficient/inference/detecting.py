"""Images of any size through a detector."""

import collections
import concurrent.futures

import keras
import numpy as np

from keras_efficient.data.images import load_image
from keras_efficient.data.letterbox import DetectionPreprocessing
from keras_efficient.inference.detections import Detections
from keras_efficient.postprocessing import PostProcessing

# Name of a model's attribute with its compiled predictors.
CACHE = "_compiled_predictors"


def detect(
    model,
    images,
    *,
    score_threshold=0.3,
    iou_threshold=0.5,
    max_detections=100,
    nms="soft",
    class_agnostic=False,
    batch_size=4,
    preprocessing=None,
    **options,
):
    """Finds objects in images of any size.

    While the network works on a batch, the images of the next are read.

    Args:
        model: An `EfficientDet`.
        images: A path, a uint8 array `(height, width, 3)`, a PIL image or the
            bytes of a file; or a sequence of these.
        score_threshold: Float, how sure the model must be. Soft suppression
            lowers the scores of what overlaps. Defaults to 0.3.
        iou_threshold: Float, the overlap from which hard suppression removes
            boxes. Defaults to 0.5.
        max_detections: Integer, the most in an image. Defaults to 100.
        nms: `"soft"` or `"hard"`. Defaults to `"soft"`.
        class_agnostic: Boolean, whether boxes of different classes suppress
            each other. Defaults to `False`.
        batch_size: Integer. Defaults to 4.
        preprocessing: A `data.DetectionPreprocessing`. Defaults to one of the
            model's size; needed where the model takes any.
        **options: Further arguments of `postprocessing.postprocess`.

    Returns:
        A list of `Detections`, one for each image, boxes in its own pixels.

    Raises:
        FileNotFoundError: If an image is not there.
        ValueError: If an image cannot be read, or an argument is out of
            range; the message says which image.

    Example:
    ```python
    model = keras_efficient.EfficientDetD0()
    for found in keras_efficient.inference.detect(model, ["a.jpg", "b.jpg"]):
        print(found)
    ```
    """
    images = _as_list(images)
    if batch_size < 1:
        raise ValueError(
            f"`batch_size` must be at least 1. Received: {batch_size}"
        )
    letterbox = preprocessing or DetectionPreprocessing(_size_of(model))
    predictor = _predictor(
        model,
        letterbox.size,
        {
            "score_threshold": score_threshold,
            "iou_threshold": iou_threshold,
            "max_detections": max_detections,
            "nms": nms,
            "class_agnostic": class_agnostic,
            **options,
        },
    )
    # Each size of batch is compiled anew: one image, or a whole batch.
    batch_size = 1 if len(images) == 1 else batch_size
    starts = list(range(0, len(images), batch_size))
    found = []
    with concurrent.futures.ThreadPoolExecutor() as pool:

        def read(start):
            places = range(start, min(start + batch_size, len(images)))
            return [pool.submit(_load, images[i], i, letterbox) for i in places]

        coming = collections.deque(read(start) for start in starts[:1])
        for i in range(len(starts)):
            coming.extend(read(start) for start in starts[i + 1 : i + 2])
            loaded = [image.result() for image in coming.popleft()]
            found += _run(model, predictor, loaded, batch_size)
    return found


def _as_list(images):
    """The images as a list, also where it is one."""
    is_one = not isinstance(images, list | tuple)
    if isinstance(images, np.ndarray):
        is_one = images.ndim < 4
    return [images] if is_one else list(images)


def _size_of(model):
    size = model.image_size
    if None in size:
        raise ValueError(
            "This model takes images of any size: pass `preprocessing`, such "
            "as `data.DetectionPreprocessing((512, 512))`. "
            f"Received: a model for {size}"
        )
    return size


def _predictor(model, size, options):
    """Network and post-processing as one compiled model, made once."""
    cache = model.__dict__.get(CACHE)
    if cache is None:
        cache = {}
        # Not as an attribute of Keras: it would become a part of the model.
        object.__setattr__(model, CACHE, cache)
    key = (size, *sorted(options.items()))
    if key not in cache:
        cache[key] = _build_predictor(model, size, options)
    return cache[key]


def _build_predictor(model, size, options):
    sizes = keras.Input((2,), name="image_sizes")
    images, outputs = model.input, model.output
    if None in model.image_size:
        shape = [*size, 3]
        if model.class_head.data_format == "channels_first":
            shape = [3, *size]
        images = keras.Input(tuple(shape), name="images")
        outputs = model(images)
    layer = PostProcessing(model.generate_anchors(size), options)
    return keras.Model([images, sizes], layer((outputs, sizes)))


def _load(source, index, letterbox):
    try:
        image = load_image(source)
    except (TypeError, AttributeError) as e:
        raise ValueError(
            f"Image {index} must be a path, bytes, a PIL image or a uint8 "
            f"array. Received: {type(source).__name__}"
        ) from e
    except ValueError as e:
        raise ValueError(f"Image {index}: {e}") from e
    pixels, scale = letterbox(image)
    return source, image.shape[:2], pixels, scale


def _run(model, predictor, loaded, batch_size):
    """Detections of one batch, filled up to the size that is compiled."""
    missing = batch_size - len(loaded)
    filled = loaded + loaded[-1:] * missing
    pixels = np.stack([pixels for _, _, pixels, _ in filled])
    if model.class_head.data_format == "channels_first":
        pixels = pixels.transpose(0, 3, 1, 2)
    scales = np.array([scale for *_, scale in filled], "float32")
    sizes = np.array([size for _, size, _, _ in filled], "float32")
    rows = predictor.predict_on_batch([pixels, sizes * scales[:, None]])
    return [
        _detections(model, image, {name: x[i] for name, x in rows.items()})
        for i, image in enumerate(loaded)
    ]


def _detections(model, image, rows):
    source, size, _, scale = image
    count = int(rows["num_detections"])
    boxes = np.asarray(rows["boxes"][:count], "float32") / np.float32(scale)
    # The division may round beyond the edge.
    limits = np.array([size[1], size[0]] * 2, "float32")
    return Detections(
        boxes=np.minimum(boxes, limits),
        scores=np.asarray(rows["scores"][:count], "float32"),
        labels=np.asarray(rows["labels"][:count], "int32"),
        class_names=model.class_names,
        image_size=tuple(size),
        image=source,
    )
