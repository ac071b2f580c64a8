"""How a detector is trained with Keras' own `fit`, and asked."""

import keras
from keras import ops

from keras_efficient.inference import detect
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.losses import DetectionLoss
from keras_efficient.losses import assign_targets
from keras_efficient.models.graph_model import GraphModel
from keras_efficient.models.ground_truth import check_training_data
from keras_efficient.models.ground_truth import unpack_batch
from keras_efficient.models.ground_truth import unpack_boxes
from keras_efficient.ops import convert_boxes

# What the L2 term of the paper counts: neither biases nor batch norm.
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


class DetectionModel(GraphModel):
    """A detector of anchors: its training and its use.

    Ground truth becomes targets within the loss, on the backend's device, so
    that any data that `fit` takes will do. Subclasses have
    `generate_anchors(image_size)`, `image_size`, `num_classes`, `class_names`,
    `class_head` and outputs `{"class_logits", "box_deltas"}`.
    """

    def detect(self, images, **kwargs):
        """Finds objects in images of any size.

        See `inference.detect` for all arguments.

        Args:
            images: A path, a uint8 array `(height, width, 3)`, a PIL image or
                the bytes of a file; or a list of these.
            **kwargs: `score_threshold`, `iou_threshold`, `max_detections`,
                `nms`, `class_agnostic`, `batch_size`, `dtype` and others of
                `inference.detect`.

        Returns:
            A list of `inference.Detections`, one for each image, with boxes
            in the pixels of that image.

        Raises:
            ValueError: If an image cannot be read, or an argument is out of
                range.

        Example:
        ```python
        model = keras_efficient.EfficientDetD0()
        detections = model.detect(["dogs.jpg"], score_threshold=0.4)
        detections[0].plot("dogs_boxes.png")
        ```
        """
        return detect(self, images, **kwargs)

    def compile(
        self,
        optimizer="adamw",
        loss=None,
        *,
        bounding_box_format="xyxy",
        metrics=None,
        **kwargs,
    ):
        """Configures the training.

        `training.detection_recipe` gives arguments that work.

        Args:
            optimizer: A Keras optimizer, or its name. Defaults to `"adamw"`.
            loss: A `losses.DetectionLoss`. Defaults to one with the paper's
                numbers.
            bounding_box_format: String, the format of the boxes that `fit`
                gets, by Keras' names: `"xyxy"`, `"yxyx"`, `"xywh"`,
                `"center_xywh"` in pixels of the network's input, or `"rel_"`
                and one of these as shares of its sides. Defaults to
                `"xyxy"`, as `data.DetectionDataset.batches` gives them.
            metrics: Must be `None`: the mean average precision needs all
                images, see `evaluation.COCOMetrics`.
            **kwargs: Further arguments of `keras.Model.compile`, such as
                `jit_compile` and `steps_per_execution`.

        Raises:
            ValueError: If `loss` is no `DetectionLoss`, or there are metrics.
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
                "A detector takes no `metrics` in `compile`; give `fit` the "
                "callback `keras_efficient.evaluation.COCOMetrics`. "
                f"Received: metrics={metrics!r}"
            )
        # Fails now where the format is unknown.
        convert_boxes(
            ops.zeros((1, 4)), bounding_box_format, "yxyx", image_size=(1, 1)
        )
        super().compile(optimizer, **kwargs)
        self._detection_loss = loss
        self._bounding_box_format = bounding_box_format
        self._loss_parts = _LossParts(loss)

    def get_compile_config(self):
        """The arguments of `compile`, for saving."""
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

    def compile_from_config(self, config):
        """Compiles with the arguments that were saved."""
        config = keras.saving.deserialize_keras_object(config)
        self.compile(**config)
        # So that there is something to load its state into.
        self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self):
        parts = getattr(self, "_loss_parts", None)
        return super().metrics + (list(parts.means.values()) if parts else [])

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains the detector; `keras.Model.fit` with a look at the data.

        Args:
            x: Images, RGB in `[0, 255]`, of the network's size, with `y`; or
                batches `(images, {"boxes", "labels"})` or
                `{"images", "bounding_boxes": {"boxes", "labels"}}` from a
                `DetectionBatches`, a `PyDataset`, `tf.data` or grain.
            y: With arrays: a dict of `"boxes"`, `(number, max_boxes, 4)`, in
                the `bounding_box_format` of `compile`, and `"labels"`,
                `(number, max_boxes)`. Rows beyond an image's boxes have label
                -1.
            *args: Further arguments of `keras.Model.fit`.
            **kwargs: Further arguments of `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: If the first batch, or the arrays, do not fit the
                model, or the boxes look like another format.
        """
        data_format = self.class_head.data_format
        if getattr(self, "_loss_parts", None) is not None:
            check_training_data(
                x, y, self.num_classes, data_format, self._bounding_box_format
            )
        return super().fit(x, y, *args, **kwargs)

    def train_step(self, *args):
        """One step; Keras calls it, with the state first on JAX."""
        return super().train_step(*args[:-1], unpack_batch(args[-1]))

    def test_step(self, *args):
        """One step of `evaluate`; Keras calls it."""
        return super().test_step(*args[:-1], unpack_batch(args[-1]))

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The loss of a batch; Keras calls it.

        Args:
            x: Images.
            y: Dict of `"boxes"` and `"labels"`, padded with labels -1.
            y_pred: The model's outputs for `x`.
            sample_weight: Tensor of shape `(batch,)`, or `None`.
            training: Unused.

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

    def _size_of(self, images):
        """Height and width of a batch, known when the step is compiled."""
        axes = spatial_axes(self.class_head.data_format)
        size = tuple(images.shape[axis] for axis in axes)
        return self.image_size if None in size else size

    def _sum_of_squares(self):
        kernels = [v for v in self.trainable_variables if v.name in KERNELS]
        return sum(ops.sum(ops.square(kernel)) for kernel in kernels)


class _LossParts:
    """Means of what the loss consists of, for the progress bar.

    Not a list or dict of the model's: Keras would keep those of an earlier
    `compile` as well.
    """

    def __init__(self, loss):
        names = ["class_loss", "box_loss"]
        names += ["iou_loss"] if loss.iou_loss else []
        names += ["l2_loss"] if loss.l2_regularization else []
        self.means = {name: keras.metrics.Mean(name=name) for name in names}

    def update(self, parts, images):
        """Adds a batch, weighted by its size as Keras weighs its losses."""
        batch_size = ops.shape(images)[0]
        for name, mean in self.means.items():
            mean.update_state(parts[name], sample_weight=batch_size)
