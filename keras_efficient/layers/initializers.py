"""Initial weights of the networks, as in their released code."""

import math

import keras


def conv_kernel_initializer():
    """Normal with variance 2 / fan_out; a new seed at each call.

    Truncated at two standard deviations as in `keras.applications`; the
    variance is that of `conv_kernel_initializer` in `tensorflow/tpu`.
    """
    return keras.initializers.VarianceScaling(
        scale=2.0, mode="fan_out", distribution="truncated_normal"
    )


def dense_kernel_initializer():
    """Uniform within +-1 / sqrt(classes)."""
    return keras.initializers.VarianceScaling(
        scale=1.0 / 3.0, mode="fan_out", distribution="uniform"
    )


def head_kernel_initializer(is_separable):
    """Of a detector's heads: google/automl, `efficientdet_keras.py`."""
    if is_separable:
        return keras.initializers.VarianceScaling()
    return keras.initializers.RandomNormal(stddev=0.01)


def prior_bias_initializer(probability=0.01):
    """The logit of a class's probability at an anchor before training.

    From focal loss, https://arxiv.org/abs/1708.02002, section 4.1: without it
    the many anchors without object outweigh all else in the first steps.
    """
    return keras.initializers.Constant(-math.log(1 / probability - 1))
