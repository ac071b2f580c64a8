"""Arguments for `compile`, with the numbers that work."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_efficient")
class WarmupCosineDecay(keras.optimizers.schedules.CosineDecay):
    """`keras.optimizers.schedules.CosineDecay` without branches.

    Keras asks for the learning rate once for each variable: its two branches,
    a thousand times over, are most of what is to be compiled of a large
    network's step.

    Args:
        *args: As `CosineDecay` takes them.
        **kwargs: As `CosineDecay` takes them.

    Returns:
        A Keras learning rate schedule.
    """

    def __call__(self, step):
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


def cosine_schedule(learning_rate, steps, warmup_steps=0):
    """A learning rate that warms up in a line and falls along a cosine.

    Args:
        learning_rate: Float, the highest value.
        steps: Integer, number of all steps, the warm-up's included.
        warmup_steps: Integer, steps in which it grows from 0. Defaults to 0.

    Returns:
        A `keras.optimizers.schedules.CosineDecay`, without branches.

    Raises:
        ValueError: If there are not more steps than warm-up steps.

    Example:
    >>> schedule = keras_efficient.training.cosine_schedule(0.1, 100, 10)
    >>> [round(float(schedule(step)), 3) for step in (0, 5, 10, 55, 100)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """
    if not 0 <= warmup_steps < steps:
        raise ValueError(
            "There must be more `steps` than `warmup_steps`. "
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
    steps,
    *,
    learning_rate=1e-3,
    warmup_steps=None,
    label_smoothing=0.1,
    weight_decay=1e-4,
    clipnorm=1.0,
    ema_momentum=None,
):
    """Arguments for `compile` that fine-tune a classifier.

    AdamW with a cosine schedule and a warm-up, gradients clipped by their
    common norm, cross-entropy with smoothed labels. The weight decay leaves
    biases and batch norm alone.

    Args:
        steps: Integer, number of all training steps: `epochs *
            len(batches)`.
        learning_rate: Float, the highest value. Defaults to 1e-3.
        warmup_steps: Integer. Defaults to a tenth of `steps`.
        label_smoothing: Float in `[0, 1)`. Defaults to 0.1.
        weight_decay: Float, decoupled. Defaults to 1e-4.
        clipnorm: Float, bound of the gradients' norm over all weights;
            `None` for none. Defaults to 1.
        ema_momentum: Float in `[0, 1)`, share of the old value that a moving
            average of the weights keeps at each step; `fit` ends with the
            average. `None` for none, the default.

    Returns:
        A dict for `model.compile(**recipe)`: `optimizer`, `loss`, `metrics`.
        Labels are one-hot.

    Raises:
        ValueError: If a number is out of range.

    Example:
    >>> recipe = keras_efficient.training.classification_recipe(steps=100)
    >>> sorted(recipe)
    ['loss', 'metrics', 'optimizer']
    """
    if warmup_steps is None:
        warmup_steps = steps // 10
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            "`label_smoothing` must lie in [0, 1). "
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
        "loss": keras.losses.CategoricalCrossentropy(
            label_smoothing=label_smoothing
        ),
        "metrics": [keras.metrics.CategoricalAccuracy(name="accuracy")],
    }
