"""Focal loss of independent classes, from logits."""

from keras import ops

from keras_efficient.ops.matching import IGNORED
from keras_efficient.types import Tensor


def sigmoid_focal_loss(
    labels: Tensor,
    logits: Tensor,
    alpha: float = 0.25,
    gamma: float = 1.5,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Compute the focal loss of each class at each anchor.

    `alpha_t * (1 - p_t) ** gamma * cross_entropy`, computed from logits, so
    that the gradient is accurate for logits of any magnitude.

    Args:
        labels: Int32 tensor of shape `(batch, num_anchors)`: the class from 0,
            -1 for background, -2 for ignored anchors.
        logits: Tensor of shape `(batch, num_anchors, num_classes)`.
        alpha: Float in `[0, 1]`, weight of the positive class; negative
            classes have the weight `1 - alpha`. Defaults to 0.25.
        gamma: Float, at least 0, focusing exponent; larger values down-weight
            easy anchors. Defaults to 1.5.
        label_smoothing: Float in `[0, 1)`, amount by which the targets of the
            cross-entropy are moved towards one half. Defaults to 0.

    Returns:
        Float32 tensor of the shape of `logits`.

    Example:
    >>> loss = keras_efficient.losses.sigmoid_focal_loss(
    ...     np.array([[0]]), np.array([[[2.0, 0.0]]])
    ... )
    >>> [round(float(x), 5) for x in loss[0, 0]]
    [0.00131, 0.1838]

    Reference:
        - [Lin et al., 2017](https://arxiv.org/abs/1708.02002).
        - `google/automl`, `efficientdet/tf2/train_lib.py`, `FocalLoss`.
    """
    logits = ops.cast(logits, "float32")
    labels = ops.expand_dims(ops.cast(labels, "int32"), -1)
    is_class = ops.equal(labels, ops.arange(logits.shape[-1], dtype="int32"))
    # Logit of the wrong outcome.
    wrong = ops.where(is_class, -logits, logits)
    cross_entropy = ops.softplus(wrong)
    counts = ops.where(ops.equal(labels, IGNORED), 0.0, 1 - alpha)
    weight = ops.where(is_class, alpha, counts)
    # (1 - p_t) ** gamma, without the infinite slope of a power at 0.
    focus = ops.exp(gamma * (wrong - cross_entropy))
    if label_smoothing:
        # The target moves by half of it, and the loss with the logit.
        cross_entropy = cross_entropy - label_smoothing / 2 * wrong
    return weight * focus * cross_entropy
