"""Huber loss of box offsets."""

from keras import ops

from keras_efficient.types import Tensor


def huber_loss(
    targets: Tensor, predictions: Tensor, delta: float = 0.1
) -> Tensor:
    """Compute the Huber loss: quadratic for small errors, linear for large.

    Args:
        targets: Tensor of any shape.
        predictions: Tensor of the same shape.
        delta: Positive float, the error at which the loss becomes linear.
            Defaults to 0.1.

    Returns:
        Float32 tensor of the same shape.

    Example:
    >>> loss = keras_efficient.losses.huber_loss(
    ...     np.array([0.0, 0.0]), np.array([0.05, -1.0])
    ... )
    >>> [round(float(x), 5) for x in loss]
    [0.00125, 0.095]
    """
    targets = ops.cast(targets, "float32")
    error = ops.abs(ops.cast(predictions, "float32") - targets)
    small = ops.minimum(error, delta)
    return small * (error - small / 2)
