"""Initial weights drawn on the host by NumPy.

On JAX each initial weight of a new shape is a program to compile, so that B0
takes 19 seconds to build. NumPy draws from the same distributions in
milliseconds, and after `keras.utils.set_random_seed` the same numbers on all
backends.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_efficient.types import Initializer

# Standard deviation of a standard normal distribution truncated at +-2.
TRUNCATED_DEVIATION = 0.87962566103423978


class HostInitialization(keras.layers.Layer):
    """Mixin of layers that draws initial weights by NumPy.

    The initializers of the layer and its configuration are unchanged.
    Initializers that Keras does not define, or that share a `SeedGenerator`,
    run as usual.
    """

    def add_weight(self, *args: Any, **kwargs: Any) -> keras.Variable:
        """Add a weight as `keras.layers.Layer` does, initialized by NumPy."""
        if kwargs.get("initializer") is not None:
            kwargs["initializer"] = host_initializer(
                keras.initializers.get(kwargs["initializer"])
            )
        return super().add_weight(*args, **kwargs)


def host_initializer(initializer: Initializer) -> Initializer:
    """Return an initializer that runs on the host.

    Args:
        initializer: A `keras.initializers.Initializer`.

    Returns:
        A callable with the same distribution, or `initializer` itself if it
        has no implementation in NumPy.
    """
    draw = _draw_of(type(initializer))
    if draw is None or not isinstance(getattr(initializer, "seed", 0), int):
        return initializer

    def on_host(
        shape: tuple[int, ...], dtype: Any = None, **kwargs: Any
    ) -> np.ndarray:
        values = draw(initializer, shape)
        return values.astype(keras.backend.standardize_dtype(dtype))

    return on_host


def _draw_of(cls: type) -> Callable[..., np.ndarray] | None:
    """Return the function for a class that is an initializer of Keras.

    A subclass counts if it inherits `__call__` unchanged.
    """
    for base in cls.__mro__:
        if base in _DRAWS:
            return _DRAWS[base]
        if "__call__" in vars(base):
            return None
    return None


def _normal(
    generator: np.random.Generator,
    shape: tuple[int, ...],
    mean: float,
    deviation: float,
) -> np.ndarray:
    return mean + deviation * generator.standard_normal(shape)


def _truncated_normal(
    generator: np.random.Generator,
    shape: tuple[int, ...],
    mean: float,
    deviation: float,
) -> np.ndarray:
    values = generator.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = generator.standard_normal(outside.sum())
        outside = np.abs(values) > 2
    return mean + deviation * values


def _generator(initializer: Initializer) -> np.random.Generator:
    return np.random.default_rng(initializer.seed)


def _draw_normal(
    initializer: Initializer, shape: tuple[int, ...]
) -> np.ndarray:
    generator = _generator(initializer)
    return _normal(generator, shape, initializer.mean, initializer.stddev)


def _draw_truncated_normal(
    initializer: Initializer, shape: tuple[int, ...]
) -> np.ndarray:
    generator = _generator(initializer)
    return _truncated_normal(
        generator, shape, initializer.mean, initializer.stddev
    )


def _draw_uniform(
    initializer: Initializer, shape: tuple[int, ...]
) -> np.ndarray:
    return _generator(initializer).uniform(
        initializer.minval, initializer.maxval, shape
    )


def _draw_variance_scaling(
    initializer: Initializer, shape: tuple[int, ...]
) -> np.ndarray:
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


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return fan in and fan out, for kernels of any rank."""
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    receptive_field = math.prod(shape[:-2])
    return shape[-2] * receptive_field, shape[-1] * receptive_field


_DRAWS: dict[type, Callable[..., np.ndarray]] = {
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
