"""Initializers of the networks, as in their published code."""

import math

import keras


def conv_kernel_initializer() -> keras.initializers.Initializer:
    """Return a normal distribution of variance 2 / fan_out, with a new seed.

    It is truncated at two standard deviations, as in `keras.applications`. The
    variance is that of `conv_kernel_initializer` in `tensorflow/tpu`.
    """
    return keras.initializers.VarianceScaling(
        scale=2.0, mode="fan_out", distribution="truncated_normal"
    )


def dense_kernel_initializer() -> keras.initializers.Initializer:
    """Return a uniform distribution in +-1 / sqrt(classes)."""
    return keras.initializers.VarianceScaling(
        scale=1.0 / 3.0, mode="fan_out", distribution="uniform"
    )


def head_kernel_initializer(
    is_separable: bool,
) -> keras.initializers.Initializer:
    """Return the initializer of prediction heads in google/automl.

    See `efficientdet_keras.py` there.

    Args:
        is_separable: Boolean, whether the convolutions are separable.
    """
    if is_separable:
        return keras.initializers.VarianceScaling()
    return keras.initializers.RandomNormal(stddev=0.01)


def prior_bias_initializer(
    probability: float = 0.01,
) -> keras.initializers.Initializer:
    """Return the logit of the initial probability of a class at an anchor.

    From focal loss, https://arxiv.org/abs/1708.02002, section 4.1: without it
    the many background anchors dominate the loss in the first steps.

    Args:
        probability: Float in (0, 1). Defaults to 0.01.
    """
    return keras.initializers.Constant(-math.log(1 / probability - 1))
