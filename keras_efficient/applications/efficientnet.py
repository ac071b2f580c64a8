"""EfficientNet with the layers of `keras.applications.efficientnet`."""

import functools
from collections.abc import Callable
from typing import ParamSpec

from keras_efficient import models
from keras_efficient.models import EfficientNet
from keras_efficient.models import decode_predictions
from keras_efficient.models import preprocess_input

_Arguments = ParamSpec("_Arguments")

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]


def _unrolled(
    build: Callable[_Arguments, EfficientNet],
) -> Callable[_Arguments, EfficientNet]:
    """Return the function with another default of `unroll_blocks`."""

    @functools.wraps(build)
    def build_unrolled(
        *args: _Arguments.args, **kwargs: _Arguments.kwargs
    ) -> EfficientNet:
        kwargs.setdefault("unroll_blocks", True)
        return build(*args, **kwargs)

    return build_unrolled


EfficientNetB0 = _unrolled(models.EfficientNetB0)
EfficientNetB1 = _unrolled(models.EfficientNetB1)
EfficientNetB2 = _unrolled(models.EfficientNetB2)
EfficientNetB3 = _unrolled(models.EfficientNetB3)
EfficientNetB4 = _unrolled(models.EfficientNetB4)
EfficientNetB5 = _unrolled(models.EfficientNetB5)
EfficientNetB6 = _unrolled(models.EfficientNetB6)
EfficientNetB7 = _unrolled(models.EfficientNetB7)
