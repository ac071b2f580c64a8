"""What an exported detector needs to know of its model."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient import postprocessing
from keras_efficient.data.letterbox import DetectionPreprocessing
from keras_efficient.models.detection_model import DetectionModel

# What detections are made with unless the caller says otherwise, as `detect`.
DEFAULT_OPTIONS = {
    "score_threshold": 0.3,
    "iou_threshold": 0.5,
    "max_detections": 100,
    "nms": "soft",
    "class_agnostic": False,
}


@dataclasses.dataclass(frozen=True, eq=False)
class DetectionSpec:
    """How images go in, and what the rows that come out mean.

    Attributes:
        image_size: `(height, width)` of the network's input.
        is_channels_first: Whether the network takes `(3, height, width)`.
        class_names: The classes, in the order of the outputs.
        preprocessing: From a decoded image to the network's input.
        options: Keyword arguments of `postprocessing.postprocess`.
        anchors: Array `(num_anchors, 4)`, `yxyx` in pixels of the input.
    """

    image_size: tuple[int, int]
    is_channels_first: bool
    class_names: tuple[str, ...]
    preprocessing: DetectionPreprocessing
    options: dict[str, Any]
    anchors: np.ndarray

    def to_config(self) -> dict:
        """Plain lists, numbers and strings, for `from_config` and JSON."""
        return {
            **self.metadata(),
            "anchors": self.anchors.tolist(),
        }

    def metadata(self) -> dict:
        """What users of the exported model want to know."""
        return {
            "task": "detection",
            "image_size": list(self.image_size),
            "is_channels_first": self.is_channels_first,
            "class_names": list(self.class_names),
            "preprocessing": self.preprocessing.to_config(),
            "options": dict(self.options),
        }

    @classmethod
    def from_config(cls, config: dict) -> "DetectionSpec":
        """The inverse of `to_config`."""
        return cls(
            image_size=tuple(config["image_size"]),
            is_channels_first=config["is_channels_first"],
            class_names=tuple(config["class_names"]),
            preprocessing=DetectionPreprocessing.from_config(
                config["preprocessing"]
            ),
            options=config["options"],
            anchors=np.array(config["anchors"], "float32"),
        )


def describe_detection(
    model: DetectionModel,
    class_names: Sequence[str] | None = None,
    preprocessing: DetectionPreprocessing | None = None,
    options: dict[str, Any] | None = None,
) -> DetectionSpec:
    """Reads from a detector what its export needs.

    Args:
        model: An `EfficientDet`.
        class_names: Names in the order of the outputs; `None` for the
            model's own, or their numbers where it has none.
        preprocessing: `None` for that of `detect`, at the model's size.
        options: Keyword arguments of `postprocessing.postprocess` that
            replace the defaults of `detect`.

    Returns:
        A `DetectionSpec`.

    Raises:
        TypeError: If `preprocessing` is of another class.
        ValueError: If the arguments do not fit to the model.

    Example:
    >>> from keras_efficient.export.detection_spec import describe_detection
    >>> model = keras_efficient.EfficientDetD0(
    ...     weights=None, backbone_weights=None, input_shape=(64, 96, 3)
    ... )
    >>> describe_detection(model).preprocessing.size
    (64, 96)
    """
    if preprocessing is None and None in model.image_size:
        raise ValueError(
            "The model takes images of any size; say to which size they are "
            "to be brought: `preprocessing=keras_efficient.data."
            "DetectionPreprocessing((height, width))`. Received: "
            f"preprocessing=None, input of the model {model.image_size}"
        )
    preprocessing = preprocessing or DetectionPreprocessing(model.image_size)
    if not isinstance(preprocessing, DetectionPreprocessing):
        raise TypeError(
            "`preprocessing` of a detector must be a `keras_efficient.data."
            f"DetectionPreprocessing`. Received: {preprocessing!r}"
        )
    pairs = zip(model.image_size, preprocessing.size, strict=True)
    if any(side not in (None, given) for side, given in pairs):
        raise ValueError(
            f"The model takes images of (height, width) {model.image_size}, "
            f"and `preprocessing` gives {preprocessing.size}. Received: "
            f"preprocessing={preprocessing}"
        )
    options = {**DEFAULT_OPTIONS, **(options or {})}
    postprocessing.check_options(**options)
    return DetectionSpec(
        image_size=preprocessing.size,
        is_channels_first=model.class_head.data_format == "channels_first",
        class_names=_names(model, class_names),
        preprocessing=preprocessing,
        options=options,
        anchors=model.generate_anchors(preprocessing.size),
    )


def _names(model, class_names):
    if class_names is None:
        class_names = model.class_names
    if class_names is None:
        return tuple(str(label) for label in range(model.num_classes))
    names = tuple(class_names)
    if len(names) != model.num_classes:
        raise ValueError(
            f"`class_names` must have {model.num_classes} names, one for each "
            f"class of the model. Received: {len(names)} names"
        )
    return tuple(str(name) for name in names)
