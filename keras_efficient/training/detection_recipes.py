"""Recipes for detection: arguments for `compile`."""

import math
from typing import Any

import keras
from keras import ops

from keras_efficient.losses import DetectionLoss
from keras_efficient.training.optimizers import DetectionAdamW
from keras_efficient.training.optimizers import DetectionSGD
from keras_efficient.training.recipes import cosine_schedule
from keras_efficient.types import Tensor

# Batch sizes to which the learning rates refer.
SMALL_BATCH_SIZE = 8
PAPER_BATCH_SIZE = 64


@keras.saving.register_keras_serializable(package="keras_efficient")
class EfficientDetSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate schedule of google/automl: linear warm-up, then cosine.

    Unlike in `cosine_schedule`, the cosine starts at step 0 instead of at the
    end of the warm-up, and the warm-up does not start at 0.

    Args:
        learning_rate: Float, highest value.
        steps: Integer, number of all steps.
        warmup_steps: Integer, steps of the warm-up, fewer than `steps`.
        warmup_learning_rate: Float, start of the warm-up. Defaults to 0.008.

    Raises:
        ValueError: If `steps` does not exceed `warmup_steps`.

    Example:
    >>> schedule = keras_efficient.training.EfficientDetSchedule(
    ...     0.08, steps=562500, warmup_steps=1875
    ... )
    >>> [round(float(schedule(step)), 5) for step in (0, 100, 5000, 281000)]
    [0.008, 0.01184, 0.07998, 0.03985]

    Reference:
        - `google/automl`, `efficientdet/tf2/train_lib.py`,
          `CosineLrSchedule`.
    """

    def __init__(
        self,
        learning_rate: float,
        steps: int,
        warmup_steps: int,
        warmup_learning_rate: float = 0.008,
    ) -> None:
        if not 0 <= warmup_steps < steps:
            raise ValueError(
                "`steps` must exceed `warmup_steps`. "
                f"Received: steps={steps}, warmup_steps={warmup_steps}"
            )
        super().__init__()
        self.learning_rate = learning_rate
        self.steps = steps
        self.warmup_steps = warmup_steps
        self.warmup_learning_rate = warmup_learning_rate

    def __call__(self, step: Tensor) -> Tensor:
        """Return the learning rate of a step."""
        step = ops.cast(step, "float32")
        rise = self.learning_rate - self.warmup_learning_rate
        line = self.warmup_learning_rate + rise * step / max(
            self.warmup_steps, 1
        )
        angle = math.pi * step / (self.steps - self.warmup_steps)
        cosine = self.learning_rate * (1 + ops.cos(angle)) / 2
        return ops.where(step < self.warmup_steps, line, cosine)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "warmup_steps": self.warmup_steps,
            "warmup_learning_rate": self.warmup_learning_rate,
        }


def paper_detection_recipe(
    steps: int,
    batch_size: int,
    steps_per_epoch: int,
    *,
    l2_regularization: float = 4e-5,
) -> dict[str, Any]:
    """Return arguments for `compile` that train a detector as in its paper.

    SGD with momentum 0.9 and a learning rate of 0.08 for a batch of 64; one
    epoch of warm-up and a cosine schedule; each gradient and the global norm
    clipped at 10; an average of the weights with a momentum of 0.9998; L2
    regularization of the kernels. Intended for hundreds of epochs on COCO with
    batches of 64 or 128. For small data sets see `detection_recipe`.

    Args:
        steps: Integer, number of all training steps. The paper's 300 epochs
            of COCO are 562,500 steps with a batch of 64.
        batch_size: Integer, images in a step on all devices.
        steps_per_epoch: Integer, steps of the warm-up.
        l2_regularization: Float, factor of half the squared kernels. Defaults
            to 4e-5.

    Returns:
        A dict for `model.compile(**recipe)`: `optimizer` and `loss`.

    Raises:
        ValueError: If `steps` does not exceed `steps_per_epoch`.

    Example:
    >>> recipe = keras_efficient.training.paper_detection_recipe(
    ...     steps=300 * 1875, batch_size=64, steps_per_epoch=1875
    ... )
    >>> sorted(recipe)
    ['loss', 'optimizer']

    Reference:
        - [Tan et al., 2020, section 5.1](https://arxiv.org/abs/1911.09070),
          `google/automl`, `efficientdet/hparams_config.py`.
    """
    schedule = EfficientDetSchedule(
        0.08 * batch_size / PAPER_BATCH_SIZE, steps, steps_per_epoch
    )
    optimizer = DetectionSGD(
        schedule,
        momentum=0.9,
        clip_each=10.0,
        global_clipnorm=10.0,
        use_ema=True,
        ema_momentum=0.9998,
    )
    loss = DetectionLoss(l2_regularization=l2_regularization)
    return {"optimizer": optimizer, "loss": loss}


def detection_recipe(
    steps: int,
    batch_size: int,
    *,
    learning_rate: float = 1e-3,
    warmup_steps: int | None = None,
    weight_decay: float = 1e-3,
    clipnorm: float | None = 10.0,
    ema_momentum: float | None = 0.998,
    loss: DetectionLoss | None = None,
) -> dict[str, Any]:
    """Return arguments for `compile` that fine-tune a detector.

    For small data sets: AdamW with a cosine schedule and a warm-up, gradients
    clipped by their global norm, and an average of the weights that is useful
    after a few hundred steps; `fit` ends with the average. Biases, batch
    normalization and fusion weights are excluded from the weight decay.

    Args:
        steps: Integer, number of all training steps, `epochs *
            len(batches)`.
        batch_size: Integer, images in a step.
        learning_rate: Float, highest value for a batch of 8. It is scaled in
            proportion to the batch size, up to a factor of 4. Defaults to
            1e-3.
        warmup_steps: Integer. Defaults to a tenth of `steps`, at most 500.
        weight_decay: Float, decoupled. Defaults to 1e-3.
        clipnorm: Float, largest global norm of the gradients, or `None` for
            no limit. Defaults to 10.
        ema_momentum: Float in `[0, 1)`, largest momentum of the average, or
            `None` for no average. Defaults to 0.998.
        loss: A `losses.DetectionLoss`. Defaults to one with the settings of
            the paper.

    Returns:
        A dict for `model.compile(**recipe)`: `optimizer` and `loss`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> recipe = keras_efficient.training.detection_recipe(1000, batch_size=8)
    >>> sorted(recipe)
    ['loss', 'optimizer']
    """
    if steps < 1 or batch_size < 1:
        raise ValueError(
            "`steps` and `batch_size` must be at least 1. "
            f"Received: steps={steps}, batch_size={batch_size}"
        )
    if warmup_steps is None:
        warmup_steps = min(steps // 10, 500)
    scale = min(batch_size / SMALL_BATCH_SIZE, 4.0)
    optimizer = DetectionAdamW(
        cosine_schedule(learning_rate * scale, steps, warmup_steps),
        weight_decay=weight_decay,
        global_clipnorm=clipnorm,
        use_ema=ema_momentum is not None,
        ema_momentum=0.99 if ema_momentum is None else ema_momentum,
    )
    optimizer.exclude_from_weight_decay(
        var_names=["bias", "gamma", "beta", "fusion_weights"]
    )
    return {"optimizer": optimizer, "loss": loss or DetectionLoss()}
