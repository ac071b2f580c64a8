"""Training of detectors with Keras' `fit`."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.losses import DetectionLoss
from keras_efficient.losses import assign_targets
from keras_efficient.models.graph_model import GraphModel
from keras_efficient.models.ground_truth import check_training_batch
from keras_efficient.models.ground_truth import unpack_batch
from keras_efficient.models.ground_truth import unpack_boxes
from keras_efficient.ops import convert_boxes
from keras_efficient.types import Tensor

# Weights in the L2 term of the paper: neither biases nor normalization.
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


class DetectionTraining(GraphModel):
    """A detector's `compile`, `fit` and loss.

    The loss turns ground truth into targets of the anchors on the device, so
    that `fit` accepts any data source. `DetectionModel` adds the anchors.
    """

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adamw",
        loss: DetectionLoss | None = None,
        *,
        bounding_box_format: str = "xyxy",
        metrics: None = None,
        **kwargs: Any,
    ) -> None:
        """Configure the training.

        `training.detection_recipe` returns arguments that work well.

        Args:
            optimizer: A Keras optimizer, or its name. Defaults to `"adamw"`.
            loss: A `losses.DetectionLoss`. Defaults to one with the numbers of
                the paper.
            bounding_box_format: String, the format of the boxes passed to
                `fit`, by its Keras name: `"xyxy"`, `"yxyx"`, `"xywh"` or
                `"center_xywh"` in pixels of the network's input, or one of
                these with the prefix `"rel_"` for fractions of its sides.
                Defaults to `"xyxy"`, as in `data.DetectionDataset.batches`.
            metrics: Must be `None`. Mean average precision requires all
                images; see `evaluation.COCOMetrics`.
            **kwargs: Further arguments of `keras.Model.compile`, such as
                `jit_compile` and `steps_per_execution`.

        Raises:
            ValueError: If `loss` is not a `DetectionLoss`, `metrics` is not
                `None` or `bounding_box_format` is unknown.
        """
        loss = DetectionLoss() if loss is None else loss
        if not isinstance(loss, DetectionLoss):
            raise ValueError(
                "`loss` of a detector must be a "
                "`keras_efficient.losses.DetectionLoss`. "
                f"Received: loss={loss!r}"
            )
        if metrics is not None:
            raise ValueError(
                "A detector accepts no `metrics` in `compile`; pass the "
                "callback `keras_efficient.evaluation.COCOMetrics` to `fit`. "
                f"Received: metrics={metrics!r}"
            )
        # Fails early if the format is unknown.
        convert_boxes(
            ops.zeros((1, 4)), bounding_box_format, "yxyx", image_size=(1, 1)
        )
        super().compile(optimizer, **kwargs)
        self._detection_loss = loss
        self._bounding_box_format = bounding_box_format
        self._loss_parts = _LossParts(loss)

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile`, for saving."""
        if not self.compiled:
            return {}
        config = super().get_compile_config()
        for unused in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            config.pop(unused, None)
        return {
            **config,
            "loss": keras.saving.serialize_keras_object(self._detection_loss),
            "bounding_box_format": self._bounding_box_format,
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with saved arguments."""
        config = keras.saving.deserialize_keras_object(config)
        self.compile(**config)
        # Creates the variables that the saved state is loaded into.
        self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self) -> list[keras.Metric]:
        """The metrics of the model and the means of the parts of the loss."""
        parts = getattr(self, "_loss_parts", None)
        return super().metrics + (list(parts.means.values()) if parts else [])

    def fit(
        self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any
    ) -> keras.callbacks.History:
        """Train the detector, after validating the first batch.

        Args:
            x: With `y`: images, RGB in `[0, 255]`, of the size of the network.
                Otherwise batches `(images, {"boxes", "labels"})` or
                `{"images", "bounding_boxes": {"boxes", "labels"}}` from a
                `DetectionBatches`, a `PyDataset`, `tf.data` or Grain.
            y: Dict of `"boxes"` of shape `(number, max_boxes, 4)` in the
                `bounding_box_format` of `compile`, and `"labels"` of shape
                `(number, max_boxes)`. Padding has label -1.
            *args: Further arguments of `keras.Model.fit`.
            **kwargs: Further arguments of `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: If the arrays or the first batch do not fit the model,
                or if the boxes look like another format.
        """
        return super().fit(x, y, *args, **kwargs)

    def _check_batch(self, batch: Any) -> None:
        super()._check_batch(batch)
        if getattr(self, "_loss_parts", None) is not None:
            check_training_batch(
                batch,
                self.num_classes,
                self.class_head.data_format,
                self._bounding_box_format,
            )

    def train_step(self, *args: Any) -> Any:
        """Run one step of `fit`; on JAX the state is the first argument."""
        return super().train_step(*args[:-1], unpack_batch(args[-1]))

    def test_step(self, *args: Any) -> Any:
        """Run one step of `evaluate`; on JAX the state is first."""
        return super().test_step(*args[:-1], unpack_batch(args[-1]))

    def compute_loss(
        self,
        x: Tensor = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """Return the loss of a batch.

        Args:
            x: Tensor of images.
            y: Dict of `"boxes"` and `"labels"`, padded with label -1.
            y_pred: Dict of the model's outputs for `x`.
            sample_weight: Tensor of shape `(batch,)`, or `None`.
            training: Boolean, unused.

        Returns:
            A float32 scalar.
        """
        image_size = self._size_of(x)
        boxes, labels = unpack_boxes(y)
        boxes = convert_boxes(
            ops.cast(boxes, "float32"),
            self._bounding_box_format,
            "yxyx",
            image_size=image_size,
        )
        anchors = self.generate_anchors(image_size)
        targets = assign_targets(boxes, ops.cast(labels, "int32"), anchors)
        parts = self._detection_loss(
            targets, y_pred, anchors, sample_weight=sample_weight
        )
        loss = parts.pop("loss")
        rate = self._detection_loss.l2_regularization
        if rate:
            parts["l2_loss"] = rate * self._sum_of_squares() / 2
            loss = loss + parts["l2_loss"]
        for extra in self.losses:
            loss = loss + ops.sum(ops.cast(extra, "float32"))
        self._loss_parts.update(parts, x)
        return loss

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        raise NotImplementedError

    def generate_anchors(
        self, image_size: tuple[int | None, int | None] | None = None
    ) -> np.ndarray:
        """Return the anchors; see `DetectionModel.generate_anchors`."""
        raise NotImplementedError

    def _size_of(self, images: Tensor) -> tuple[int | None, int | None]:
        """Return height and width of a batch, known at compile time."""
        height, width = spatial_axes(self.class_head.data_format)
        size = images.shape[height], images.shape[width]
        return self.image_size if None in size else size

    def _sum_of_squares(self) -> Tensor:
        kernels = [v for v in self.trainable_variables if v.name in KERNELS]
        return sum(ops.sum(ops.square(kernel)) for kernel in kernels)


class _LossParts:
    """Means of the parts of the loss, for the progress bar.

    Not a list or dict attribute of the model: Keras would keep the metrics of
    an earlier `compile` as well.
    """

    def __init__(self, loss: DetectionLoss) -> None:
        names = ["class_loss", "box_loss"]
        names += ["iou_loss"] if loss.iou_loss else []
        names += ["l2_loss"] if loss.l2_regularization else []
        self.means = {name: keras.metrics.Mean(name=name) for name in names}

    def update(self, parts: dict[str, Tensor], images: Tensor) -> None:
        """Add a batch, weighted by its size as Keras weighs its losses."""
        batch_size = ops.shape(images)[0]
        for name, mean in self.means.items():
            mean.update_state(parts[name], sample_weight=batch_size)
