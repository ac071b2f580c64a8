"""The loss of a detector."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_efficient.losses.focal import sigmoid_focal_loss
from keras_efficient.losses.huber import huber_loss
from keras_efficient.losses.iou import KINDS
from keras_efficient.losses.iou import iou_loss as overlap_loss
from keras_efficient.ops import decode_boxes
from keras_efficient.types import Tensor

# Upper limit of the logarithmic sides in an IoU loss. No box is e^20 times its
# anchor, but the unconstrained offsets of background may be: their exponential
# would be infinite, and 0 times its slope NaN.
MAX_LOG_SIDE = 20.0

# Smaller offsets, in sides of the anchor, count as 0.
SMALLEST_OFFSET = 1e-6


@keras.saving.register_keras_serializable(package="keras_efficient")
class DetectionLoss:
    """Focal loss of the classes plus Huber loss of the boxes.

    Both are sums over all anchors of a batch, divided by one plus the number
    of anchors with a box; the Huber loss is also divided by four. As in the
    original, components of a box whose target is exactly 0 do not contribute.

    Args:
        alpha: Float in `[0, 1]`; see `sigmoid_focal_loss`. Defaults to 0.25.
        gamma: Float, at least 0; see `sigmoid_focal_loss`. Defaults to 1.5.
        label_smoothing: Float in `[0, 1)`; see `sigmoid_focal_loss`. Defaults
            to 0.
        huber_delta: Positive float; see `huber_loss`. Defaults to 0.1.
        box_loss_weight: Float, weight of the Huber loss; 0 to train with an
            IoU loss alone. Defaults to 50.
        iou_loss: String, `"iou"`, `"giou"`, `"diou"` or `"ciou"`, an
            additional loss of the boxes; see `losses.iou_loss`. Defaults to
            `None`: no such loss.
        iou_loss_weight: Float, weight of the IoU loss. Defaults to 1.
        l2_regularization: Float, weight of half the sum of squares of all
            trainable kernels, which the model adds. The paper uses 4e-5.
            Defaults to 0, because optimizers have a `weight_decay`.

    Call arguments:
        targets: Dict returned by `assign_targets`.
        outputs: Dict of `"class_logits"` and `"box_deltas"`.
        anchors: Array of shape `(num_anchors, 4)`, `yxyx` in pixels.
        sample_weight: Tensor of shape `(batch,)`, weights of the images, or
            `None`.

    Returns:
        When called, a dict of float32 scalars: `"class_loss"`, `"box_loss"`
        (without its weight), `"iou_loss"` if requested, and `"loss"`.

    Raises:
        ValueError: If a number is out of range, or the numbers of outputs and
            anchors differ.

    Example:
    >>> loss = keras_efficient.losses.DetectionLoss(iou_loss="ciou")
    >>> loss.get_config()["iou_loss"]
    'ciou'

    Reference:
        - `google/automl`, `efficientdet/tf2/train_lib.py`.
    """

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 1.5,
        label_smoothing: float = 0.0,
        huber_delta: float = 0.1,
        box_loss_weight: float = 50.0,
        iou_loss: str | None = None,
        iou_loss_weight: float = 1.0,
        l2_regularization: float = 0.0,
    ):
        if iou_loss is not None and iou_loss not in KINDS:
            raise ValueError(
                f"`iou_loss` must be None or one of {KINDS}. "
                f"Received: iou_loss={iou_loss!r}"
            )
        for name, value, is_right, bounds in (
            ("alpha", alpha, 0 <= alpha <= 1, "[0, 1]"),
            ("gamma", gamma, gamma >= 0, "[0, inf)"),
            (
                "label_smoothing",
                label_smoothing,
                0 <= label_smoothing < 1,
                "[0, 1)",
            ),
            ("huber_delta", huber_delta, huber_delta > 0, "(0, inf)"),
            (
                "l2_regularization",
                l2_regularization,
                l2_regularization >= 0,
                "[0, inf)",
            ),
        ):
            if not is_right:
                raise ValueError(
                    f"`{name}` must be in {bounds}. Received: {name}={value}"
                )
        self.alpha = alpha
        self.gamma = gamma
        self.label_smoothing = label_smoothing
        self.huber_delta = huber_delta
        self.box_loss_weight = box_loss_weight
        self.iou_loss = iou_loss
        self.iou_loss_weight = iou_loss_weight
        self.l2_regularization = l2_regularization

    def __call__(
        self,
        targets: Mapping[str, Tensor],
        outputs: Mapping[str, Tensor],
        anchors: Tensor,
        sample_weight: Tensor | None = None,
    ) -> dict[str, Tensor]:
        _check_counts(targets, outputs, anchors)
        num_positives = targets["num_positives"]
        weights = ops.ones_like(num_positives)
        if sample_weight is not None:
            weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        normalizer = ops.sum(weights * num_positives) + 1.0
        deltas = ops.cast(outputs["box_deltas"], "float32")
        # As in the original, an offset of 0 is not a target. Compiled code may
        # round it differently, therefore not exactly 0.
        counts = ops.abs(targets["box_deltas"]) > SMALLEST_OFFSET
        counts = ops.cast(counts, "float32")

        def total(losses: Tensor) -> Tensor:
            """Weighted sum over the images."""
            axes = tuple(range(1, len(losses.shape)))
            return ops.sum(ops.sum(losses, axis=axes) * weights) / normalizer

        parts = {
            "class_loss": total(
                sigmoid_focal_loss(
                    targets["labels"],
                    outputs["class_logits"],
                    self.alpha,
                    self.gamma,
                    self.label_smoothing,
                )
            ),
            "box_loss": total(
                huber_loss(targets["box_deltas"], deltas, self.huber_delta)
                * counts
            )
            / 4.0,
        }
        loss = parts["class_loss"] + self.box_loss_weight * parts["box_loss"]
        if self.iou_loss:
            losses = self._overlap_losses(
                targets, deltas, anchors, counts, self.iou_loss
            )
            parts["iou_loss"] = total(losses) / 4.0
            loss = loss + self.iou_loss_weight * parts["iou_loss"]
        return {**parts, "loss": loss}

    def _overlap_losses(
        self,
        targets: Mapping[str, Tensor],
        deltas: Tensor,
        anchors: Tensor,
        counts: Tensor,
        kind: str,
    ) -> Tensor:
        anchors = ops.convert_to_tensor(anchors, dtype="float32")
        sides = ops.minimum(deltas[..., 2:], MAX_LOG_SIDE)
        deltas = ops.concatenate([deltas[..., :2], sides], axis=-1)
        return overlap_loss(
            decode_boxes(targets["box_deltas"], anchors) * counts,
            decode_boxes(deltas, anchors) * counts,
            kind,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, for saving."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DetectionLoss":
        """Restore from the result of `get_config`."""
        return cls(**config)


def _check_counts(
    targets: Mapping[str, Tensor],
    outputs: Mapping[str, Tensor],
    anchors: Tensor,
) -> None:
    numbers = {
        "targets": targets["labels"].shape[1],
        "class_logits": outputs["class_logits"].shape[1],
        "box_deltas": outputs["box_deltas"].shape[1],
        "anchors": anchors.shape[0],
    }
    if len({number for number in numbers.values() if number}) > 1:
        raise ValueError(
            "The numbers of targets, outputs and anchors must be equal. "
            "Generate the anchors for the size of the model's input. "
            f"Received: {numbers}"
        )
