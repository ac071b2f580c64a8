"""Batch normalisation that runs by the fastest way of its backend."""

import keras
from keras import ops

from keras_efficient import kernels
from keras_efficient.layers.host_initialization import HostInitialization


@keras.saving.register_keras_serializable(package="keras_efficient")
class BatchNormalization(HostInitialization, keras.layers.BatchNormalization):
    """Batch normalisation, as `keras.layers.BatchNormalization` and faster.

    Config, weights and results are those of Keras' layer, also its freezing:
    with `trainable = False` it runs in inference mode and its statistics stay
    as they are. Only the way it is computed differs by backend and device,
    see `keras_efficient.kernels`.

    Args:
        *args: As for `keras.layers.BatchNormalization`: `axis`, `momentum`,
            `epsilon`, ... `momentum` is the share of the old statistics that
            is kept.
        **kwargs: As for `keras.layers.BatchNormalization`.

    Call arguments:
        inputs: Tensor of any rank with channels at `axis`.
        training: Boolean, whether to use the batch's statistics.
        mask: As for `keras.layers.BatchNormalization`.

    Returns:
        Tensor of the shape of `inputs`.

    Example:
    >>> norm = keras_efficient.layers.BatchNormalization()
    >>> keras.ops.shape(norm(keras.ops.ones((2, 7, 12, 4)), training=True))
    (2, 7, 12, 4)
    """

    def call(self, inputs, training=None, mask=None):
        if mask is not None or not self._is_plain():
            return super().call(inputs, training=training, mask=mask)
        gamma = ops.convert_to_tensor(self.gamma)
        beta = ops.convert_to_tensor(self.beta)
        moving_mean = ops.convert_to_tensor(self.moving_mean)
        moving_variance = ops.convert_to_tensor(self.moving_variance)
        if training and self.trainable:
            outputs, mean, variance = kernels.batch_norm_training(
                inputs, gamma, beta, self.axis, self.epsilon
            )
            kept, new = self.momentum, 1.0 - self.momentum
            self.moving_mean.assign(moving_mean * kept + mean * new)
            self.moving_variance.assign(moving_variance * kept + variance * new)
        else:
            outputs = kernels.batch_norm(
                inputs,
                moving_mean,
                moving_variance,
                gamma,
                beta,
                self.axis,
                self.epsilon,
            )
        return ops.cast(outputs, self.compute_dtype)

    def _is_plain(self):
        return (
            self.scale
            and self.center
            and not (self.renorm or self.synchronized)
            and isinstance(self.axis, int)
        )
