"""Huber loss of box offsets."""

from keras import ops


def huber_loss(targets, predictions, delta=0.1):
    """Squares of small errors, magnitudes of large ones.

    Args:
        targets: Tensor of any shape.
        predictions: Tensor of the same shape.
        delta: Float above 0, the error at which one passes into the other.
            Defaults to 0.1.

    Returns:
        Float32 tensor of that shape.

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
