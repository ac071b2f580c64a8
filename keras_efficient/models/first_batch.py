"""The first batch of the data passed to a model, validated before its use."""

from typing import Any

import keras

from keras_efficient.data.value_ranges import warn_if_unit_range
from keras_efficient.internals import keras_internals
from keras_efficient.layers import ImageNormalization

# Images whose pixels are inspected.
MAX_IMAGES = 8


def first_batch(x: Any, y: Any = None) -> Any:
    """Return the first batch of the data of `fit`.

    Args:
        x: First argument of `fit`.
        y: Second argument of `fit`.

    Returns:
        A pair `(x, y)` of arrays, the first item of a dataset, or `None` if
        reading it would consume it.
    """
    if y is not None or keras.ops.is_tensor(x) or hasattr(x, "__array__"):
        return x, y
    if isinstance(x, keras.utils.PyDataset):
        return x[0]
    if not hasattr(x, "__iter__") or hasattr(x, "__next__"):
        return None
    return next(iter(x), None)


def warn_if_batch_is_scaled(model: keras.Model, batch: Any) -> None:
    """Warn if a model that normalizes images receives pixels in `[0, 1]`.

    Args:
        model: A model that has no or one layer `ImageNormalization`.
        batch: A batch, as `first_batch` returns it.
    """
    if isinstance(batch, dict):
        batch = batch.get("images")
    images = batch[0] if isinstance(batch, tuple | list) else batch
    if len(getattr(images, "shape", ())) != 4:
        return
    layers = keras_internals.all_layers(model)
    if any(isinstance(layer, ImageNormalization) for layer in layers):
        part = images[:MAX_IMAGES]
        warn_if_unit_range(keras.ops.convert_to_numpy(part))
