"""Initial weights drawn on the host, by NumPy.

On JAX each initial weight of a new shape is a program to compile, and a B0
takes 19 s to build. NumPy draws the same distributions in milliseconds, and
after one `keras.utils.set_random_seed` the same numbers on all backends.
"""

import math

import keras
import numpy as np

# Standard deviation of a unit normal distribution cut off at +-2.
TRUNCATED_DEVIATION = 0.87962566103423978


class HostInitialization:
    """Mixin of layers: draws the initial weights of Keras' initializers.

    The layer's initializers and its config stay as they are. Initializers
    that are not Keras' own, or that share a `SeedGenerator`, run as they are.
    """

    def add_weight(self, *args, **kwargs):
        """`keras.layers.Layer.add_weight`, with the values from NumPy."""
        if kwargs.get("initializer") is not None:
            kwargs["initializer"] = host_initializer(
                keras.initializers.get(kwargs["initializer"])
            )
        return super().add_weight(*args, **kwargs)


def host_initializer(initializer):
    """The same initializer on the host; itself where there is no such form."""
    draw = _draw_of(type(initializer))
    if draw is None or not isinstance(getattr(initializer, "seed", 0), int):
        return initializer

    def on_host(shape, dtype=None, **kwargs):
        values = draw(initializer, shape)
        return values.astype(keras.backend.standardize_dtype(dtype))

    return on_host


def _draw_of(cls):
    """The draw of Keras' initializer that `cls` is, or inherits unchanged."""
    for base in cls.__mro__:
        if base in _DRAWS:
            return _DRAWS[base]
        if "__call__" in vars(base):
            return None
    return None


def _normal(generator, shape, mean, deviation):
    return mean + deviation * generator.standard_normal(shape)


def _truncated_normal(generator, shape, mean, deviation):
    values = generator.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = generator.standard_normal(outside.sum())
        outside = np.abs(values) > 2
    return mean + deviation * values


def _generator(initializer):
    return np.random.default_rng(initializer.seed)


def _draw_normal(initializer, shape):
    generator = _generator(initializer)
    return _normal(generator, shape, initializer.mean, initializer.stddev)


def _draw_truncated_normal(initializer, shape):
    generator = _generator(initializer)
    return _truncated_normal(
        generator, shape, initializer.mean, initializer.stddev
    )


def _draw_uniform(initializer, shape):
    return _generator(initializer).uniform(
        initializer.minval, initializer.maxval, shape
    )


def _draw_variance_scaling(initializer, shape):
    fan_in, fan_out = _fans(shape)
    fan = {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
    }[initializer.mode]
    scale = initializer.scale / max(1.0, fan)
    generator = _generator(initializer)
    if initializer.distribution == "uniform":
        limit = math.sqrt(3 * scale)
        return generator.uniform(-limit, limit, shape)
    if initializer.distribution == "untruncated_normal":
        return _normal(generator, shape, 0.0, math.sqrt(scale))
    deviation = math.sqrt(scale) / TRUNCATED_DEVIATION
    return _truncated_normal(generator, shape, 0.0, deviation)


def _fans(shape):
    """Inputs and outputs of one unit, for kernels of any rank."""
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    receptive_field = math.prod(shape[:-2])
    return shape[-2] * receptive_field, shape[-1] * receptive_field


_DRAWS = {
    keras.initializers.Zeros: lambda initializer, shape: np.zeros(shape),
    keras.initializers.Ones: lambda initializer, shape: np.ones(shape),
    keras.initializers.Constant: lambda initializer, shape: np.broadcast_to(
        np.asarray(initializer.value), shape
    ),
    keras.initializers.RandomNormal: _draw_normal,
    keras.initializers.TruncatedNormal: _draw_truncated_normal,
    keras.initializers.RandomUniform: _draw_uniform,
    keras.initializers.VarianceScaling: _draw_variance_scaling,
}
