"""Recipes for classification: arguments for `compile`."""

import math
from typing import Any

import keras
from keras import ops

from keras_efficient.inference import ClassOutputs
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class WarmupCosineDecay(keras.optimizers.schedules.CosineDecay):
    """`keras.optimizers.schedules.CosineDecay` without branches.

    Keras evaluates the learning rate once for each variable. Its two branches,
    repeated a thousand times, would be most of the compilation of a large
    network's training step.

    Args:
        *args: See `CosineDecay`.
        **kwargs: See `CosineDecay`.
    """

    def __call__(self, step: Tensor) -> Tensor:
        """Return the learning rate of a step."""
        step = ops.cast(step, "float32")
        start, peak = self.initial_learning_rate, self.warmup_target
        warmup_steps = self.warmup_steps
        if peak is None:
            peak, warmup_steps = start, 0
        share = ops.clip((step - warmup_steps) / self.decay_steps, 0.0, 1.0)
        cosine = (1 + ops.cos(math.pi * share)) / 2
        falling = peak * ((1 - self.alpha) * cosine + self.alpha)
        if not warmup_steps:
            return falling
        rising = start + (peak - start) * step / warmup_steps
        return ops.where(step < warmup_steps, rising, falling)


def cosine_schedule(
    learning_rate: float, steps: int, warmup_steps: int = 0
) -> WarmupCosineDecay:
    """Return a cosine schedule with a linear warm-up.

    Args:
        learning_rate: Float, the highest value.
        steps: Integer, number of all steps, including the warm-up.
        warmup_steps: Integer, steps of the linear warm-up from 0. Defaults to
            0.

    Returns:
        A `keras.optimizers.schedules.CosineDecay` without branches.

    Raises:
        ValueError: If `steps` does not exceed `warmup_steps`.

    Example:
    >>> schedule = keras_efficient.training.cosine_schedule(0.1, 100, 10)
    >>> [round(float(schedule(step)), 3) for step in (0, 5, 10, 55, 100)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """
    if not 0 <= warmup_steps < steps:
        raise ValueError(
            "`steps` must exceed `warmup_steps`. "
            f"Received: steps={steps}, warmup_steps={warmup_steps}"
        )
    if warmup_steps == 0:
        return WarmupCosineDecay(learning_rate, steps)
    return WarmupCosineDecay(
        initial_learning_rate=0.0,
        decay_steps=steps - warmup_steps,
        warmup_target=learning_rate,
        warmup_steps=warmup_steps,
    )


def classification_recipe(
    steps: int,
    *,
    learning_rate: float = 1e-3,
    warmup_steps: int | None = None,
    label_smoothing: float = 0.1,
    weight_decay: float = 1e-4,
    clipnorm: float | None = 1.0,
    ema_momentum: float | None = None,
    outputs: ClassOutputs | None = None,
    single_label: bool = True,
) -> dict[str, Any]:
    """Return arguments for `compile` that fine-tune a classifier.

    AdamW with a cosine schedule and a warm-up, gradients clipped by their
    global norm, cross-entropy with label smoothing. Biases and batch
    normalization are excluded from the weight decay. The cross-entropy is the
    binary one if the classes of the model do not exclude each other.

    Args:
        steps: Integer, number of all training steps, `epochs *
            len(batches)`.
        learning_rate: Float, the highest value. Defaults to 1e-3.
        warmup_steps: Integer. Defaults to a tenth of `steps`.
        label_smoothing: Float in `[0, 1)`. Defaults to 0.1.
        weight_decay: Float, decoupled. Defaults to 1e-4.
        clipnorm: Float, largest global norm of the gradients, or `None` for
            no limit. Defaults to 1.
        ema_momentum: Float in `[0, 1)`, momentum of a moving average of the
            weights, with which `fit` ends. Defaults to `None`, no average.
        outputs: What the outputs of the model mean,
            `inference.outputs_of(model)`. Defaults to `None`: probabilities
            of classes that exclude each other.
        single_label: Boolean, whether each image belongs to one of several
            classes, so that the accuracy is that of the most probable class.
            Defaults to `True`.

    Returns:
        A dict for `model.compile(**recipe)`: `optimizer`, `loss`, `metrics`.
        Labels are one-hot; for one output they have the shape `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> recipe = keras_efficient.training.classification_recipe(steps=100)
    >>> sorted(recipe)
    ['loss', 'metrics', 'optimizer']
    """
    if warmup_steps is None:
        warmup_steps = steps // 10
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            "`label_smoothing` must be in [0, 1). "
            f"Received: label_smoothing={label_smoothing}"
        )
    optimizer = keras.optimizers.AdamW(
        cosine_schedule(learning_rate, steps, warmup_steps),
        weight_decay=weight_decay,
        global_clipnorm=clipnorm,
        use_ema=ema_momentum is not None,
        ema_momentum=0.99 if ema_momentum is None else ema_momentum,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return {
        "optimizer": optimizer,
        "loss": _cross_entropy(outputs, label_smoothing),
        "metrics": [_accuracy(outputs, single_label)],
    }


def _cross_entropy(
    outputs: ClassOutputs | None, label_smoothing: float
) -> keras.losses.Loss:
    if outputs is None:
        return keras.losses.CategoricalCrossentropy(
            label_smoothing=label_smoothing
        )
    losses = keras.losses
    kind = (
        losses.CategoricalCrossentropy
        if outputs.exclusive
        else losses.BinaryCrossentropy
    )
    return kind(
        from_logits=outputs.from_logits, label_smoothing=label_smoothing
    )


def _accuracy(
    outputs: ClassOutputs | None, single_label: bool
) -> keras.metrics.Metric:
    if outputs is None or (single_label and outputs.number > 1):
        return keras.metrics.CategoricalAccuracy(name="accuracy")
    if outputs.exclusive:
        return keras.metrics.CategoricalAccuracy(name="accuracy")
    return keras.metrics.BinaryAccuracy(
        name="accuracy", threshold=outputs.logit_threshold
    )
