"""Type aliases shared by the annotations of the package.

Keras has no type of its own for "a tensor of the active backend", so `Tensor`
is `Any`; docstrings state shape, dtype and range.
"""

import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Literal
from typing import TypeAlias

# A tensor of the active backend, a `keras.KerasTensor` or a NumPy array.
Tensor: TypeAlias = Any
# Dimensions of a tensor; `None` where a dimension is unknown.
Shape: TypeAlias = tuple[int | None, ...]
DataFormat: TypeAlias = Literal["channels_last", "channels_first"]
Padding: TypeAlias = Literal["same", "valid", "symmetric"]
# The two kinds of models of this package.
Task: TypeAlias = Literal["classification", "detection"]
PathLike: TypeAlias = str | os.PathLike[str]
# Name, config or callable, as `keras.activations.get` and
# `keras.initializers.get` accept them.
Activation: TypeAlias = Any
Initializer: TypeAlias = Any
# A path, encoded bytes, a `PIL.Image.Image` or an array of shape
# `(height, width, 3)`.
ImageLike: TypeAlias = Any
# What `fit` logs: one list of floats for each metric, one number an epoch.
Logs: TypeAlias = Mapping[str, Sequence[float]]
# Called with an iterator of results and their number; returns an iterable of
# the same results that shows progress, as `tqdm` does.
Progress: TypeAlias = Callable[[Iterator[Any], int], Iterable[Any]]
# Called with an image that cannot be read and the exception.
ErrorHandler: TypeAlias = Callable[[ImageLike, Exception], object]
# `matplotlib.figure.Figure` and `matplotlib.axes.Axes`; matplotlib is optional.
Figure: TypeAlias = Any
Axes: TypeAlias = Any
