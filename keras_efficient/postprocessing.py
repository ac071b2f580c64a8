"""Conversion of the outputs of a detector into boxes, scores and classes."""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_efficient.ops import clip_boxes
from keras_efficient.ops import convert_boxes
from keras_efficient.ops import decode_boxes
from keras_efficient.ops import non_max_suppression
from keras_efficient.ops.nms import METHODS
from keras_efficient.types import Tensor

CANDIDATES = ("pairs", "best_class")
CLIPS = ("after", "before", None)
# More rows would only cost memory.
MAX_DETECTIONS = 100_000


def postprocess(
    class_logits: Tensor,
    box_deltas: Tensor,
    anchors: Tensor,
    *,
    image_sizes: Tensor | None = None,
    score_threshold: float = 0.001,
    iou_threshold: float = 0.5,
    max_detections: int = 100,
    nms: str = "soft",
    sigma: float = 0.5,
    class_agnostic: bool = False,
    candidates: str = "pairs",
    max_candidates: int | None = 5000,
    clip: str | None = "after",
) -> dict[str, Tensor]:
    """Decode and select the detections of a detector.

    Three settings are common: google/automl evaluates with the defaults and
    `clip=None`; its demos use `class_agnostic=True, candidates="best_class",
    max_candidates=None`; effdet uses `nms="hard", clip="before"`.

    Args:
        class_logits: Tensor of shape `(batch, num_anchors, num_classes)`.
        box_deltas: Tensor of shape `(batch, num_anchors, 4)`.
        anchors: Array of shape `(num_anchors, 4)`, `yxyx` in pixels.
        image_sizes: Tensor of shape `(batch, 2)`, height and width of each
            image within the network's input, in pixels, to which boxes are
            clipped. Defaults to `None`: no clipping.
        score_threshold: Float in `[0, 1]`, or a scalar tensor; detections must
            have a higher score, after soft suppression. Defaults to 0.001.
        iou_threshold: Float in `[0, 1]`, or a scalar tensor; hard suppression
            removes boxes that overlap more. Defaults to 0.5.
        max_detections: Integer, rows of the result, at most 100,000. Defaults
            to 100.
        nms: `"soft"` or `"hard"`, the non-maximum suppression. Defaults to
            `"soft"`.
        sigma: Positive float, or a scalar tensor, parameter of soft
            suppression. Defaults to 0.5.
        class_agnostic: Boolean, whether boxes of different classes suppress
            each other. Defaults to `False`.
        candidates: `"pairs"`, the best pairs of anchor and class, or
            `"best_class"`, each anchor with its best class only. Defaults to
            `"pairs"`.
        max_candidates: Integer, number of candidates for the suppression;
            `None` for all. Defaults to 5000.
        clip: When to clip boxes: `"before"` or `"after"` the suppression, or
            `None` for never. Defaults to `"after"`.

    Returns:
        A dict of tensors: `"boxes"`, float32 of shape `(batch, max_detections,
        4)`, `xyxy` in pixels of the network's input; `"scores"`, float32 of
        shape `(batch, max_detections)`, highest first; `"labels"`, int32 of
        the same shape, -1 in unused rows; `"num_detections"`, int32 of shape
        `(batch,)`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> anchors = np.array([[0.0, 0.0, 8.0, 8.0], [0.0, 10.0, 8.0, 20.0]])
    >>> found = keras_efficient.postprocessing.postprocess(
    ...     np.array([[[2.0, -9.0], [-9.0, 1.0]]]),
    ...     np.zeros((1, 2, 4)),
    ...     anchors,
    ...     max_detections=2,
    ... )
    >>> keras.ops.convert_to_numpy(found["labels"]).tolist()
    [[0, 1]]

    Reference:
        - `google/automl`, `efficientdet/tf2/postprocess.py`.
    """
    check_options(
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
        nms=nms,
        sigma=sigma,
        candidates=candidates,
        max_candidates=max_candidates,
        clip=clip,
    )
    boxes, logits, labels = find_candidates(
        class_logits, box_deltas, anchors, candidates, max_candidates
    )
    sizes = None
    if image_sizes is not None:
        image_sizes = ops.cast(image_sizes, "float32")
        sizes = (image_sizes[:, :1], image_sizes[:, 1:])
    if sizes is not None and clip == "before":
        boxes = clip_boxes(boxes, sizes)
    places, scores = non_max_suppression(
        boxes,
        ops.sigmoid(ops.cast(logits, "float32")),
        None if class_agnostic else labels,
        method=nms,
        iou_threshold=iou_threshold,
        sigma=sigma,
        score_threshold=score_threshold,
        max_detections=max_detections,
    )
    is_found = scores > 0
    boxes = ops.take_along_axis(boxes, ops.expand_dims(places, -1), axis=1)
    if sizes is not None and clip == "after":
        boxes = clip_boxes(boxes, sizes)
    boxes = convert_boxes(boxes, "yxyx", "xyxy")
    labels = ops.take_along_axis(labels, places, axis=1)
    return {
        "boxes": ops.where(ops.expand_dims(is_found, -1), boxes, 0.0),
        "scores": scores,
        "labels": ops.where(is_found, labels, -1),
        "num_detections": ops.sum(ops.cast(is_found, "int32"), axis=1),
    }


def find_candidates(
    class_logits: Tensor,
    box_deltas: Tensor,
    anchors: Tensor,
    candidates: str = "pairs",
    max_candidates: int | None = 5000,
) -> tuple[Tensor, Tensor, Tensor]:
    """Decode the candidates for suppression, the first half of `postprocess`.

    Args:
        class_logits: Tensor of shape `(batch, num_anchors, num_classes)`.
        box_deltas: Tensor of shape `(batch, num_anchors, 4)`.
        anchors: Array of shape `(num_anchors, 4)`, `yxyx` in pixels.
        candidates: `"pairs"` or `"best_class"`; see `postprocess`. Defaults to
            `"pairs"`.
        max_candidates: Integer or `None`; see `postprocess`. Defaults to 5000.

    Returns:
        Three tensors, best first: boxes, float32 of shape `(batch, number,
        4)`, `yxyx` in pixels; logits of shape `(batch, number)`; labels, int32
        of the same shape.

    Example:
    >>> boxes, logits, labels = (
    ...     keras_efficient.postprocessing.find_candidates(
    ...         np.array([[[2.0, -9.0], [-9.0, 1.0]]]),
    ...         np.zeros((1, 2, 4)),
    ...         np.array([[0.0, 0.0, 8.0, 8.0], [0.0, 10.0, 8.0, 20.0]]),
    ...         max_candidates=2,
    ...     )
    ... )
    >>> keras.ops.convert_to_numpy(labels).tolist()
    [[0, 1]]
    """
    anchors = ops.convert_to_tensor(anchors, dtype="float32")
    if candidates == "pairs":
        logits, labels, index = _best_pairs(class_logits, max_candidates)
    else:
        logits, labels, index = _best_classes(class_logits, max_candidates)
    index = ops.expand_dims(index, -1)
    deltas = ops.take_along_axis(box_deltas, index, axis=1)
    own = ops.take(anchors, index[..., 0], axis=0)
    return decode_boxes(ops.cast(deltas, "float32"), own), logits, labels


def check_options(**options: Any) -> None:
    """Raise an error if an argument of `postprocess` is out of range.

    The values of tensors are not checked.

    Args:
        **options: Keyword arguments of `postprocess`, some or all.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> keras_efficient.postprocessing.check_options(nms="none")
    Traceback (most recent call last):
        ...
    ValueError: `nms` must be one of ('soft', 'hard'). Received: nms='none'
    """
    choices: dict[str, tuple[str | None, ...]] = {
        "nms": METHODS,
        "candidates": CANDIDATES,
        "clip": CLIPS,
    }
    for name, accepted in choices.items():
        if options.get(name, accepted[0]) not in accepted:
            raise ValueError(
                f"`{name}` must be one of {accepted}. "
                f"Received: {name}={options[name]!r}"
            )
    ranges: dict[str, tuple[Callable[[Any], bool], str]] = {
        "score_threshold": (lambda x: 0 <= x <= 1, "in [0, 1]"),
        "iou_threshold": (lambda x: 0 <= x <= 1, "in [0, 1]"),
        "max_detections": (
            lambda x: 1 <= x <= MAX_DETECTIONS,
            f"from 1 to {MAX_DETECTIONS:,}",
        ),
        "sigma": (lambda x: x > 0, "positive"),
        "max_candidates": (
            lambda x: x is None or x >= 1,
            "at least 1, or `None` for all",
        ),
    }
    for name, (is_valid, bounds) in ranges.items():
        value = options.get(name)
        if name not in options or keras.ops.is_tensor(value):
            continue
        if not is_valid(value):
            raise ValueError(
                f"`{name}` must be {bounds}. Received: {name}={value}"
            )


def _best_pairs(
    logits: Tensor, count: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The highest logits of all pairs, with class and anchor of each."""
    num_anchors, num_classes = logits.shape[1:]
    count = min(count or num_anchors * num_classes, num_anchors * num_classes)
    anchors = None
    if count < num_anchors:
        # The best pairs belong to the anchors with the best classes.
        _, anchors = ops.top_k(ops.max(logits, axis=-1), count)
        anchors = ops.cast(anchors, "int32")
        logits = ops.take_along_axis(
            logits, ops.expand_dims(anchors, -1), axis=1
        )
    flat = ops.reshape(logits, (-1, logits.shape[1] * num_classes))
    best, index = ops.top_k(flat, count)
    index = ops.cast(index, "int32")
    labels, index = index % num_classes, index // num_classes
    if anchors is not None:
        index = ops.take_along_axis(anchors, index, axis=1)
    return best, labels, index


def _best_classes(
    logits: Tensor, count: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The highest logit of each anchor, with its class and anchor."""
    num_anchors, num_classes = logits.shape[1:]
    best = ops.max(logits, axis=-1)
    number = ops.arange(num_classes, dtype="int32")
    is_best = ops.equal(logits, ops.expand_dims(best, -1))
    labels = ops.min(ops.where(is_best, number, num_classes), axis=-1)
    best, index = ops.top_k(best, min(count or num_anchors, num_anchors))
    index = ops.cast(index, "int32")
    return best, ops.take_along_axis(labels, index, axis=1), index


@keras.saving.register_keras_serializable(package="keras_efficient")
class PostProcessing(keras.layers.Layer):
    """`postprocess` as the last layer of a model.

    Args:
        anchors: Array of shape `(num_anchors, 4)`, `yxyx` in pixels.
        options: Dict of keyword arguments of `postprocess`, without
            `image_sizes`. Defaults to `None`: its defaults.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Pair of the dict of a detector's outputs and the sizes of the
            images, a tensor of shape `(batch, 2)`.

    Returns:
        When called, the dict that `postprocess` returns.

    Example:
    ```python
    sizes = keras.Input((2,))
    layer = keras_efficient.postprocessing.PostProcessing(
        model.generate_anchors(), {"nms": "hard"}
    )
    predictor = keras.Model([model.input, sizes], layer((model.output, sizes)))
    ```
    """

    def __init__(
        self,
        anchors: Tensor,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.anchors = ops.convert_to_numpy(anchors).astype("float32")
        self.options = dict(options or {})

    def build(self, input_shape: Any) -> None:
        pass

    def call(self, inputs: tuple[dict[str, Tensor], Tensor]) -> dict:
        outputs, image_sizes = inputs
        return postprocess(
            outputs["class_logits"],
            outputs["box_deltas"],
            self.anchors,
            image_sizes=image_sizes,
            **self.options,
        )

    def compute_output_spec(
        self, inputs: tuple[dict[str, Tensor], Tensor]
    ) -> dict[str, keras.KerasTensor]:
        batch = inputs[0]["class_logits"].shape[0]
        rows = self.options.get("max_detections", 100)
        return {
            "boxes": keras.KerasTensor((batch, rows, 4), "float32"),
            "scores": keras.KerasTensor((batch, rows), "float32"),
            "labels": keras.KerasTensor((batch, rows), "int32"),
            "num_detections": keras.KerasTensor((batch,), "int32"),
        }

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            {"anchors": self.anchors.tolist(), "options": dict(self.options)}
        )
        return config
