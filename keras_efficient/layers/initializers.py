"""Initial weights of EfficientNet, as in its released code."""

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
