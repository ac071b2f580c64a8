"""Images of any size through a detector."""

import numpy as np
from keras import ops

from keras_efficient import kernels
from keras_efficient.data.letterbox import DetectionPreprocessing
from keras_efficient.inference.detections import Detections
from keras_efficient.inference.image_batches import as_list
from keras_efficient.inference.image_batches import check_batch_size
from keras_efficient.inference.image_batches import read_batches
from keras_efficient.inference.predictor import kept_with
from keras_efficient.inference.predictor import predictor_of
from keras_efficient.postprocessing import check_options
from keras_efficient.postprocessing import postprocess

# Name of a model's attribute with its compiled post-processing.
CACHE = "_compiled_postprocessing"
DEFAULTS = {
    "score_threshold": 0.3,
    "iou_threshold": 0.5,
    "max_detections": 100,
    "nms": "soft",
    "class_agnostic": False,
}


def detect(
    model,
    images,
    *,
    score_threshold=DEFAULTS["score_threshold"],
    iou_threshold=DEFAULTS["iou_threshold"],
    max_detections=DEFAULTS["max_detections"],
    nms=DEFAULTS["nms"],
    class_agnostic=DEFAULTS["class_agnostic"],
    batch_size=4,
    preprocessing=None,
    dtype=None,
    progress=None,
    **options,
):
    """Finds objects in images of any size.

    The network runs fused and compiled, see `Predictor`, made at the first
    call for a size of batch. While it works on a batch, the images of the
    next are read.

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
        dtype: String, in what the network computes: `"bfloat16"` is faster
            on processors that have it, and may change scores by some
            thousandths. Defaults to `None`: as the model does.
        progress: Function of an iterator and of how much it will give, which
            gives the same and shows how far it is, such as
            `lambda found, total: tqdm(found, total=total)`. Defaults to
            `None`.
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
    images = as_list(images)
    # Each size of batch is compiled anew: one image, or a whole batch.
    found = detect_each(
        model,
        images,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
        nms=nms,
        class_agnostic=class_agnostic,
        batch_size=1 if len(images) == 1 else batch_size,
        preprocessing=preprocessing,
        dtype=dtype,
        **options,
    )
    return list(found if progress is None else progress(found, len(images)))


def detect_each(
    model,
    images,
    *,
    batch_size=4,
    preprocessing=None,
    dtype=None,
    on_error=None,
    **options,
):
    """Finds objects in one image after the other, without end if need be.

    As `detect`, for more images than memory holds: those of a large folder,
    or of a video. At most two batches are read ahead of what is asked for.

    Args:
        model: An `EfficientDet`.
        images: Iterable, also a generator, of paths, uint8 arrays
            `(height, width, 3)`, PIL images or bytes of files.
        batch_size: Integer. Defaults to 4; 1 for images that are still to
            come, as from a camera.
        preprocessing: As of `detect`.
        dtype: As of `detect`.
        on_error: Function of an image that cannot be read and the error; that
            image is left out. Defaults to `None`: the error is raised.
        **options: `score_threshold`, `iou_threshold`, `max_detections`, `nms`
            and the other options of `detect`.

    Returns:
        An iterator over `Detections`, in the order of the images.

    Raises:
        FileNotFoundError: If an image is not there.
        ValueError: If an image cannot be read, or an argument is out of
            range.

    Example:
    ```python
    model = keras_efficient.EfficientDetD0()
    for found in keras_efficient.inference.detect_each(
        model, ["a.jpg", "b.jpg"], score_threshold=0.5
    ):
        print(found.image, len(found))
    ```
    """
    check_batch_size(batch_size)
    letterbox = preprocessing or DetectionPreprocessing(_size_of(model))
    options = {**DEFAULTS, **options}
    check_options(**options)

    def prepare(source, image):
        return source, image.shape[:2], *letterbox(image, exact=False)

    batches = read_batches(images, batch_size, prepare, on_error)

    def results():
        network = None
        for loaded in batches:
            network = network or predictor_of(model, dtype)
            yield from _run(
                model, network, letterbox.size, options, loaded, batch_size
            )

    return results()


def _size_of(model):
    size = model.image_size
    if None in size:
        raise ValueError(
            "This model takes images of any size: pass `preprocessing`, such "
            "as `data.DetectionPreprocessing((512, 512))`. "
            f"Received: a model for {size}"
        )
    return size


def _run(model, network, size, options, loaded, batch_size):
    """Detections of one batch, filled up to the size that is compiled."""
    missing = batch_size - len(loaded)
    filled = loaded + loaded[-1:] * missing
    pixels = np.stack([pixels for _, _, pixels, _ in filled])
    if model.class_head.data_format == "channels_first":
        pixels = pixels.transpose(0, 3, 1, 2)
    scales = np.array([scale for *_, scale in filled], "float32")
    sizes = np.array([size for _, size, _, _ in filled], "float32")
    outputs = network(pixels)
    inputs = [
        outputs["class_logits"],
        outputs["box_deltas"],
        sizes * scales[:, None],
    ]
    finish = _postprocessing(model, size, options, inputs)
    rows = {
        name: ops.convert_to_numpy(x) for name, x in finish(*inputs).items()
    }
    return [
        _detections(model, image, {name: x[i] for name, x in rows.items()})
        for i, image in enumerate(loaded)
    ]


def _postprocessing(model, size, options, inputs):
    """What follows the network, compiled once for these shapes."""
    cache = kept_with(model, CACHE)
    shapes = (tuple(inputs[0].shape), tuple(inputs[1].shape))
    key = (size, shapes, *sorted(options.items()))
    if key not in cache:
        anchors = model.generate_anchors(size)

        def function(logits, deltas, sizes):
            return postprocess(
                logits, deltas, anchors, image_sizes=sizes, **options
            )

        cache[key] = kernels.compiled(function, inputs, [], True)
    return cache[key]


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
