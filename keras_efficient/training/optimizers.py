"""Keras' optimizers with what the training of detectors adds to them."""

import keras
from keras import ops

from keras_efficient import kernels


class _DetectorOptimizer:
    """Clips each gradient, then all; averages weights with a warm-up.

    Keras' own average forgets too slowly for a few hundred steps: with a
    momentum of 0.9998 the first weights would still be most of it.
    """

    def __init__(self, *args, clip_each=None, ema_warmup=True, **kwargs):
        super().__init__(*args, **kwargs)
        self.clip_each = clip_each
        self.ema_warmup = ema_warmup

    def _apply_weight_decay(self, variables):
        if self.weight_decay is None:
            return
        variables = [v for v in variables if self._use_weight_decay(v)]
        if variables:
            # Once, where Keras computes it for each variable.
            factor = 1 - self.learning_rate * self.weight_decay
            kernels.scale_variables(variables, ops.convert_to_tensor(factor))

    def _clip_gradients(self, grads):
        if self.clip_each:
            lengths = kernels.norms(grads)
            factors = self.clip_each / ops.maximum(lengths, self.clip_each)
            grads = kernels.scaled(grads, factors)
        if not self.global_clipnorm:
            return super()._clip_gradients(grads)
        length = ops.sqrt(ops.sum(ops.square(kernels.norms(grads))))
        factor = self.global_clipnorm / ops.maximum(
            length, self.global_clipnorm
        )
        return kernels.scaled(grads, ops.repeat(factor, len(grads)))

    def _update_model_variables_moving_average(self, trainable_variables):
        if not self.ema_warmup:
            return super()._update_model_variables_moving_average(
                trainable_variables
            )
        step = ops.cast(self.iterations, "float32")
        momentum = ops.minimum(self.ema_momentum, (1 + step) / (10 + step))
        # The first average is the weights themselves.
        momentum = ops.where(ops.equal(step, 0), 0.0, momentum)
        pairs = [
            (average, variable)
            for variable, average in zip(
                trainable_variables,
                self._model_variables_moving_average,
                strict=True,
            )
            if average is not None
        ]
        kernels.approach(*zip(*pairs, strict=True), 1 - momentum)

    def _overwrite_model_variables_with_average_value(
        self, trainable_variables
    ):
        averages = self._model_variables_moving_average
        for variable, average in zip(
            trainable_variables, averages, strict=True
        ):
            if average is not None:
                # Its own memory: JAX gives away both in the next step.
                variable.assign(ops.copy(average))

    def get_config(self):
        config = super().get_config()
        config.update(
            {"clip_each": self.clip_each, "ema_warmup": self.ema_warmup}
        )
        return config


def _of_backend(optimizer):
    """The class that Keras makes of it: PyTorch has faster ones."""
    return type(optimizer.__new__(optimizer))


@keras.saving.register_keras_serializable(package="keras_efficient")
class DetectorSGD(_DetectorOptimizer, _of_backend(keras.optimizers.SGD)):
    """`keras.optimizers.SGD` as google/automl trains detectors with it.

    Args:
        *args: As `keras.optimizers.SGD` takes them.
        clip_each: Float, bound of the norm of each gradient on its own, ahead
            of `global_clipnorm`; `None` for none, the default.
        ema_warmup: Boolean, whether with `use_ema` the momentum of the
            average is `min(ema_momentum, (1 + step) / (10 + step))`. Defaults
            to `True`.
        **kwargs: As `keras.optimizers.SGD` takes them.

    Returns:
        A Keras optimizer.

    Example:
    >>> optimizer = keras_efficient.training.DetectorSGD(
    ...     0.01, momentum=0.9, clip_each=10.0, global_clipnorm=10.0
    ... )

    Reference:
        - `google/automl`, `efficientdet/tf2/train_lib.py`.
    """


@keras.saving.register_keras_serializable(package="keras_efficient")
class DetectorAdamW(_DetectorOptimizer, _of_backend(keras.optimizers.AdamW)):
    """`keras.optimizers.AdamW` with an average that warms up.

    Args:
        *args: As `keras.optimizers.AdamW` takes them.
        clip_each: Float, bound of the norm of each gradient on its own, ahead
            of `global_clipnorm`; `None` for none, the default.
        ema_warmup: Boolean, whether with `use_ema` the momentum of the
            average is `min(ema_momentum, (1 + step) / (10 + step))`. Defaults
            to `True`.
        **kwargs: As `keras.optimizers.AdamW` takes them.

    Returns:
        A Keras optimizer.

    Example:
    >>> optimizer = keras_efficient.training.DetectorAdamW(1e-3, use_ema=True)
    """
