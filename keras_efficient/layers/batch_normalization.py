"""Batch normalization with a fast implementation for each backend."""

import keras
from keras import ops

from keras_efficient import kernels
from keras_efficient.layers.host_initialization import HostInitialization
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class BatchNormalization(HostInitialization, keras.layers.BatchNormalization):
    """A faster `keras.layers.BatchNormalization`.

    Configuration, weights and results are those of the layer in Keras. With
    `trainable = False` it runs in inference mode and its statistics do not
    change. Only the implementation depends on backend and device; see
    `keras_efficient.kernels`.

    Args:
        *args: As for `keras.layers.BatchNormalization`: `axis`, `momentum`,
            `epsilon`, ... `momentum` is the fraction of the moving statistics
            that each update keeps.
        **kwargs: As for `keras.layers.BatchNormalization`.

    Call arguments:
        inputs: Tensor of any rank with channels at `axis`.
        training: Boolean, whether to use the statistics of the batch.
        mask: As for `keras.layers.BatchNormalization`.

    Returns:
        Tensor of the shape of `inputs`.

    Example:
    >>> norm = keras_efficient.layers.BatchNormalization()
    >>> keras.ops.shape(norm(keras.ops.ones((2, 7, 12, 4)), training=True))
    (2, 7, 12, 4)
    """

    def call(
        self,
        inputs: Tensor,
        training: bool | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Normalize by the statistics of the batch or by the moving ones."""
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

    def _is_plain(self) -> bool:
        """Return whether the kernels support the options."""
        return (
            self.scale
            and self.center
            and not (self.renorm or self.synchronized)
            and isinstance(self.axis, int)
        )
