"""Base class of detectors: their anchors, and the detection of objects."""

from collections.abc import Sequence
from typing import Any
from typing import TypeVar

import numpy as np

from keras_efficient import inference
from keras_efficient.data import DetectionPreprocessing
from keras_efficient.inference import Detections
from keras_efficient.layers import PredictionHead
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.models.detection_training import DetectionTraining
from keras_efficient.ops import generate_anchors
from keras_efficient.types import ImageLike
from keras_efficient.types import Progress

Model = TypeVar("Model", bound="DetectionModel")


class DetectionModel(DetectionTraining):
    """Base class of `EfficientDet`: a detector that refines anchors.

    Subclasses build a graph with the layers `"class_head"` and `"box_head"`
    and the outputs `{"class_logits", "box_deltas"}`, and set
    `_anchor_arguments`: the scales, aspect ratios and size of anchors.

    Args:
        *args: Positional arguments of a functional `keras.Model`.
        **kwargs: Keyword arguments of a functional `keras.Model`.

    Example:
    >>> model = keras_efficient.EfficientDet.from_phi(0, num_classes=2)
    >>> isinstance(model, keras_efficient.models.DetectionModel)
    True
    """

    _anchor_arguments: dict[str, Any]
    cloned_attributes = (
        *DetectionTraining.cloned_attributes,
        "_anchor_arguments",
    )

    def detect(
        self,
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
        sigma: float = 0.5,
        candidates: str = "pairs",
        max_candidates: int | None = 5000,
        clip: str | None = "after",
    ) -> list[Detections]:
        """Detect objects in images of any size.

        The fused network is compiled at the first call for each batch size.

        Args:
            images: A path, a uint8 array of shape `(height, width, 3)`, a PIL
                image or the bytes of an image file; or a sequence of these.
            score_threshold: Float in `[0, 1]`, lowest score of a detection.
                Defaults to 0.3.
            iou_threshold: Float in `[0, 1]`, overlap from which hard
                non-maximum suppression removes boxes. Defaults to 0.5.
            max_detections: Integer, maximum number of detections in an image.
                Defaults to 100.
            nms: String, `"soft"` or `"hard"` non-maximum suppression. Defaults
                to `"soft"`.
            class_agnostic: Boolean, whether boxes of different classes
                suppress each other. Defaults to `False`.
            class_names: Sequence of names in the order of the labels.
                Defaults to `class_names` of the model, or else to the numbers
                of the classes.
            batch_size: Integer. Defaults to 4.
            preprocessing: A `data.DetectionPreprocessing`, required if the
                model accepts images of any size. Defaults to that of the
                model's size.
            dtype: String, dtype of the computation, such as `"bfloat16"`.
                Defaults to that of the model.
            progress: Function of an iterator of results and their number that
                returns an iterable of the same results, such as a progress
                bar. Defaults to `None`.
            sigma: Float above 0, of soft suppression. Defaults to 0.5.
            candidates: String, `"pairs"` of anchor and class or
                `"best_class"` of each anchor. Defaults to `"pairs"`.
            max_candidates: Integer, number of candidates before suppression;
                `None` for all. Defaults to 5000.
            clip: String, whether boxes are clipped to the image `"after"` or
                `"before"` suppression; `None` for neither. Defaults to
                `"after"`.

        Returns:
            A list of `inference.Detections`, one for each image, with boxes in
            pixels of that image.

        Raises:
            FileNotFoundError: If an image does not exist.
            ValueError: If an image cannot be read or an argument is out of
                range.

        Example:
        ```python
        model = keras_efficient.EfficientDetD0()
        detections = model.detect(["dogs.jpg"], score_threshold=0.4)
        detections[0].plot("dogs_boxes.png")
        ```
        """
        return inference.detect(
            self,
            images,
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
            nms=nms,
            class_agnostic=class_agnostic,
            class_names=class_names,
            batch_size=batch_size,
            preprocessing=preprocessing,
            dtype=dtype,
            progress=progress,
            sigma=sigma,
            candidates=candidates,
            max_candidates=max_candidates,
            clip=clip,
        )

    @property
    def class_head(self) -> PredictionHead:
        """The head that predicts classes."""
        return self.get_layer("class_head")

    @property
    def box_head(self) -> PredictionHead:
        """The head that predicts boxes."""
        return self.get_layer("box_head")

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.class_head.units

    @property
    def image_size(self) -> tuple[int | None, int | None]:
        """Height and width of the input in pixels; `None` if not fixed."""
        height, width = spatial_axes(self.class_head.data_format)
        return self.input_shape[height], self.input_shape[width]

    @property
    def anchor_arguments(self) -> dict[str, Any]:
        """Arguments of `ops.generate_anchors`, except for the image size."""
        head = self.class_head
        levels = {"min_level": head.min_level, "max_level": head.max_level}
        arguments = {k: _plain(x) for k, x in self._anchor_arguments.items()}
        return {**levels, **arguments}

    def generate_anchors(
        self, image_size: tuple[int | None, int | None] | None = None
    ) -> np.ndarray:
        """Return the anchors that the outputs are relative to.

        Args:
            image_size: Pair `(height, width)` in pixels. Defaults to that of
                the model's input.

        Returns:
            A float32 NumPy array of shape `(num_anchors, 4)` with boxes `yxyx`
            in pixels of the input.

        Raises:
            ValueError: If the model accepts images of any size and
                `image_size` is `None`.
        """
        height, width = self.image_size if image_size is None else image_size
        if height is None or width is None:
            raise ValueError(
                "This model accepts images of any size: pass `image_size`, "
                f"their (height, width). Received: image_size={(height, width)}"
            )
        return generate_anchors((height, width), **self.anchor_arguments)

    def fused(self: Model, dtype: str | None = None) -> Model:
        """Return the detector for inference; see `EfficientNet.fused`.

        Args:
            dtype: String, dtype of the weights and of the computation.
                Defaults to that of this model.

        Returns:
            A model of the same class, with copies of the weights.
        """
        model = super().fused(dtype)
        model._anchor_arguments = self._anchor_arguments
        return model

    def get_config(self) -> dict[str, Any]:
        """Return the graph, the class names and the shapes of anchors."""
        config = super().get_config()
        config["anchors"] = {
            **self._anchor_arguments,
            # JSON has no tuples.
            "aspect_ratios": [
                list(ratio) if isinstance(ratio, list | tuple) else ratio
                for ratio in self._anchor_arguments["aspect_ratios"]
            ],
        }
        return config

    @classmethod
    def from_config(
        cls: type[Model],
        config: dict[str, Any],
        custom_objects: dict[str, Any] | None = None,
    ) -> Model:
        """Build the model from the config of its graph."""
        config = dict(config)
        anchors = config.pop("anchors")
        model = super().from_config(config, custom_objects)
        model._anchor_arguments = anchors
        return model


def _plain(value: Any) -> Any:
    """Return lists in place of those by which Keras tracks attributes."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return list(map(_plain, value)) if isinstance(value, list) else value
