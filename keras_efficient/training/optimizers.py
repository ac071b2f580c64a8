"""Optimizers of Keras with additions for the training of detectors."""

from typing import Any

import keras
from keras import ops

from keras_efficient import kernels
from keras_efficient.internals import keras_internals


class _DetectionOptimizer(keras_internals.OptimizerHooks):
    """Clips each gradient, then all; warms up the average of the weights.

    The average of Keras adapts too slowly for a few hundred steps: with a
    momentum of 0.9998 it would consist mostly of the initial weights.
    """

    # Attributes of `keras.optimizers.Optimizer`.
    learning_rate: Any
    weight_decay: Any
    global_clipnorm: Any
    iterations: Any
    ema_momentum: Any
    built: bool

    def __init__(
        self,
        *args: Any,
        clip_each: float | None = None,
        ema_warmup: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.clip_each = clip_each
        self.ema_warmup = ema_warmup

    def decay_weights(self, variables: list) -> None:
        """Multiply all variables at once; Keras does it one by one."""
        factor = 1 - self.learning_rate * self.weight_decay
        kernels.scale_variables(variables, ops.convert_to_tensor(factor))

    def clip_gradients(self, gradients: list) -> list:
        """Clip the norm of each gradient, then the global norm."""
        if self.clip_each:
            lengths = kernels.norms(gradients)
            factors = self.clip_each / ops.maximum(lengths, self.clip_each)
            gradients = kernels.scaled(gradients, factors)
        if not self.global_clipnorm:
            return super().clip_gradients(gradients)
        length = ops.sqrt(ops.sum(ops.square(kernels.norms(gradients))))
        factor = self.global_clipnorm / ops.maximum(
            length, self.global_clipnorm
        )
        return kernels.scaled(gradients, ops.repeat(factor, len(gradients)))

    def update_averages(self, variables: list) -> None:
        """Update the averages with a momentum that grows with the steps."""
        if not self.ema_warmup:
            super().update_averages(variables)
            return
        step = ops.cast(self.iterations, "float32")
        momentum = ops.minimum(self.ema_momentum, (1 + step) / (10 + step))
        # The first average is the weights themselves.
        momentum = ops.where(ops.equal(step, 0), 0.0, momentum)
        pairs = keras_internals.moving_averages(self, variables)
        kept, averages = zip(*pairs, strict=True)
        kernels.ema_update(averages, kept, 1 - momentum)

    def finalize_variable_values(self, var_list: list) -> None:
        """Replace the weights with their averages, if there were any steps.

        Keras does so also after a `fit` without epochs, such as that of a
        finished run, when the averages are 0 or do not exist.
        """
        if self.built and int(self.iterations):
            super().finalize_variable_values(var_list)  # type: ignore[misc]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()  # type: ignore[misc]
        config.update(
            {"clip_each": self.clip_each, "ema_warmup": self.ema_warmup}
        )
        return config


def _of_backend(optimizer: type) -> Any:
    """Return the class that Keras instantiates: PyTorch has faster ones."""
    return type(optimizer.__new__(optimizer))  # type: ignore[call-overload]


_SGD: Any = _of_backend(keras.optimizers.SGD)
_AdamW: Any = _of_backend(keras.optimizers.AdamW)


@keras.saving.register_keras_serializable(package="keras_efficient")
class DetectionSGD(_DetectionOptimizer, _SGD):
    """`keras.optimizers.SGD` with the additions of google/automl.

    Args:
        *args: See `keras.optimizers.SGD`.
        clip_each: Float, largest norm of each single gradient, applied before
            `global_clipnorm`. Defaults to `None`, no limit.
        ema_warmup: Boolean, whether the momentum of the average is
            `min(ema_momentum, (1 + step) / (10 + step))` with `use_ema`.
            Defaults to `True`.
        **kwargs: See `keras.optimizers.SGD`.

    Example:
    >>> optimizer = keras_efficient.training.DetectionSGD(
    ...     0.01, momentum=0.9, clip_each=10.0, global_clipnorm=10.0
    ... )

    Reference:
        - `google/automl`, `efficientdet/tf2/train_lib.py`.
    """


@keras.saving.register_keras_serializable(package="keras_efficient")
class DetectionAdamW(_DetectionOptimizer, _AdamW):
    """`keras.optimizers.AdamW` with a warm-up of the average of weights.

    Args:
        *args: See `keras.optimizers.AdamW`.
        clip_each: Float, largest norm of each single gradient, applied before
            `global_clipnorm`. Defaults to `None`, no limit.
        ema_warmup: Boolean, whether the momentum of the average is
            `min(ema_momentum, (1 + step) / (10 + step))` with `use_ema`.
            Defaults to `True`.
        **kwargs: See `keras.optimizers.AdamW`.

    Example:
    >>> optimizer = keras_efficient.training.DetectionAdamW(1e-3, use_ema=True)
    """


for _old, _new in (
    ("DetectorSGD", DetectionSGD),
    ("DetectorAdamW", DetectionAdamW),
):
    # Names in models that version 0.1 saved together with their optimizer.
    keras.saving.get_custom_objects()[f"keras_efficient>{_old}"] = _new
